"""How the camera moved between frames, read from the pixels alone: the pose estimator for generated video.

Tracked points obey a linear model: two angles, and a walk whose parallax falls with depth. Depth is not known, so it is
taken from the ground that the camera walks on (or given, where a depth picture exists); points that stand out are
weighted down. The error on recorded frames, whose poses are exact, is the floor below which no score means anything.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.directions import UNIT
from infra.flow import find_corners, to_grey, track_points

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """Lengths are metres if the camera's height is; a model that learned from such video walks at the same height."""

    camera_height: float = 1.6  # metres above the ground
    far: float = 20.0  # metres, taken as the depth of what stands above the horizon
    corners: int = 400
    spacing: float = 4.0  # pixels between corners
    return_tolerance: float = 0.4  # pixels within which a point must come back when tracked backwards
    least_points: int = 12  # with fewer a frame pair has no estimate
    outlier: float = 0.3  # pixels, scale of Cauchy's robust weights
    rounds: int = 8  # of reweighting
    step: float = 0.1235  # metres of a free step
    least_step: float = 0.4  # share of a step from which the camera counts as walking


@dataclass(frozen=True, kw_only=True)
class CameraMotion:
    """Motion between neighbouring frames, (T-1, ...); NaN and direction -1 where too little could be tracked."""

    turned: Array  # (T-1, 2) degrees of pitch and yaw, + is up and right
    walked: Array  # (T-1, 2) metres to the right and forward of the camera
    direction: NDArray[np.int64]  # (T-1,) index into infra.directions.DIRECTIONS
    points: NDArray[np.int64]  # (T-1,) how many points were tracked


def estimate_rotation(frames: NDArray[np.uint8], intrinsics: Array, config: MotionConfig) -> Array:
    """Degrees (T-1, 2) of pitch and yaw turned between neighbouring frames (T, H, W, 3); NaN where nothing can be told."""
    return classify_motion(frames, intrinsics, config).turned


def classify_motion(
    frames: NDArray[np.uint8], intrinsics: Array, config: MotionConfig, depth: NDArray[np.float32] | None = None
) -> CameraMotion:
    """Turn, walk and direction between neighbouring frames (T, H, W, 3), with ``intrinsics`` (4,) in pixels.

    ``depth`` (T, H, W) in metres, if known, replaces the ground as the source of depth. The horizon is followed from
    frame to frame by the pitch found so far, from a level start.
    """
    grey = to_grey(frames)
    count = len(frames) - 1
    turned, walked = np.full((count, 2), np.nan), np.full((count, 2), np.nan)
    points = np.zeros(count, np.int64)
    pitch = 0.0
    for i in range(count):
        corners = find_corners(grey[i], config.corners, config.spacing)
        there, good = track_points(grey[i], grey[i + 1], corners, config.return_tolerance)
        points[i] = good.sum()
        if points[i] < config.least_points:
            continue
        before, after = _rays(corners[good], intrinsics), _rays(there[good], intrinsics)
        near = _ground_nearness(before, pitch, config) if depth is None else _sampled_nearness(depth[i], corners[good])
        turned[i], walked[i] = _fit(before, after, near, pitch, float(intrinsics[0]), config)
        pitch += turned[i, 0]
    return CameraMotion(turned=turned, walked=walked, direction=classify_direction(walked, config), points=points)


def classify_direction(walked: Array, config: MotionConfig) -> NDArray[np.int64]:
    """Index into ``DIRECTIONS`` of each walk (N, 2) in metres right and forward; -1 where it is NaN."""
    length = np.linalg.norm(walked, axis=-1)
    nearest = 1 + np.argmax(np.nan_to_num(walked) @ UNIT[1:].T, axis=-1)
    directions = np.where(length < config.least_step * config.step, 0, nearest)
    return np.where(np.isfinite(length), directions, -1)


def _rays(pixels: NDArray[np.float32], intrinsics: Array) -> Array:
    """(N, 2) x and y at z = 1; pixel centres lie at + 0.5, OpenCV's at 0."""
    rays: Array = (pixels + 0.5 - intrinsics[2:]) / intrinsics[:2]
    return rays


def _ground_nearness(rays: Array, pitch: float, config: MotionConfig) -> Array:
    """Inverse depth (N,) of points if what is below the horizon is the ground and the rest stands far away."""
    angle = np.radians(pitch)
    down = rays[:, 1] * np.cos(angle) - np.sin(angle)  # of a ray with z = 1; the world's y
    nearness: Array = np.maximum(down / config.camera_height, 1 / config.far)
    return nearness


def _sampled_nearness(depth: NDArray[np.float32], pixels: NDArray[np.float32]) -> Array:
    """Inverse depth (N,) at pixels; 0 where there is no depth."""
    u, v = np.round(pixels).astype(np.int64).T
    metres = depth[np.clip(v, 0, depth.shape[0] - 1), np.clip(u, 0, depth.shape[1] - 1)].astype(np.float64)
    known = np.isfinite(metres) & (metres > 0)
    return np.where(known, 1 / np.where(known, metres, 1.0), 0.0)


def _fit(before: Array, after: Array, near: Array, pitch: float, focal: float, config: MotionConfig) -> tuple[Array, Array]:
    """Robust least squares for (pitch, yaw) in degrees and (right, forward) in metres from rays (N, 2) and nearness (N,).

    Rates are taken half way between both rays, which makes the small-angle model exact to the second order.
    """
    x, y = ((before + after) / 2).T
    sine, cosine = np.sin(np.radians(pitch)), np.cos(np.radians(pitch))
    tilt = np.stack([x * y, 1 + y * y], -1)
    yaw = np.stack([-cosine * (1 + x * x) - sine * y, sine * x - cosine * x * y], -1)  # about the world's vertical
    right = np.stack([-near, np.zeros_like(near)], -1)
    ahead = near[:, None] * np.stack([x * cosine, y * cosine - sine], -1)  # level, whatever the pitch
    model = np.stack([tilt, yaw, right, ahead], -1)  # (N, 2, 4)
    moved = after - before
    weights = np.ones(len(x))
    solution = np.zeros(4)
    for _ in range(config.rounds):
        root = np.sqrt(weights)[:, None]
        solution = np.linalg.lstsq((model * root[..., None]).reshape(-1, 4), (moved * root).reshape(-1), rcond=None)[0]
        miss = np.linalg.norm(moved - model @ solution, axis=-1) * focal
        weights = 1 / (1 + (miss / config.outlier) ** 2)
    return np.degrees(solution[:2]), solution[2:]
