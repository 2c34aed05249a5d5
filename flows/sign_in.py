"""Who may use a home's Prefect server: whoever can read its token, and a browser that is signed in with one click."""

import base64
import contextlib
import fcntl
import os
import re
import secrets
from pathlib import Path
from typing import Final

PAGES: Final = "pages"  # in the server's folder: Prefect's own pages, and ours
_TOKEN: Final = re.compile(r"worldloom:[0-9a-f]{64}")
_DOOR: Final = "sign-in.html"  # the page on the server that takes the token

# Runs on the server's own origin, whose pages alone can read what Prefect's UI keeps there. It holds no secret itself.
_DOOR_PAGE: Final = """<!doctype html>
<meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Worldloom</title>
<p id="said">Signing in &hellip;</p>
<script>
const token = btoa(decodeURIComponent(location.hash.slice(1)));
history.replaceState(null, "", location.pathname);
fetch("/api/admin/version", {headers: {Authorization: `Basic ${token}`}}).then(answer => {
  if (!answer.ok) throw answer.status;
  localStorage.setItem("prefect-password", token);
  location.replace("/");
}).catch(() => { said.textContent = "This is not the token of this server. Start worldloom dashboard again."; });
</script>
"""


def read_token(folder: Path) -> str:
    """The secret of the server in ``folder``, made when first asked for; it lies in ``token``, which its owner alone can read.

    Raises:
        PermissionError: the home is another user's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(os.open(folder / "token", os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # two commands that begin together make one
        with contextlib.suppress(OSError):  # a file system without rights of files
            os.fchmod(file.fileno(), 0o600)
        if _TOKEN.fullmatch(token := file.read().strip()):
            return token
        token = f"worldloom:{secrets.token_hex(32)}"
        file.seek(0)
        file.truncate()
        file.write(f"{token}\n")
        return token


def authorization(token: str) -> str:
    """The header ``Authorization`` that the server asks of every request."""
    return f"Basic {base64.b64encode(token.encode()).decode()}"


def write_doors(folder: Path, url: str) -> None:
    """Put the page that takes the token among the server's own, and beside them a file that carries it there, for a click.

    Only its owner can read that file. A link with the token in it would stand in logs, and on the command line of the
    browser that is opened with it.
    """
    pages = folder / PAGES / "v2"
    pages.mkdir(parents=True, exist_ok=True)
    (pages / _DOOR).write_text(_DOOR_PAGE)
    there = f"{url}/v2/{_DOOR}#{read_token(folder)}"
    write_private(carrier(folder), f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={there}">\n')


def carrier(folder: Path) -> Path:
    """The file that a browser opens to be signed in; it is there while the server runs."""
    return folder.absolute() / "dashboard.html"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
