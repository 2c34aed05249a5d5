"""Finished runs of stages."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Run:
    """A row of table ``runs``, the last thing that a stage writes. Wall-clock times and hosts stand here only."""

    key: str  # sha256 of stage, version, inputs and config
    stage: str
    version: int
    inputs: str  # JSON: name to digest
    config: str  # JSON of the stage's config section
    config_digest: str
    outputs: str  # JSON: references, never frames or tensors
    code_commit: str  # recorded, not keyed
    host: str
    started: float  # seconds since 1970
    seconds: float
    stopped_early: bool
