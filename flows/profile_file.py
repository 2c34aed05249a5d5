"""The text of a profile: one that ships, or a TOML file. Apart from its meaning, so that verbs that only look start fast"""

import difflib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from infra.text_files import TextError, read_text


def read_profile_text(name_or_path: str | Path) -> tuple[str, str]:
    """The profile's name and its TOML.

    Raises:
        ValueError: no such profile or file, or it is no text.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise ValueError(f"profile {path}: no such file; write one, or name one that ships: {', '.join(shipped_profiles())}")
        try:
            return path.stem, read_text(path)
        except TextError as error:
            raise ValueError(f"profile {error}; a profile is a TOML file") from None
    names = shipped_profiles()
    if str(name_or_path) not in names:
        raise ValueError(f"no profile {str(name_or_path)!r}{nearest(str(name_or_path), names)}; there are {', '.join(names)}")
    return str(name_or_path), (_folder() / f"{name_or_path}.toml").read_text(encoding="utf-8")


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def nearest(name: str, known: Iterable[str]) -> str:
    """A question after what was meant, empty where nothing is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {found[0]}?)" if found else ""


def _folder() -> Any:
    return resources.files("infra") / "profiles"
