"""Surroundings as offices, clusters and other programs leave them, all at once: what a command is to work in all the same."""

from pathlib import Path
from typing import Final

NOBODY: Final = "http://127.0.0.1:9"

_VARIABLES: Final = {
    "http_proxy": NOBODY,
    "HTTPS_PROXY": NOBODY,
    "ALL_PROXY": "socks5://user:secret@127.0.0.1:9",
    "no_proxy": "[::1],fe80::/10,.intern",
    "PREFECT_API_URL": "https://api.prefect.cloud/api/accounts/a/workspaces/b",
    "PREFECT_API_KEY": "pnu_secret",
    "PREFECT_PROFILE": "cloud",
    "PREFECT_PROFILES_PATH": "/proc/nowhere/profiles.toml",
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://team:secret@127.0.0.1:9/prefect",
    "PREFECT_SERVER_API_AUTH_STRING": "user:secret",
    "PREFECT__FLOW_RUN_ID": "4f1c22aa-0000-4000-8000-000000000000",
    "WEB_CONCURRENCY": "4",
    "UVICORN_PORT": "80",
    "RAY_ADDRESS": "127.0.0.1:6379",
    "RAY_NAMESPACE": "team",
    "RAY_RUNTIME_ENV_HOOK": "nowhere.hook",
    "SSL_CERT_FILE": "/proc/nowhere/certificates.pem",
    "HOME": "/proc/nowhere",
    "XDG_CACHE_HOME": "/proc/nowhere",
    "XDG_CONFIG_HOME": "relative",
    "XDG_RUNTIME_DIR": "/proc/nowhere",
    "LC_ALL": "POSIX",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
    "PYTHONWARNINGS": "error",
    "TZ": "Nowhere/Odd",
    "COLUMNS": "1",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "GIT_DIR": "/proc/nowhere/.git",
}
_SETTINGS: Final = """\
PREFECT_API_KEY=pnu_secret
PREFECT_SERVER_DATABASE_CONNECTION_URL=postgresql+asyncpg://team:secret@127.0.0.1:9/prefect
PREFECT_CLIENT_CUSTOM_HEADERS={"X-Team": "1"}
"""


def hostile(folder: Path) -> dict[str, str]:
    """Variables to set; ``folder`` becomes a place to work from that holds settings and packages of others."""
    folder.mkdir(parents=True)
    (folder / ".env").write_text(_SETTINGS, encoding="utf-8")
    (folder / "prefect.toml").write_text("this is = not [toml", encoding="utf-8")
    for package in ("prefect", "flows"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("raise SystemExit('a package of others')\n", encoding="utf-8")
    temporary = folder / "job.1234567.login-node-01.cluster" / "user.researcher" / "a folder that batch systems make" / "tmp"
    temporary.mkdir(parents=True)
    return _VARIABLES | {"TMPDIR": str(temporary)}
