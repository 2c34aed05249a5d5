"""The README's tree, made from the first line of every file. Rewrite it with: .venv/bin/python -m tests.tree"""

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("flows", "inference", "modeling", "curation", "annotation", "engine", "infra")
README: Final = ROOT / "README.md"
BLOCK: Final = re.compile(r"(```tree\n)(.*?)(```)", re.DOTALL)
DATA_FOLDERS: Final = ("modeling/base_weights", "engine/explore/policy")  # one line for the folder, none for its files
_COMMENT: Final = re.compile(
    r"\A(?:<!doctype html>\s*)?(?:#|//|--|/\*|<!--|\{#)[-\s]*(.+?)\s*(?:\*/|-->|#\})?$", re.MULTILINE | re.I
)


def tracked_files() -> list[str]:
    """What git tracks of the packages, markers and deleted files left out."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if not name.endswith("/py.typed") and (ROOT / name).exists()]


def draw_tree(names: list[str]) -> str:
    """One line a folder and a file: its name and what its first line says, two spaces of indent a level."""
    lines: list[str] = []
    for package in PACKAGES:
        lines += _folder_lines(package, [name for name in names if name.startswith(f"{package}/")], 0)
    return "\n".join(lines) + "\n"


def _folder_lines(folder: str, names: list[str], level: int) -> list[str]:
    lines = [_line(f"{Path(folder).name}/", first_line(f"{folder}/__init__.py"), level)]
    if folder in DATA_FOLDERS:
        return lines
    below = [name.removeprefix(f"{folder}/") for name in names]
    files = sorted(name for name in below if "/" not in name and name != "__init__.py")
    folders = sorted({name.split("/")[0] for name in below if "/" in name})
    lines += [_line(name, first_line(f"{folder}/{name}"), level + 1) for name in files]
    for name in folders:
        inner = f"{folder}/{name}"
        lines += _folder_lines(inner, [one for one in names if one.startswith(f"{inner}/")], level + 1)
    return lines


def _line(name: str, says: str, level: int) -> str:
    return f"{'  ' * level}{name:<{26 - 2 * level}} {says}".rstrip()


def first_line(name: str) -> str:
    """What a file says of itself first: docstring or opening comment; empty where it says nothing."""
    path = ROOT / name
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        said = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    elif path.suffix == ".uplugin":  # JSON, which has no comments
        said = json.loads(text)["Description"]
    else:
        match = _COMMENT.match(text)
        said = match[1] if match else ""
    return said.rstrip(".").strip()


if __name__ == "__main__":
    tree = draw_tree(tracked_files())
    README.write_text(BLOCK.sub(lambda match: match[1] + tree + match[3], README.read_text(encoding="utf-8")), encoding="utf-8")
