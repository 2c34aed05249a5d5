"""Raw scores of a clip. They are stored, so that thresholds can change without looking at a picture again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.depth import DepthReader
from infra.flow import dense_flow, laplacian, shrink, to_grey
from infra.schema import Clip, Frames
from infra.video import VideoReader

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """How closely a clip is looked at."""

    pairs: int = 8  # of neighbouring frames, spread over the clip
    near: float = 0.6  # metres; nearer surfaces count as a close-up
    dark: int = 16  # grey levels, 0..255: darker pixels count as black
    bright: int = 239  # brighter ones as burnt out


@dataclass(frozen=True, kw_only=True)
class ClipScores:
    """A row of table ``clip_scores``. NaN where there is nothing to measure."""

    episode_id: str
    start: int
    stop: int
    scorer: str  # names the scores' version and settings
    sharpness: float  # variance of the Laplacian over that of the picture; falls with blur
    brightness: float  # mean grey level 0..255
    dark_share: float  # of pixels that are black
    bright_share: float  # of pixels that are burnt out
    texture_bits: float  # entropy of the grey levels, 0..6 bits; low where one plain surface fills the view
    frame_difference: float  # mean absolute difference of neighbouring frames, grey levels
    flow: float  # mean optical flow between neighbouring frames, in shares of the width
    near_share: float  # of pixels nearer than ``near``; NaN without depth
    pose_jump: float  # longest step over the episode's usual one
    turn_jump: float  # degrees, largest turn between neighbouring frames
    pose_motion: float  # share of frames in which the camera moved or turned
    perceptual_quality: float  # 0..1, a plain composite of sharpness, exposure and texture; not a learned judge


def score_clip(
    clip: Clip, scorer: str, frames: Frames, video: VideoReader, depth: DepthReader | None, config: ScoreConfig
) -> ClipScores:
    """Score one clip of an episode whose columns, pictures and depth are given whole."""
    first = np.unique(np.linspace(clip.start, clip.stop - 2, min(config.pairs, clip.frames - 1)).round().astype(int))
    both = np.stack([first, first + 1], -1).reshape(-1)  # in order, so that the video is read once
    grey = to_grey(video.decode(both.tolist()))
    before, after = grey[::2], grey[1::2]
    sharpness = float(np.median([sharpness_of(picture) for picture in before]))
    texture = float(np.median([texture_bits_of(picture) for picture in before]))
    dark, bright = float((before < config.dark).mean()), float((before > config.bright).mean())
    near = float("nan") if depth is None else float((depth.decode(first[::2].tolist()) < config.near).mean())
    jump, turn, motion = score_poses(frames.c2w, clip.start, clip.stop)
    return ClipScores(
        episode_id=clip.episode_id,
        start=clip.start,
        stop=clip.stop,
        scorer=scorer,
        sharpness=sharpness,
        brightness=float(before.mean()),
        dark_share=dark,
        bright_share=bright,
        texture_bits=texture,
        frame_difference=float(np.abs(after.astype(np.int16) - before).mean()),
        flow=float(np.mean([_flow_share(a, b) for a, b in zip(before, after, strict=True)])),
        near_share=near,
        pose_jump=jump,
        turn_jump=turn,
        pose_motion=motion,
        perceptual_quality=perceptual_quality(sharpness, dark, bright, texture),
    )


def sharpness_of(grey: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian over the variance of the picture, so that contrast does not count as sharpness.

    Measured at half size, where the noise of video compression is averaged away.
    """
    half = shrink(grey, grey.shape[1] // 2, grey.shape[0] // 2)
    return float(laplacian(half).var() / (float(half.var()) + 25.0))


def texture_bits_of(grey: NDArray[np.uint8]) -> float:
    """Entropy in bits of the grey levels in 64 bins."""
    counts = np.bincount(grey.reshape(-1) >> 2, minlength=64)
    share = counts[counts > 0] / grey.size
    return float(-(share * np.log2(share)).sum())


def perceptual_quality(sharpness: float, dark: float, bright: float, texture: float) -> float:
    """Geometric mean of three plain shares, 0..1; a stand-in until a learned judge scores clips."""
    exposed = max(0.0, 1.0 - dark - bright)
    return float((min(1.0, sharpness / 0.4) * exposed * min(1.0, texture / 5.0)) ** (1 / 3))


def score_poses(c2w: Array, start: int, stop: int) -> tuple[float, float, float]:
    """Longest step over the usual one, largest turn in degrees, and the share of frames with any motion.

    The usual step is the whole episode's median, so that a clip with one teleport cannot hide it by standing still.
    """
    steps = np.linalg.norm(np.diff(c2w[:, :3, 3], axis=0), axis=-1)
    product = np.einsum("tji,tjk->tik", c2w[:-1, :3, :3], c2w[1:, :3, :3])
    turns = np.degrees(np.arccos(np.clip((np.trace(product, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    walking = np.sort(steps[steps > 1e-6])
    usual = float(np.median(walking[:-1])) if len(walking) > 2 else 0.1
    inside = slice(start, stop - 1)
    moving = (steps[inside] > 0.02 * usual) | (turns[inside] > 0.05)
    return float(steps[inside].max() / usual), float(turns[inside].max()), float(moving.mean())


def _flow_share(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """Mean flow as a share of the width, measured at a quarter of the pixels."""
    height, width = before.shape
    flow = dense_flow(shrink(before, width // 2, height // 2), shrink(after, width // 2, height // 2))
    return float(np.linalg.norm(flow, axis=-1).mean() / (width // 2))
