"""What S3 and the tools behind its credentials refuse, each as one clause that says which it is and how to mend it"""

import re
from dataclasses import dataclass
from typing import Final

_SECRETS: Final = re.compile(
    r"(?i)((?:x-amz-|aws_?)?(?:signature|credential|security-token|session_?token|secret\w*)[=:\s>\"]+)[^\s&<\"]+"
)
_USERINFO: Final = re.compile(r"(//)[^@\s]+@")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a store is reached, for what is to be said about it. No secrets."""

    bucket: str
    endpoint: str
    region: str
    profile: str  # of ~/.aws; empty where the variables name the keys
    uses_sso: bool = False  # the profile logs in at an identity provider
    method: str = ""  # by which botocore found the credentials

    @property
    def renewal(self) -> str:
        """How to get credentials that hold."""
        if self.uses_sso:
            return f"log in again: aws sso login --profile {self.profile}"
        if self.method == "login":
            return f"log in again: aws login --profile {self.profile}"
        if self.method == "env" or not self.profile:
            return "renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        return f"renew what profile {self.profile} has in ~/.aws"


def explain_code(code: str, access: Access, region: str = "") -> str:
    """What an error code of S3 or of AWS's token service means; ``region`` is the bucket's own, where the answer names it."""
    where = access.endpoint
    match code:
        case "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired":
            return f"the session at {where} is over ({code}); {access.renewal}"
        case "InvalidToken" | "InvalidClientTokenId" | "UnrecognizedClientException" | "UnauthorizedException":
            return f"{where} does not know the session token ({code}); {access.renewal}, or unset a token of other keys"
        case "InvalidAccessKeyId":
            return f"{where} refuses the credentials: it does not know the access key ({code}); mend AWS_ACCESS_KEY_ID"
        case "SignatureDoesNotMatch":
            return f"{where} refuses the credentials: the secret is not the key's ({code}); mend AWS_SECRET_ACCESS_KEY"
        case "RequestTimeTooSkewed":
            return f"{where} says that this machine's clock is wrong ({code}); set it, for example: timedatectl set-ntp true"
        case "403" | "AccessDenied" | "Forbidden" | "ForbiddenException" | "AllAccessDisabled" | "AccountProblem":
            rights = "s3:ListBucket, s3:GetObject and s3:PutObject"
            return (
                f"{where} refuses the credentials: they may not use bucket {access.bucket} ({code}); ask its owner for {rights}"
            )
        case (
            "301"
            | "307"
            | "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
        ):
            right = (
                f"in region {region}, not {access.region}; set AWS_REGION={region}"
                if region
                else "in another region; set AWS_REGION"
            )
            return f"bucket {access.bucket} is {right} ({code} from {where})"
        case "404" | "NoSuchBucket":
            return f"bucket {access.bucket} does not exist at {where}; create it first"
        case (
            "503"
            | "SlowDown"
            | "ServiceUnavailable"
            | "RequestLimitExceeded"
            | "429"
            | "TooManyRequests"
            | "500"
            | "InternalError"
        ):
            return f"{where} is overloaded or fails ({code}); wait and run again"
        case "507" | "QuotaExceeded" | "QuotaExceededException" | "InsufficientStorage" | "XMinioStorageFull":
            return f"no space left at {where} ({code}); free some there"
        case "501" | "NotImplemented":
            return f"{where} lacks conditional writes ({code}), which pointers and tables need; use a newer server"
        case _:
            return f"{where} answered {code}; see its log, then run again"


def explain_error(kind: str, text: str, access: Access) -> str:
    """What an exception of botocore means, by the name of its class and its message."""
    where, profile = access.endpoint, access.profile or "default"
    match kind:
        case "NoCredentialsError":
            return "it needs credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        case "PartialCredentialsError":
            return f"half of the credentials are missing ({_plain(text)}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        case "SSOTokenLoadError" | "UnauthorizedSSOTokenError" | "SSOError" | "TokenRetrievalError" | "NoAuthTokenError":
            return f"the login of profile {profile} is over; log in again: aws sso login --profile {profile}"
        case (
            "LoginError"
            | "LoginRefreshRequired"
            | "LoginTokenLoadError"
            | "LoginInsufficientPermissions"
            | "LoginAuthorizationCodeError"
        ):
            return f"the login of profile {profile} is over; log in again: aws login --profile {profile}"
        case "CredentialRetrievalError" if "custom-process" in text:
            return f"the credential_process of profile {profile} failed; run its command by hand to see why, then run again"
        case "CredentialRetrievalError" | "MetadataRetrievalError":
            return f"the credentials of profile {profile} could not be fetched ({_plain(text)}); {access.renewal}"
        case "RefreshWithMFAUnsupportedError":
            return f"the session of profile {profile} is over and asks for a code; {access.renewal}"
        case "ProfileNotFound" | "ConfigParseError" | "ConfigNotFound" | "InvalidConfigError" | "InfiniteLoopConfigError":
            return f"{_plain(text)}; mend ~/.aws/config or AWS_PROFILE"
        case "UnknownCredentialError":
            return f"{_plain(text)}; mend profile {profile} in ~/.aws/config"
        case "InvalidRegionError":
            return f"{access.region!r} is no region; mend AWS_REGION"
        case "ProxyConnectionError":
            return f"the proxy before {where} does not answer; mend HTTPS_PROXY, or name the endpoint's host in NO_PROXY"
        case "SSLError" if "CERTIFICATE_VERIFY_FAILED" in text:
            return f"{where} shows a certificate that is not trusted here; name its authority's file in AWS_CA_BUNDLE"
        case "SSLError":
            return f"{where} does not answer in TLS ({_reason(text)}); is it http:// in AWS_ENDPOINT_URL?"
        case "ResponseParserError":
            return f"{where} does not answer as S3 does; mend AWS_ENDPOINT_URL"
        case _ if any(
            sign in text for sign in ("Name or service not known", "Failed to resolve", "NameResolution", "getaddrinfo")
        ):
            return f"{where} does not answer: its name is not known here; mend AWS_ENDPOINT_URL, or the network"
        case "ConnectTimeoutError" | "ReadTimeoutError" | "EndpointConnectionError" | "ConnectionClosedError" | "HTTPClientError":
            return f"{where} does not answer ({kind}); start it or mend AWS_ENDPOINT_URL"
        case _:
            return f"{where} does not answer ({kind}: {_plain(text)})"


def code_in(text: str) -> str:
    """The error code in an answer of S3 that a message quotes; empty where there is none."""
    found = re.search(r"<Code>(\w+)</Code>", text)
    return found[1] if found else ""


def without_secrets(text: str) -> str:
    """The text without signatures, tokens, secrets, and without passwords in addresses."""
    return _USERINFO.sub(r"\1", _SECRETS.sub(r"\1***", text))


def _plain(text: str) -> str:
    """One line of at most 200 characters, without secrets."""
    return without_secrets(" ".join(text.split()))[:200].rstrip(".")


def _reason(text: str) -> str:
    found = re.search(r"\[SSL: ?([A-Z_]+)\]", text)
    return found[1] if found else "SSLError"
