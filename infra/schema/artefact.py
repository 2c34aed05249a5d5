"""Checkpoints and bundles: what training writes, what a release names."""

from dataclasses import dataclass
from typing import Literal

CheckpointKind = Literal["autoencoder", "base", "student", "int8", "light_decoder"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A row of table ``checkpoints``: one safetensors object and where it came from."""

    digest: str  # sha256 of the weights object; names the checkpoint
    kind: CheckpointKind
    weights_object: str  # <sha256>.safetensors
    config: str  # JSON of the model's config, enough to rebuild it
    parents: tuple[str, ...]  # dataset version and parent checkpoint digests
    origin: Literal["base weights", "trained", "random"]  # what its first step started from
    steps: int
    seconds: float  # training time
    stopped_early: bool
    metrics: str  # JSON: loss curve and held-out figures
    code_commit: str
    precision: str = ""  # of training's products: "bfloat16" or "float32"; empty where nothing was trained, and in older rows


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What a player needs, released as one: an immutable JSON object; its sha256 names the bundle."""

    name: str
    autoencoder: str  # checkpoint digests
    denoiser: str  # the student that plays
    denoiser_int8: str  # empty if none
    dataset: str
    profile: str
    width: int
    height: int
    fps: float
    parents: tuple[str, ...]
    start_images: tuple[str, ...]  # PNG objects that a player may start from
    start_prompts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EvalScore:
    """A row of table ``eval_scores``: a metric of one arm, the mean over test scenes with its 95 % interval."""

    evaluation: str  # key of the run that measured it
    checkpoint: str  # digest of the denoiser that was judged
    dataset: str  # version that it was trained on
    metric: str
    arm: str  # candidate, repeat_last, ...; "first - second" for paired differences
    horizon: int  # frame number, 0 where the metric has none
    value: float
    low: float  # NaN with one scene
    high: float
    scenes: int
    cases: int
