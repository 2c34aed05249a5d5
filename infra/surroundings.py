"""The process's environment: which variables are honoured, which are ignored, and which are changed for what we start.

The one place that decides. ``settle`` puts it into force at the start of a command, so that children see the same;
``describe`` says what it did, for ``worldloom doctor``.
"""

import fnmatch
import io
import ipaddress
import os
import pwd
import re
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from infra.allowance import affine_cores, cores
from infra.errors import WorldloomError

HONOURED: Final = "honoured"
IGNORED: Final = "ignored"
CHANGED: Final = "changed"
LOOPBACK: Final = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_SHOWN: Final = 100  # characters of a value
_SECRET: Final = re.compile(r"KEY|SECRET|TOKEN|PASSW|AUTH|HEADERS|CREDENTIALS$|DATABASE|COOKIE")
_USER: Final = re.compile(r"(?<=://)[^/?#]*@|^[^/?#@]*:[^/?#@]*@")  # user and password of an address
_PARAMETER: Final = re.compile(r"(?i)((?:password|token|key|secret|signature)\w*=)[^&;\s]*")


class SurroundingsError(WorldloomError):
    """Nothing here can be worked with: there is no folder for temporary files."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What becomes of the variables whose names match: case counts for none of them."""

    names: str  # patterns, with blanks between
    fate: str
    why: str

    def holds(self, name: str) -> bool:
        """Whether it speaks of this variable."""
        return any(fnmatch.fnmatchcase(name.upper(), pattern) for pattern in self.names.split())


RULES: Final = (
    Rule(names="NO_PROXY", fate=CHANGED, why="loopback is never proxied"),
    Rule(names="HTTP_PROXY HTTPS_PROXY", fate=HONOURED, why="on the way to S3; never on loopback"),
    Rule(names="ALL_PROXY", fate=CHANGED, why="stands for http_proxy and https_proxy where those are not set"),
    Rule(names="FTP_PROXY SOCKS_PROXY WS_PROXY WSS_PROXY *GRPC_PROXY", fate=IGNORED, why="nothing here goes that way"),
    Rule(names="PREFECT_*", fate=IGNORED, why="a run sees the settings of its own server alone"),
    Rule(names="UVICORN_* WEB_CONCURRENCY FORWARDED_ALLOW_IPS OTEL_*", fate=IGNORED, why="for other servers than ours"),
    Rule(names="RAY_*", fate=HONOURED, why="where pool.address names a cluster; a Ray on this machine sees none of them"),
    Rule(names="AWS_*", fate=HONOURED, why="for stores in s3://"),
    Rule(names="SSL_CERT_FILE SSL_CERT_DIR", fate=HONOURED, why="certificates of S3, where the place exists"),
    Rule(names="TMPDIR TEMP TMP", fate=HONOURED, why="temporary files, where they can be written; sockets go to a short folder"),
    Rule(names="HOME", fate=HONOURED, why="the folder for temporary files stands in where there is none"),
    Rule(names="XDG_CACHE_HOME", fate=HONOURED, why="what was downloaded from S3, where it can be written"),
    Rule(names="XDG_*", fate=HONOURED, why="by other programs, where it is no relative place; nothing of ours lies there"),
    Rule(names="LANG LANGUAGE LC_*", fate=HONOURED, why="by other programs; our files are UTF-8 in any locale"),
    Rule(names="PYTHONUTF8", fate=CHANGED, why="files and names are UTF-8 in any locale"),
    Rule(names="PYTHONIOENCODING", fate=CHANGED, why="a letter that a terminal lacks ends no command"),
    Rule(names="PYTHONWARNINGS", fate=IGNORED, why="a warning of a library ends no run"),
    Rule(names="PYTHONPATH", fate=HONOURED, why="unless a package there has the name of one of ours, which is refused"),
    Rule(names="PYTHON*", fate=HONOURED, why="by Python"),
    Rule(names="MPLCONFIGDIR", fate=CHANGED, why="plots look the same for all"),
    Rule(names="MPLBACKEND MATPLOTLIBRC", fate=IGNORED, why="plots are not shown, and look the same for all"),
    Rule(names="GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE", fate=IGNORED, why="the commit that is recorded is that of this code"),
    Rule(names="OMP_* MKL_* KMP_* CUDA_* TORCH*", fate=HONOURED, why="by torch"),
    Rule(names="TZ COLUMNS TERM NO_COLOR", fate=HONOURED, why="by what is printed; times are kept in UTC"),
)
"""The first rule that holds counts; a variable that none speaks of goes to children as it is."""

_found: Final[dict[str, str]] = {}  # the environment as the command found it
_said: Final[list[str]] = []  # what could not be honoured, a line each


def rule_of(name: str) -> Rule | None:
    """The rule that speaks of a variable."""
    return next((rule for rule in RULES if rule.holds(name)), None)


def speak() -> None:
    """Names of files are UTF-8 in any locale, and no letter that a terminal lacks ends a command.

    How names are read, Python settles as it starts: where that is another encoding, it starts again.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def settle() -> list[str]:
    """Put the rules into force for this process and all that it starts; what could not be honoured, a line each.

    Raises:
        SurroundingsError: no temporary file can be written anywhere.
    """
    if not _found:
        _found.update(os.environ)
        enter(settled_environment())
        if "PYTHONWARNINGS" in _found:
            warnings.resetwarnings()
            warnings.simplefilter("ignore")
        _said.extend([*_settle_temporary(), *_settle_person()])
        cache = cache_folder()  # libraries complain where it cannot be written, a line each
        os.environ |= {"XDG_CACHE_HOME": str(cache), "MPLCONFIGDIR": str(cache / "matplotlib")}
    return list(_said)


def enter(environment: Mapping[str, str]) -> None:
    """Make this the environment of this process."""
    for name in [name for name in os.environ if name not in environment]:
        del os.environ[name]
    os.environ.update(environment)


def settled_environment(found: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment as our own processes are to see it; made of what this process has unless given."""
    environment = os.environ if found is None else found
    settled = {name: value for name, value in environment.items() if (rule := rule_of(name)) is None or rule.fate != IGNORED}
    for name in [name for name in settled if name.lower() in _PROXIES]:
        del settled[name]
    for name in [name for name, value in settled.items() if _names_nothing(name, value)]:
        del settled[name]
    if cores() < affine_cores():  # a quota, which torch does not know
        settled.setdefault("OMP_NUM_THREADS", str(cores()))
    settled.pop("PYTHONIOENCODING", None)
    return settled | {"PYTHONUTF8": "1"} | _proxies(environment)


def _names_nothing(name: str, value: str) -> bool:
    """Whether it names a place that is not there, or none: relative XDG folders do not count, says their specification."""
    if name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        return not os.path.exists(value)
    return name.startswith("XDG_") and name.endswith(("_HOME", "_DIR")) and not os.path.isabs(value)


def ray_environment() -> dict[str, str]:
    """The same for a Ray on this machine: of the settings of somebody's cluster only a token, since Ray reads it just once."""
    return {
        name: value for name, value in settled_environment().items() if not name.startswith("RAY_") or name == "RAY_AUTH_TOKEN"
    }


def engine_environment() -> dict[str, str]:
    """The same for engines, which are the code of others: without what opens a store or a cluster."""
    return {name: value for name, value in settled_environment().items() if not name.startswith(("AWS_", "RAY_"))}


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of proxies in both spellings, as all libraries can read them, with loopback taken out.

    Some refuse to start over an address that they cannot use, of a SOCKS proxy or a network of IPv6, even where they would
    go to loopback alone.
    """
    hosts = [host.strip() for host in _either(environment, "no_proxy").split(",")]
    settled = {"no_proxy": ",".join(dict.fromkeys([*filter(None, map(_plain_host, hosts)), *LOOPBACK]))}
    if "*" not in hosts:
        for scheme in ("http", "https"):
            address = _either(environment, f"{scheme}_proxy") or _either(environment, "all_proxy")
            if _is_proxy(address):
                settled[f"{scheme}_proxy"] = address
    return settled | {name.upper(): value for name, value in settled.items()}


def _either(environment: Mapping[str, str], name: str) -> str:
    """The lower-case spelling counts, also where it is empty."""
    return environment.get(name, environment.get(name.upper(), "")).strip()


def _plain_host(host: str) -> str:
    """A host, network or suffix as every library reads it; empty where that cannot be."""
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    if host == "*" or host.count(":") < 2:
        return host
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        return ""


def _is_proxy(address: str) -> bool:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", address)
    except ValueError:  # the port is no number
        return False


def _settle_temporary() -> Iterator[str]:
    """Python takes the first folder that it can write into, wordlessly; other programs would go on to the one named."""
    named = next((name for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), None)
    tempfile.tempdir = None
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        raise SurroundingsError("no temporary file can be written; set TMPDIR to a folder with room") from None
    if named is not None and os.path.abspath(os.environ[named]) != folder:
        yield f"{named}={os.environ[named]} is no folder that can be written; {folder} holds temporary files instead"
    if named is not None:
        os.environ["TMPDIR"] = folder


def _settle_person() -> Iterator[str]:
    """Libraries fail where a user without an entry in the password file has no home or no name."""
    try:
        person = pwd.getpwuid(os.getuid())
    except KeyError:
        person = None
    if not os.path.isabs(os.environ.get("HOME", "")):
        home = person.pw_dir if person is not None and os.path.isdir(person.pw_dir) else tempfile.gettempdir()
        os.environ["HOME"] = home
        yield f"HOME is not set; {home} stands in"
    if person is None and not any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        os.environ["USER"] = str(os.getuid())


def cache_folder() -> Path:
    """Where what can be fetched again is kept: ``XDG_CACHE_HOME`` or ``~/.cache``; for temporary files where neither will do."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    for folder in ([Path(named)] if os.path.isabs(named) else []) + [Path(os.path.expanduser("~")) / ".cache"]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return _cache_among_temporary_files()


def _cache_among_temporary_files() -> Path:
    """The same one every time, unless somebody else has put something there."""
    folder = Path(tempfile.gettempdir()) / f"worldloom-cache-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if ours else Path(tempfile.mkdtemp(prefix="worldloom-cache-"))


def describe() -> Iterator[tuple[str, str, str]]:
    """Of every variable that a rule speaks of and that is set: its name, its value without secrets, and what becomes of it."""
    found = _found or dict(os.environ)
    settled = os.environ if _found else settled_environment(found)
    for name in sorted(found):
        rule = rule_of(name)
        if rule is not None and found[name]:
            now = settled.get(name)
            fate = rule.fate if now == found[name] or rule.fate == IGNORED else CHANGED if now is not None else IGNORED
            became = f" to {shown(name, now)}" if fate == CHANGED and now is not None and now != found[name] else ""
            yield name, shown(name, found[name]), f"{fate}{became}: {rule.why}"


def shown(name: str, value: str) -> str:
    """A value fit to be printed: one short line, and nothing that opens a door."""
    if _SECRET.search(name.upper()):
        return "***"
    value = _PARAMETER.sub(r"\1***", _USER.sub("***@", value))
    value = "".join(letter if letter.isprintable() else " " for letter in value)
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 3]}..."
