"""Thresholds on raw scores: a clip is accepted, or every reason against it is named."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from curation.score import ClipScores
from infra.schema import Episode
from infra.schema.episode import UNKNOWN_AGREEMENT

SOFTWARE_RENDERER: Final = "software_renderer"


@dataclass(frozen=True, kw_only=True)
class FilterConfig:
    """What is rejected. Changing a threshold needs no picture again: the scores are stored."""

    most_dark: float = 0.6  # share of black pixels
    most_bright: float = 0.4  # share of burnt-out pixels
    least_sharpness: float = 0.06
    least_texture_bits: float = 2.5
    least_difference: float = 0.25  # grey levels; less is a frozen picture if the camera moves
    least_motion: float = 0.25  # share of frames with camera motion from which a frozen picture is a fault
    most_flow: float = 0.09  # of the width a frame
    most_pose_jump: float = 8.0  # usual steps in one frame
    most_turn: float = 20.0  # degrees in one frame
    most_near: float = 0.3  # share of pixels nearer than score.near
    least_quality: float = 0.15
    most_sync_lag: float = 0.5  # frames, of pixels after poses and of motion after actions
    least_action_agreement: float = 0.6  # share of changes of actions that are answered in their row, where that was measured
    unchecked_sync: bool = False  # take games on the wall clock whose sync could not be measured; others need no measuring
    redistributable_only: bool = False
    commercial_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Format:
    """What all clips of a dataset share."""

    width: int  # pixels
    height: int  # pixels
    fps: float
    renderers: tuple[str, ...]  # of all candidate episodes


def choose_format(episodes: Sequence[Episode]) -> Format:
    """The most frequent size and rate; where several are as frequent, the largest.

    Raises:
        ValueError: there is no episode to choose from.
    """
    if not episodes:
        raise ValueError("no episode of the listed sources; run collect, or add its source to curate.sources")
    counted = Counter((episode.width, episode.height, episode.fps) for episode in episodes)
    width, height, fps = max(counted, key=lambda shape: (counted[shape], shape))
    renderers = tuple(sorted({episode.renderer for episode in episodes}))
    return Format(width=width, height=height, fps=fps, renderers=renderers)


def episode_reasons(episode: Episode, shape: Format, config: FilterConfig) -> tuple[str, ...]:
    """Reasons against a whole episode, whatever its pictures show.

    Software-rendered pictures look different, so they stay out of a set that has pictures from a graphics library.
    """
    others = [renderer for renderer in shape.renderers if renderer != "software"]
    checks = {
        SOFTWARE_RENDERER: episode.renderer == "software" and bool(others),
        "other_size": (episode.width, episode.height) != (shape.width, shape.height),
        "other_rate": abs(episode.fps / shape.fps - 1) > 0.1,
        "out_of_sync": abs(episode.sync_lag_frames) > config.most_sync_lag,
        "actions_disagree": _disagrees(episode, config),
        "sync_unchecked": episode.sync == "measured" and not (episode.sync_checked or config.unchecked_sync),
        "not_redistributable": config.redistributable_only and not episode.redistributable,
        "not_for_commerce": config.commercial_only and not episode.commercial_ok,
    }
    return _failed(checks)


def _disagrees(episode: Episode, config: FilterConfig) -> bool:
    unknown = episode.action_agreement == UNKNOWN_AGREEMENT
    wrong = episode.action_agreement < config.least_action_agreement
    return not unknown and (wrong or abs(episode.action_lag_frames) > config.most_sync_lag)


def clip_reasons(scores: ClipScores, config: FilterConfig) -> tuple[str, ...]:
    """Reasons against a clip, the plainest first; NaN scores fail nothing."""
    checks = {
        "dark": scores.dark_share > config.most_dark,
        "burnt_out": scores.bright_share > config.most_bright,
        "frozen_picture": scores.frame_difference < config.least_difference and scores.pose_motion > config.least_motion,
        "pose_jump": scores.pose_jump > config.most_pose_jump or scores.turn_jump > config.most_turn,
        "too_fast": scores.flow > config.most_flow,
        "wall_close_up": scores.near_share > config.most_near,
        "no_texture": scores.texture_bits < config.least_texture_bits,
        "blurred": scores.sharpness < config.least_sharpness,
        "low_quality": scores.perceptual_quality < config.least_quality,
    }
    return _failed(checks)


def _failed(checks: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, failed in checks.items() if failed)
