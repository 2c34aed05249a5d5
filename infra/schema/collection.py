"""The job table of a collection, and what went wrong in it."""

from dataclasses import dataclass

from infra.schema.episode import Perspective, Split


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """A row of table ``jobs``: scene x character x conditions x agent x seed. It is done once its episode's row is there."""

    job_id: str  # the episode's id, sha256 of the recipe
    collection: str  # digest of the request that planned it
    number: int  # place in the plan, from 0
    source: str
    family: str
    scene_seed: int
    character: int  # index of the assembly, -1 none
    perspective: Perspective
    weather: str
    time_of_day: str
    season: str
    agent: str
    seed: int
    frames: int
    split: Split
    recipe: str  # canonical JSON of the whole job


@dataclass(frozen=True, kw_only=True)
class JobFailure:
    """A row of table ``failures``: one attempt at a job that gave no episode."""

    job_id: str
    collection: str
    source: str
    cause: str  # name of the error's class
    message: str
    attempt: int  # from 1
    host: str
    failed: float  # seconds since 1970
