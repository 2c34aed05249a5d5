"""What one parity case gave: how far off it was at worst, and how far off it may be."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """One row of ``worldloom parity``."""

    name: str
    worst: float  # in the unit of the tolerance
    tolerance: float
    note: str = ""

    @property
    def passed(self) -> bool:
        return not math.isnan(self.worst) and self.worst <= self.tolerance
