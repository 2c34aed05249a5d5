"""What S3 and the tools behind credentials refuse: one line each, which says which it is and how to mend it"""

import json
import logging
import re
import stat
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.s3_faults import without_secrets
from infra.s3_store import S3Store
from infra.store import StoreUnreachableError
from infra.tables import append_rows, read_rows, rows_from
from tests.infra.test_tables import reading

SECRET, TOKEN = "the+secret/of+the+key", "the-token-of-the-session"
LEAK = f"<StringToSign>AWS4 {SECRET}</StringToSign><CanonicalRequest>x-amz-security-token:{TOKEN}</CanonicalRequest>"


class FakeAws(ThreadingHTTPServer):
    """Answers HEAD as Amazon does: without a body, and hence without a code."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self.status, self.code, self.headers = 200, "", dict[str, str]()
        self.keys: list[str] = []  # access keys and tokens that requests came with


class _Handler(BaseHTTPRequestHandler):
    server: FakeAws

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = re.search(r"Credential=([^/]+)", self.headers.get("Authorization", ""))
        self.server.keys.append(f"{found[1] if found else ''} {self.headers.get('x-amz-security-token', '')}".strip())
        there = self.path.count("/") < 2 or "list-type" in self.path
        status = self.server.status if self.server.status != 200 or there or self.command == "PUT" else 404
        body = b"<ListBucketResult></ListBucketResult>" if there else b""
        if status != 200:
            code = self.server.code or "NoSuchKey"
            body = f"<Error><Code>{code}</Code><Message>No.</Message><Region>eu-north-1</Region>{LEAK}</Error>".encode()
        if self.command == "POST":  # the token service wraps its errors once more
            body = b"<ErrorResponse>" + body + b"</ErrorResponse>"
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeAws]:
    """A server, keys for it, and no other settings."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with FakeAws() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        settings = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
            "HOME": str(tmp_path),
        }
        settings |= {"AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server
        server.shutdown()


def refusal(home: Path) -> str:
    """What opening a store says."""
    with pytest.raises(StoreUnreachableError) as caught:
        S3Store("s3://worlds/a", home=home)
    said = str(caught.value)
    assert said.startswith("store s3://worlds/a: ") and "\n" not in said
    assert SECRET not in said and TOKEN not in said
    return said


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, "ExpiredToken", "the session at .* is over .*renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"),
        (403, "RequestExpired", "the session at .* is over"),
        (403, "InvalidToken", "does not know the session token"),
        (403, "InvalidAccessKeyId", "does not know the access key"),
        (403, "SignatureDoesNotMatch", "the secret is not the key's"),
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
        (403, "AccessDenied", "may not use bucket worlds .*s3:ListBucket"),
        (400, "AuthorizationHeaderMalformed", "bucket worlds is in region eu-north-1, not us-east-1; set AWS_REGION=eu-north-1"),
        (404, "NoSuchBucket", "bucket worlds does not exist"),
        (503, "SlowDown", r"overloaded or fails \(503\)"),
        (418, "Teapot", "answered 418; see its log"),
    ],
)
def test_what_the_server_refuses_is_said(status: int, code: str, says: str, aws: FakeAws, tmp_path: Path) -> None:
    aws.status, aws.code = status, code
    said = refusal(tmp_path)
    assert re.search(says, said), said
    assert aws.endpoint in said


def test_the_region_of_a_bucket_is_told_by_the_header_alone(aws: FakeAws, tmp_path: Path) -> None:
    aws.status, aws.code, aws.headers = 301, "PermanentRedirect", {"x-amz-bucket-region": "eu-central-1"}
    assert "is in region eu-central-1, not us-east-1; set AWS_REGION=eu-central-1" in refusal(tmp_path)


def test_a_session_that_ends_while_the_store_is_used_is_named_for_objects_pointers_and_tables(
    aws: FakeAws, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = S3Store("s3://worlds/a", home=tmp_path / "cache")
    video = tmp_path / "video.mp4"
    video.write_bytes(b"frames")
    aws.status, aws.code = 400, "ExpiredToken"
    tries = (
        lambda: store.put_file(video),
        lambda: store.put_bytes(b"x", "bin"),
        lambda: store.put_named("current", b"x"),
        lambda: store.get_named("current"),
        lambda: store.exists("0" * 64),
        lambda: read_rows(store, "readings"),
        lambda: append_rows(store, "readings", rows_from([reading()])),
    )
    for attempt in tries:
        with pytest.raises(StoreUnreachableError, match=r"s3://worlds/a.*the session at .* is over \(ExpiredToken\)") as caught:
            attempt()
        said = str(caught.value)
        assert "\n" not in said and "\x1b" not in said and SECRET not in said and TOKEN not in said
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("botocore", "urllib3", "boto3", "s3t"))
    ]
    assert not any(SECRET in line or TOKEN in line for line in ours)


def test_a_table_that_is_refused_for_its_region_says_which_is_right(aws: FakeAws, tmp_path: Path) -> None:
    aws.headers = {"x-amz-bucket-region": "eu-central-1"}
    store = S3Store("s3://worlds/a", home=tmp_path / "cache")
    aws.status, aws.code = 400, "AuthorizationHeaderMalformed"
    with pytest.raises(StoreUnreachableError, match=r"table readings .* set AWS_REGION=eu-central-1"):
        read_rows(store, "readings")


CONFIG = """
[profile lab]
sso_session = lab
sso_account_id = 111122223333
sso_role_name = Researcher
[profile old]
sso_start_url = https://example.invalid/start
sso_region = us-east-1
sso_account_id = 111122223333
sso_role_name = Researcher
[sso-session lab]
sso_start_url = https://example.invalid/start
sso_region = us-east-1
[profile tool]
credential_process = /bin/false
[profile absent-tool]
credential_process = /nowhere/tool
[profile half]
aws_access_key_id = key
[profile loop]
role_arn = arn:aws:iam::1:role/x
source_profile = nobody
[profile role]
role_arn = arn:aws:iam::1:role/x
source_profile = keys
[profile keys]
aws_access_key_id = key
aws_secret_access_key = secret
"""


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("lab", "the login of profile lab is over; log in again: aws sso login --profile lab"),
        ("old", "log in again: aws sso login --profile old"),
        ("tool", "the credential_process of profile tool failed; run its command by hand"),
        ("absent-tool", "credential_process of profile absent-tool"),
        ("half", "half of the credentials are missing .*aws_secret_access_key"),
        ("loop", "nobody.*mend ~/.aws/config"),
        ("research", r"\(research\) could not be found; mend ~/.aws/config or AWS_PROFILE"),
        ("role", "AssumeRole: the session at .* is over .*renew what profile role has"),
        ("", "needs credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
    ],
)
def test_what_is_wrong_with_credentials_is_said(
    profile: str, says: str, aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    aws.status, aws.code = 400, "ExpiredToken"  # what the token service says to the role
    said = refusal(tmp_path)
    assert re.search(says, said), said


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("http://127.0.0.1:9", r"127.0.0.1:9 does not answer \(EndpointConnectionError\); start it or mend AWS_ENDPOINT_URL"),
        ("http://no-such-host.invalid", "its name is not known here; mend AWS_ENDPOINT_URL, or the network"),
        ("https://{plain}", r"does not answer in TLS \(.*\); is it http:// in AWS_ENDPOINT_URL"),
        ("http://someone:password@127.0.0.1:9", r"http://(\*\*\*@)?127.0.0.1:9 does not answer"),
        ("nonsense", "AWS_ENDPOINT_URL"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_is_said(
    endpoint: str, says: str, aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.format(plain=aws.endpoint.removeprefix("http://")))
    said = refusal(tmp_path)
    assert re.search(says, said), said
    assert "password" not in said


def test_tables_get_the_credentials_that_objects_have_and_renewed_ones_when_those_are_over(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, count = tmp_path / "tool", tmp_path / "count"
    over = (datetime.now(UTC) + timedelta(minutes=3)).isoformat()  # so soon that botocore asks the tool every time
    tool.write_text(
        f"#!{sys.executable}\nimport json, pathlib\ncount = pathlib.Path({str(count)!r})\n"
        "number = int(count.read_text()) + 1 if count.exists() else 1\ncount.write_text(str(number))\n"
        "keys = {'Version': 1, 'AccessKeyId': f'key{number}', 'SecretAccessKey': 's', 'SessionToken': f'token{number}'}\n"
        f"print(json.dumps(keys | {{'Expiration': {over!r}}}))\n"
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "config").write_text(f"[profile tool]\ncredential_process = {tool}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-other-keys")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "tool")
    store = S3Store("s3://worlds/a", home=tmp_path / "cache")
    for _ in range(2):
        aws.keys.clear()
        read_rows(store, "readings")
        number = count.read_text()
        assert aws.keys and set(aws.keys) == {f"key{number} token{number}"}


def test_permanent_keys_are_not_sent_with_a_token_of_others(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile keys]\naws_access_key_id = mine\naws_secret_access_key = s\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "keys")
    store = S3Store("s3://worlds/a", home=tmp_path / "cache")
    read_rows(store, "readings")
    assert set(aws.keys) == {"mine"}


@pytest.mark.parametrize("text", [
    f"GET http://h/b?X-Amz-Signature={SECRET}&X-Amz-Security-Token={TOKEN} failed", f"aws_secret_access_key: {SECRET}",
    f"http://user:{SECRET}@host/ x-amz-security-token:{TOKEN}", json.dumps({"aws_session_token": TOKEN}),
])  # fmt: skip
def test_secrets_are_taken_out_of_what_is_quoted(text: str) -> None:
    assert SECRET not in without_secrets(text) and TOKEN not in without_secrets(text)
