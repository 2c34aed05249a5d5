"""What browsers are told with every answer: only the page's own scripts run, and no other site shows it in a frame"""

import base64
import hashlib
import re
from pathlib import Path

from inference.access import origin_of


def headers_of(page: Path, allowed_origins: tuple[str, ...]) -> list[tuple[str, str]]:
    """Headers for every answer, errors too. A page in a frame would take a seat; those in ``allowed_origins`` may."""
    scripts = re.findall(r"<script>(.*?)</script>", page.read_text("utf-8"), re.DOTALL)
    inline = (f"'sha256-{_digest(script)}'" for script in scripts)
    frames = ("'self'", *(origin_of(url) for url in allowed_origins))
    policy = (
        "default-src 'self'",
        " ".join(("script-src 'self'", *inline)),
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self' ws: wss:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        " ".join(("frame-ancestors", *frames)),
    )
    return [
        ("Content-Security-Policy", "; ".join(policy)),
        ("X-Frame-Options", "SAMEORIGIN"),  # for browsers that do not know frame-ancestors
        ("X-Content-Type-Options", "nosniff"),
    ]


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
