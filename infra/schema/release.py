"""Decisions about releases: what the gate let through or refused, and what people brought back."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReleaseRow:
    """A row of table ``releases``: what was decided, and on which numbers."""

    number: int  # of the decision, from 1
    action: str  # released | refused | rolled back | promoted
    bundle: str
    previous: str  # bundle that was current before, empty if none
    evaluation: str  # key of the evaluate run, empty where people decided
    checks: str  # JSON
    decided: float = 0.0  # seconds since 1970; 0 in rows that are older than the column
