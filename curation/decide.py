"""From scores to decisions: which clips a dataset takes, and why not the others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.balance import BalanceConfig, balance, count_classes
from curation.filters import FilterConfig, Format, clip_reasons, episode_reasons
from curation.score import ClipScores
from infra.schema import Caption, DatasetClip, Episode, Frames
from infra.schema.episode import Split

Path = tuple[str, str, NDArray[np.float64]]  # scene id, walk, positions (T, 3) in metres


@dataclass(frozen=True, kw_only=True)
class ClipRow:
    """A row of table ``clips``: what a dataset version decided about one clip."""

    dataset: str  # version
    episode_id: str
    start: int
    stop: int
    source: str
    family: str
    scene_id: str
    walk: str
    split: str
    accepted: bool
    reason: str  # the first reason against it, empty if accepted
    reasons: tuple[str, ...]
    weight: float  # 0 if rejected
    scorer: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One clip, its scores and every reason against it."""

    episode: Episode
    scores: ClipScores
    split: Split
    reasons: tuple[str, ...]
    actions: NDArray[np.float64]  # counts by curation.balance.CLASSES
    prompt: str
    weight: float = 0.0

    @property
    def accepted(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, kw_only=True)
class SheetConfig:
    """How many pictures the contact sheets show."""

    rejected_per_reason: int = 6
    accepted: int = 24
    columns: int = 6


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What is about to be published."""

    name: str
    shape: Format
    decisions: Sequence[Decision]
    paths: Sequence[Path]
    parents: tuple[str, ...]
    filters: FilterConfig
    sheet: SheetConfig


def decide(
    episode: Episode, scores: Sequence[ClipScores], shape: Format, split: Split, config: FilterConfig
) -> list[tuple[ClipScores, tuple[str, ...]]]:
    """Pair each clip's scores with the reasons against it.

    What test walks show is not judged: choosing among them would flatter the model.
    """
    against = episode_reasons(episode, shape, config)
    return [(one, against + (() if split == "test" else clip_reasons(one, config))) for one in scores]


def weigh(decisions: Sequence[Decision], config: BalanceConfig) -> list[float]:
    """Weights in the order of ``decisions``: balanced over accepted training clips, 1 for held-out ones, 0 for rejected."""
    training = [k for k, one in enumerate(decisions) if one.accepted and one.split == "train"]
    weights = [1.0 if one.accepted else 0.0 for one in decisions]
    for k, weight in zip(training, balance([decisions[k].actions for k in training], config), strict=True):
        weights[k] = float(weight)
    return weights


def count_actions(frames: Frames, scores: ClipScores, config: BalanceConfig) -> NDArray[np.float64]:
    """Class counts of a clip's actions; the last one leads out of the clip."""
    inside = frames.slice(scores.start, scores.stop - 1)
    return count_classes(inside.keyboard, inside.mouse, config.dead_zone)


def choose_prompt(captions: Sequence[Caption], start: int, stop: int) -> str:
    """The prompt of the caption that covers most of the clip; empty if none does."""

    def shared(caption: Caption) -> int:
        return min(caption.stop, stop) - max(caption.start, start)

    best = max(captions, key=lambda caption: (shared(caption), -caption.start), default=None)
    return best.prompt() if best is not None and shared(best) > 0 else ""


def dataset_clip(decision: Decision) -> DatasetClip:
    """The manifest's entry of an accepted clip."""
    episode, scores = decision.episode, decision.scores
    return DatasetClip(
        episode_id=episode.episode_id,
        start=scores.start,
        stop=scores.stop,
        split=decision.split,
        family=episode.family,
        walk=episode.walk,
        perspective=episode.perspective,
        weight=decision.weight,
        prompt=decision.prompt,
        frames_object=episode.frames_object,
        video_object=episode.video_object,
        depth_object=episode.depth_object,
    )


def clip_row(decision: Decision, version: str) -> ClipRow:
    """The table's row of any clip."""
    episode, scores = decision.episode, decision.scores
    return ClipRow(
        dataset=version,
        episode_id=episode.episode_id,
        start=scores.start,
        stop=scores.stop,
        source=episode.source,
        family=episode.family,
        scene_id=episode.scene_id,
        walk=episode.walk,
        split=decision.split,
        accepted=decision.accepted,
        reason=decision.reasons[0] if decision.reasons else "",
        reasons=decision.reasons,
        weight=decision.weight,
        scorer=scores.scorer,
    )


def count_reasons(decisions: Sequence[Decision]) -> Mapping[str, int]:
    """How many clips were rejected for each first reason, most frequent first."""
    counted = Counter(one.reasons[0] for one in decisions if one.reasons)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
