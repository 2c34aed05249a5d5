"""Packages of others with the names of ours, which PYTHONPATH puts in front: said in one line, before any is imported"""

import importlib.machinery
import sys
from pathlib import Path
from typing import Final

PACKAGES: Final = ("infra", "engine", "annotation", "curation", "modeling", "inference", "flows")
ROOT: Final = Path(__file__).resolve().parent.parent


def find_foreign() -> str | None:
    """One line about the first package that is not ours, and what to do; None where all are."""
    for name in PACKAGES:
        spec = importlib.machinery.PathFinder.find_spec(name, sys.path)
        places = [Path(place).resolve() for place in (spec.submodule_search_locations or ())] if spec is not None else []
        if spec is not None and ROOT / name not in places:
            place = Path(spec.origin or places[0]) if spec.origin or places else Path(name)
            return f"{place} has the name of the package {name} of worldloom; rename it, or take its folder out of PYTHONPATH"
    return None
