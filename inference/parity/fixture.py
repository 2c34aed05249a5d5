"""One file of a fixture folder: its tensors, what meta.json says of it, and which of its tensors no case has used yet."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference.parity.result import CaseResult
from infra.errors import WorldloomError
from modeling.weights import read_safetensors


class FixtureError(WorldloomError):
    """A fixture folder does not hold what its meta.json says."""


class Fixture:
    """Tensors by name; taking one marks it as used, so that ``unused`` can tell what no case looked at."""

    def __init__(self, folder: Path, file: str, meta: Mapping[str, Any]) -> None:
        if file not in meta["files"]:
            raise FixtureError(f"{folder}/meta.json does not list {file}; fetch the whole fixture folder again")
        self.file, self.about = file, meta["files"][file]
        self._tensors = read_safetensors(folder / file)
        listed = self.about.get("tensors", {})
        for name in sorted(listed.keys() ^ self._tensors.keys()) if listed else ():
            where = "is in meta.json only" if name in listed else "is not in meta.json"
            raise FixtureError(f"{folder / file}: tensor {name} {where}; fetch the whole fixture folder again")
        self._used: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        """A tensor, floating ones in float32.

        Raises:
            FixtureError: the file has no such tensor.
        """
        value = self.raw(name)
        return value.float() if value.is_floating_point() else value

    def get(self, name: str) -> Tensor | None:
        """As by index, None where the file has no such tensor."""
        return self[name] if name in self._tensors else None

    def raw(self, name: str) -> Tensor:
        """A tensor as it is stored."""
        if name not in self._tensors:
            raise FixtureError(f"{self.file} lacks tensor {name}, which a case needs; fetch the whole fixture folder again")
        self._used.add(name)
        return self._tensors[name]

    def all(self, prefix: str = "") -> dict[str, Tensor]:
        """Every tensor whose name starts with ``prefix``, without it, in float32 where floating."""
        return {name.removeprefix(prefix): self[name] for name in self._tensors if name.startswith(prefix)}

    def names(self, pattern: str) -> list[re.Match[str]]:
        """Matches of tensor names by a regular expression, in the order of the names."""
        return [match for name in sorted(self._tensors) if (match := re.fullmatch(pattern, name))]

    def stated(self, pattern: str = r"atol ([\d.e+-]+)") -> float:
        """A number from the tolerance that meta.json states in words for this file.

        Raises:
            FixtureError: it states none in that form.
        """
        match = re.search(pattern, str(self.about.get("tolerance", "")))
        if match is None:
            raise FixtureError(f"meta.json states no tolerance of the form {pattern!r} for {self.file}; fetch it again")
        return float(match[1])

    def unused(self) -> list[CaseResult]:
        """A failed row for each tensor that no case has looked at: a case that was not run."""
        left = sorted(self._tensors.keys() - self._used)
        return [CaseResult(name=f"{self.file} {name}", worst=math.inf, tolerance=0.0, note="no case uses it") for name in left]


def compare(name: str, found: Tensor, expected: Tensor, tolerance: float) -> CaseResult:
    """The largest absolute difference of two tensors; infinite where their shapes differ."""
    if found.shape != expected.shape:
        note = f"shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
        return CaseResult(name=name, worst=math.inf, tolerance=tolerance, note=note)
    worst = (found.double() - expected.double()).abs().max() if found.numel() else torch.zeros(())
    return CaseResult(name=name, worst=float(worst), tolerance=tolerance)
