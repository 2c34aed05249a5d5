"""The store on S3. The only file that knows boto3; endpoint and credentials come from the ``AWS_*`` variables."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

from infra.address import StoreAddress, parse_address
from infra.digest import sha256_of, sha256_of_file
from infra.errors import StoreUnreachableError, naming_full_disk
from infra.local_store import sweep_scratch, write_atomically
from infra.objects import check_pointer, corrupt, missing, object_key, object_name, verified
from infra.s3_faults import Access, code_in, explain_code, explain_error, without_secrets
from infra.surroundings import cache_folder

CONNECT_SECONDS: Final = 2.0  # with three attempts an absent endpoint is named within ten seconds
READ_SECONDS: Final = 30.0
ATTEMPTS: Final = 3
CACHE_BYTES: Final = 20 * 2**30  # of downloaded objects a store and user
_OF_LOGINS: Final = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials", "GetSessionToken", "CreateToken"})
_PART_BYTES: Final = 64 * 2**20  # larger files go up in parts of this


class S3Store:
    """Objects, pointers and tables below ``s3://bucket/prefix``; downloads are kept in a bounded folder."""

    def __init__(self, root: str | StoreAddress, home: Path | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        self.address = root if isinstance(root, StoreAddress) else parse_address(root)
        self.uri, self.bucket = str(self.address), self.address.bucket
        self.home = home or cache_folder() / "worldloom" / sha256_of(self.uri.encode())[:16]
        self.cache_bytes = cache_bytes
        with self._naming_faults():
            self._session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": "path"},
        )
        self._region = self._session.region_name or "us-east-1"
        with self._naming_faults():
            if self._credentials().token is None:
                os.environ.pop("AWS_SESSION_TOKEN", None)  # of keys that are not used; delta-rs would send it with these
            self._client = self._connect(config)
            self._bucket_region = str(self._client.head_bucket(Bucket=self.bucket).get("BucketRegion", ""))
        self._swept = False

    @property
    def endpoint(self) -> str:
        """The address that requests go to."""
        return str(self._client.meta.endpoint_url) if hasattr(self, "_client") else os.environ.get("AWS_ENDPOINT_URL", "AWS")

    def put_bytes(self, data: bytes, suffix: str) -> str:
        name = object_name(sha256_of(data), suffix)
        if self._size(self.address.key(object_key(name))) != len(data):
            self._put_if(object_key(name), data, {"IfNoneMatch": "*"})
            self._check_size(name, len(data))
        return name

    def put_file(self, path: Path, suffix: str | None = None) -> str:
        name = object_name(sha256_of_file(path), path.suffix if suffix is None else suffix)
        size = path.stat().st_size
        if self._size(self.address.key(object_key(name))) != size:
            transfer = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4)
            with self._naming_faults():
                self._client.upload_file(str(path), self.bucket, self.address.key(object_key(name)), Config=transfer)
            self._check_size(name, size)
        return name

    def get_bytes(self, name: str) -> bytes:
        data = self._get(object_key(name))
        if data is None:
            raise missing(name, self.uri)
        return verified(name, data, self.uri)

    def local_path(self, name: str) -> Path:
        path = self.home / object_key(name)
        if path.exists():  # it was verified before it was renamed to here
            with contextlib.suppress(OSError):  # a cache that keeps no times loses others first
                os.utime(path)
            return path
        size = self._size(self.address.key(object_key(name)))
        if size is None:
            raise missing(name, self.uri)
        self._make_room(size)

        def download(temporary: Path) -> None:
            with self._naming_faults():
                self._client.download_file(self.bucket, self.address.key(object_key(name)), str(temporary))
            if sha256_of_file(temporary) != name[:64]:
                raise corrupt(name, self.uri)

        with naming_full_disk(self.scratch(), size):
            write_atomically(self.scratch(), path, download)
        return path

    def exists(self, name: str) -> bool:
        return self._size(self.address.key(object_key(name))) is not None

    def put_named(self, name: str, data: bytes) -> None:
        self._put_if(f"named/{check_pointer(name)}", data, {})

    def swap_named(self, name: str, expected: bytes | None, data: bytes) -> bool:
        key = f"named/{check_pointer(name)}"
        if expected is None:
            return self._put_if(key, data, {"IfNoneMatch": "*"})
        found = self._fetch(key)
        if found is None or found[0] != expected:
            return False
        return self._put_if(key, data, {"IfMatch": found[1]})

    def get_named(self, name: str) -> bytes | None:
        return self._get(f"named/{check_pointer(name)}")

    def table_uri(self, table: str) -> str:
        return f"{self.address.table_root}/tables/{table}"

    def table_options(self) -> dict[str, str]:
        with self._naming_faults():
            frozen = self._credentials()
        options = {
            "aws_access_key_id": frozen.access_key,
            "aws_secret_access_key": frozen.secret_key,
            "aws_region": self._region,
            "aws_endpoint": self.endpoint,
            "aws_allow_http": str(self.endpoint.startswith("http://")).lower(),
            "aws_virtual_hosted_style_request": "false",
            "aws_conditional_put": "etag",
            "connect_timeout": f"{CONNECT_SECONDS:.0f}s",
            "timeout": f"{READ_SECONDS:.0f}s",
            "max_retries": str(ATTEMPTS),
            "retry_timeout": "10s",
        }
        return options | ({"aws_session_token": frozen.token} if frozen.token else {})

    def explain(self, text: str) -> str:
        """Where the message quotes no code, the bucket is asked anew: what is wrong with it, boto3 tells better."""
        if code := code_in(text):
            return explain_code(code, self._access(self._method()), self._bucket_region)
        try:
            with self._naming_faults():
                self._client.head_bucket(Bucket=self.bucket)
        except StoreUnreachableError as error:
            return str(error).removeprefix(f"store {self.uri}: ")
        return without_secrets(text)[:300]

    def committing(self) -> AbstractContextManager[None]:
        return nullcontext()  # a conditional put fails where another was faster

    def scratch(self) -> Path:
        folder = self.home / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        if not self._swept:
            sweep_scratch(folder)
            self._swept = True
        return folder

    def _put_if(self, key: str, data: bytes, condition: dict[str, str]) -> bool:
        """Put unless the condition fails; say whether it was put."""
        try:
            with self._naming_faults("PreconditionFailed", "ConditionalRequestConflict"):
                self._client.put_object(Bucket=self.bucket, Key=self.address.key(key), Body=data, **condition)
            return True
        except ClientError:
            return False

    def _get(self, key: str) -> bytes | None:
        found = self._fetch(key)
        return None if found is None else found[0]

    def _fetch(self, key: str) -> tuple[bytes, str] | None:
        """Content and entity tag."""
        try:
            with self._naming_faults("NoSuchKey", "404"):
                answer = self._client.get_object(Bucket=self.bucket, Key=self.address.key(key))
                return answer["Body"].read(), answer["ETag"]
        except ClientError:
            return None

    def _size(self, key: str) -> int | None:
        try:
            with self._naming_faults("NoSuchKey", "404"):
                return int(self._client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])
        except ClientError:
            return None

    def _check_size(self, name: str, expected: int) -> None:
        if self._size(self.address.key(object_key(name))) != expected:
            raise corrupt(name, self.uri)

    def _make_room(self, size: int) -> None:
        """Delete the downloads that were not read for longest, until ``size`` more bytes fit."""
        cached = [(path.stat().st_mtime, path.stat().st_size, path) for path in self.home.glob("objects/*/*")]
        total = sum(entry[1] for entry in cached) + size
        for _, held, path in sorted(cached):
            if total <= self.cache_bytes:
                return
            path.unlink(missing_ok=True)
            total -= held

    def _connect(self, config: Config) -> Any:
        try:
            return self._session.client("s3", config=config, region_name=self._region)
        except ValueError as error:  # what botocore has no class for
            if isinstance(error, BotoCoreError):
                raise
            raise StoreUnreachableError(
                f"store {self.uri}: {without_secrets(str(error))}; write http://host:port into AWS_ENDPOINT_URL"
            ) from None

    def _credentials(self) -> Any:
        """Key, secret and token as botocore finds them, renewed where their time is up."""
        try:
            credentials = self._session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            return credentials.get_frozen_credentials()
        except (OSError, ValueError) as error:  # of a tool that is not there, or that prints no JSON
            if isinstance(error, BotoCoreError):
                raise
            raise CredentialRetrievalError(provider="custom-process", error_msg=type(error).__name__) from None

    def _access(self, method: str = "") -> Access:
        """What is to be said about how this store is reached; asks for nothing that could fail."""
        profile, uses_sso = "", False
        with contextlib.suppress(BotoCoreError, AttributeError):  # the latter where the session could not be made
            profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or self._session.profile_name
            settings = self._session._session.get_scoped_config()
            uses_sso = bool({"sso_session", "sso_start_url"} & set(settings))
        return Access(
            bucket=self.bucket,
            endpoint=without_secrets(self.endpoint),
            region=getattr(self, "_region", ""),
            profile="" if method == "env" else profile,
            uses_sso=uses_sso and method != "env",
            method=method,
        )

    @contextmanager
    def _naming_faults(self, *expected: str) -> Iterator[None]:
        """Turn what boto3 raises into one line with the endpoint; codes in ``expected`` go through as ``ClientError``."""
        try:
            yield
        except (BotoCoreError, Boto3Error, ClientError) as error:
            cause = error.__context__ if isinstance(error, Boto3Error) and error.__context__ is not None else error
            if isinstance(cause, ClientError) and _code(cause) in expected:
                raise cause from None
            raise StoreUnreachableError(f"store {self.uri}: {self._reason(cause)}") from None

    def _reason(self, error: BaseException) -> str:
        if not isinstance(error, ClientError):
            inner = getattr(error, "kwargs", {}).get("error", "")  # what the network said
            return explain_error(type(error).__name__, f"{error} {inner}", self._access())
        told = self._told_in_full(error)
        headers = told.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region") or told.response.get("Error", {}).get("Region", "")
        reason = explain_code(_code(told), self._access(self._method()), str(region))
        return f"{told.operation_name}: {reason}" if told.operation_name in _OF_LOGINS else reason

    def _method(self) -> str:
        """By which botocore found the credentials."""
        with contextlib.suppress(BotoCoreError, ClientError):
            return str(getattr(self._session.get_credentials(), "method", ""))
        return ""

    def _told_in_full(self, error: ClientError) -> ClientError:
        """The same refusal with its code: an answer to HEAD has no body and hence none, so the bucket is asked by GET."""
        if _code(error) not in ("400", "403") or not hasattr(self, "_client"):
            return error
        try:
            self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1)
        except ClientError as told:
            return error if _code(told).isdecimal() else told
        except BotoCoreError:
            pass
        return error


def _code(error: ClientError) -> str:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    return str(error.response.get("Error", {}).get("Code") or status)
