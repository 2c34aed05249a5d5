"""The lag between pixels and poses of an episode, to a fraction of a frame.

Corners are tracked between neighbouring frames just before and after the camera's motion changes: only there does a lag
show. The poses, shifted on the time axis, predict where each corner goes; the shift that predicts best is the lag.
"""

import collections
import functools
import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.flow import find_corners, shrink, to_grey, track_points
from infra.schema import Frames

Array = NDArray[np.float64]
_COARSE: Final = 0.25  # frames between the shifts of the curve
_FINER: Final = (0.05, 0.01)  # frames, of the searches around its lowest point


@dataclass(frozen=True, kw_only=True)
class SyncConfig:
    """How much is looked at, and when a lag counts as measured."""

    most_lag: float = 3.0  # frames either way
    most_pairs: int = 48  # frame pairs tracked in an episode, so that memory is bounded
    reach: int = 3  # pairs tracked on either side of a change, since pixels may change that much earlier or later
    first_pairs: float = 12.0  # pairs that may be tracked at once, give or take a burst, and
    pairs_a_frame: float = 0.1  # how many more each frame allows: what measuring may cost
    width: int = 320  # pixels; wider pictures are made smaller
    corners: int = 60
    spacing: float = 8.0  # pixels
    return_tolerance: float = 0.4  # pixels within which a corner must come back when tracked backwards
    least_corners: int = 12
    least_change: float = 1.0  # pixels by which a change of motion must show, to be worth tracking
    least_pairs: int = 3
    least_contrast: float = 0.15  # pixels by which a frame's shift either way must be worse than the best
    most_miss: float = 1.0  # pixels; poses that miss by more than that at their best say nothing about time
    most_residual: float = 0.5  # the best residual as a share of that of a frame's shift


@dataclass(frozen=True, kw_only=True)
class SyncMeasure:
    """What the pixels say about the time of the poses."""

    lag_frames: float  # frames by which pixels trail the pose; NaN if it cannot be told
    decided: bool
    shifts: tuple[float, ...]  # frames
    residual_px: tuple[float, ...]  # at each shift, in pixels of the picture; empty if nothing was tracked
    pairs: int  # frame pairs that were tracked


@dataclass(frozen=True)
class _Picture:
    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32] | None
    intrinsics: Array
    width: int  # pixels, at most, of what is tracked

    @functools.cached_property
    def grey(self) -> NDArray[np.uint8]:
        """What is tracked; most pictures never are."""
        height, width = self.rgb.shape[:2]
        if width <= self.width:
            return to_grey(self.rgb)
        return to_grey(shrink(self.rgb, self.width, round(height * self.width / width)))


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Corners of frame ``index`` and where they went in the next, as rays with z = 1."""

    index: int
    before: Array  # (N, 2)
    after: Array  # (N, 2)
    nearness: Array | None  # (N,) inverse depth; None where there is no depth
    focal: Array  # (2,) pixels


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """P pairs side by side, each filled up to N corners."""

    index: Array  # (P,)
    before: Array  # (P, N, 3), z = 1
    after: Array  # (P, N, 2)
    nearness: Array | None  # (P, N)
    focal: Array  # (P, 1, 2)
    corners: NDArray[np.int64]  # (P,) that are no filling; they come first


class SyncMeter:
    """Measures while an episode is recorded: keeps poses, a few pictures and some tracked corners, no more."""

    def __init__(self, config: SyncConfig | None = None) -> None:
        self.config = config or SyncConfig()
        self._poses: list[Array] = []
        self._pairs: list[_Pair] = []
        self._stacked: _Pairs | None = None
        self._recent: collections.deque[_Picture] = collections.deque(maxlen=self.config.reach + 2)
        self._tracked = -1  # the last pair
        self._burst_ends = 0  # frames
        self._credit = self.config.first_pairs
        self._longest = 0.0

    def add(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None, c2w: Array, intrinsics: Array) -> None:
        """Take the next frame: rgb (H, W, 3), depth (H, W) or None, c2w (4, 4), intrinsics (4,) in its pixels."""
        self._poses.append(np.array(c2w, np.float64))
        self._recent.append(_Picture(rgb, depth, intrinsics, self.config.width))
        self._credit += self.config.pairs_a_frame
        scale = min(1.0, self.config.width / rgb.shape[1])
        due = self._change(float(intrinsics[0]) * scale) >= self.config.least_change and self._credit >= 1
        if due and len(self._pairs) < self.config.most_pairs:
            self._burst_ends = len(self._poses) - 1 + self.config.reach
        if len(self._poses) <= self._burst_ends:
            self._track_recent()

    def _track_recent(self) -> None:
        """Track every pair of the kept pictures that was not tracked yet."""
        first = len(self._poses) - len(self._recent)
        for place, (old, new) in enumerate(itertools.pairwise(self._recent)):
            if first + place > self._tracked:
                self._tracked = first + place
                self._credit -= 1
                self._track(old, new, first + place)

    def result(self) -> SyncMeasure:
        """The lag of all frames so far."""
        most = self.config.most_lag
        if not self._pairs:
            return SyncMeasure(lag_frames=float("nan"), decided=False, shifts=(), residual_px=(), pairs=0)
        poses = np.stack(self._poses)
        shifts = np.arange(-most, most + _COARSE / 2, _COARSE)
        curve = np.array([self._residual(poses, shift) for shift in shifts])
        rough = float(shifts[int(np.argmin(curve))])
        lag, best = rough, float(curve.min())
        for step in _FINER:
            near = lag + step * np.arange(-5, 6)
            fine = [self._residual(poses, shift) for shift in near]
            lag, best = round(float(near[int(np.argmin(fine))]), 2), min(fine)
        beside = min(self._residual(poses, lag - 1), self._residual(poses, lag + 1))
        clear = beside - best >= self.config.least_contrast and best <= self.config.most_residual * beside
        clear = clear and best <= self.config.most_miss
        decided = bool(clear and len(self._pairs) >= self.config.least_pairs and abs(lag) < most)
        return SyncMeasure(
            lag_frames=lag + 0.0 if decided else float("nan"),
            decided=decided,
            shifts=tuple(shifts.tolist()),
            residual_px=tuple(curve.tolist()),
            pairs=len(self._pairs),
        )

    def correct(self, lag_frames: float) -> NDArray[np.float64]:
        """Move the poses kept so far to their pixels, which trail them by ``lag_frames``; returns them, (T, 4, 4)."""
        poses = np.stack(self._poses)
        moved = poses_at(poses, np.arange(len(poses), dtype=np.float64) - lag_frames)
        self._poses = list(moved)
        return moved

    def _change(self, focal: float) -> float:
        """Roughly how many pixels the last frame's motion differs from that of the one before; free of scale."""
        if len(self._poses) < 3:
            return 0.0
        first, second, third = self._poses[-3:]
        old, new = np.linalg.inv(first) @ second, np.linalg.inv(second) @ third
        self._longest = max(self._longest, float(np.linalg.norm(new[:3, 3])), 1e-9)
        turned = np.linalg.norm(new[:3, :3] - old[:3, :3]) / np.sqrt(2)
        return float(focal * turned + 2 * np.linalg.norm(new[:3, 3] - old[:3, 3]) / self._longest)

    def _track(self, old: _Picture, new: _Picture, index: int) -> None:
        config = self.config
        corners = find_corners(old.grey, config.corners, config.spacing)
        there, good = track_points(old.grey, new.grey, corners, config.return_tolerance)
        if good.sum() < config.least_corners:
            return
        ratio = np.array(old.rgb.shape[1::-1]) / old.grey.shape[::-1]
        before, after = (corners[good] + 0.5) * ratio, (there[good] + 0.5) * ratio  # OpenCV's pixel centres lie at 0
        focal, centre = old.intrinsics[:2], old.intrinsics[2:]
        self._pairs.append(
            _Pair(
                index=index,
                before=(before - centre) / focal,
                after=(after - centre) / focal,
                nearness=None if old.depth is None else _nearness(old.depth, before),
                focal=np.array(focal, np.float64),
            )
        )

    def _residual(self, poses: Array, shift: float) -> float:
        """Pixels by which poses of ``shift`` frames earlier miss the tracked corners: mean over pairs of the median."""
        if self._stacked is None or len(self._stacked.index) != len(self._pairs):
            self._stacked = _stack(self._pairs)
        at = self._stacked.index - shift
        old, new = poses_at(poses, at), poses_at(poses, at + 1)
        moves = np.linalg.inv(new) @ old  # carries points of the old camera to the new
        return float(np.mean(_misses(self._stacked, moves)))


def measure_sync(
    frames: Frames, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None, config: SyncConfig | None = None
) -> SyncMeasure:
    """The lag of a whole episode: rgb (T, H, W, 3), depth (T, H, W) in metres or None."""
    return meter_episode(frames, rgb, depth, config).result()


def meter_episode(
    frames: Frames, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None, config: SyncConfig | None = None
) -> SyncMeter:
    """A meter that has seen a whole episode, given as for ``measure_sync``."""
    meter = SyncMeter(config)
    for i in range(len(frames)):
        meter.add(rgb[i], None if depth is None else depth[i], frames.c2w[i], frames.intrinsics[i])
    return meter


def poses_at(poses: Array, at: Array) -> Array:
    """Poses (N, 4, 4) at fractional rows ``at`` (N,) of a track (T, 4, 4): turned along the shortest arc, ends held."""
    place = np.clip(at, 0, len(poses) - 1)
    low = np.minimum(np.floor(place).astype(np.int64), max(len(poses) - 2, 0))
    high, share = np.minimum(low + 1, len(poses) - 1), place - low
    between = poses[low].copy()
    relative = poses[low][:, :3, :3].transpose(0, 2, 1) @ poses[high][:, :3, :3]
    between[:, :3, :3] = poses[low][:, :3, :3] @ _turn_part(relative, share)
    between[:, :3, 3] += share[:, None] * (poses[high][:, :3, 3] - poses[low][:, :3, 3])
    return between


def _turn_part(rotation: Array, share: Array) -> Array:
    """The ``share`` (N,) of each rotation (N, 3, 3) about its own axis."""
    skew = (rotation - rotation.transpose(0, 2, 1)) / 2
    axis = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], -1)
    sine = np.linalg.norm(axis, axis=-1)
    angle = np.arctan2(sine, (np.trace(rotation, axis1=1, axis2=2) - 1) / 2)
    unit = skew / np.maximum(sine, 1e-12)[:, None, None]
    part = (share * angle)[:, None, None]
    turned: Array = np.eye(3) + np.sin(part) * unit + (1 - np.cos(part)) * (unit @ unit)
    return turned


def _nearness(depth: NDArray[np.float32], pixels: Array) -> Array:
    """Inverse depth (N,) under pixels (N, 2); 0 where there is none."""
    u, v = np.floor(pixels).astype(np.int64).T
    metres = depth[np.clip(v, 0, depth.shape[0] - 1), np.clip(u, 0, depth.shape[1] - 1)].astype(np.float64)
    known = np.isfinite(metres) & (metres > 0)
    return np.where(known, 1 / np.where(known, metres, 1.0), 0.0)


def _stack(pairs: list[_Pair]) -> _Pairs:
    corners = np.array([len(pair.before) for pair in pairs])
    before, after = np.ones((len(pairs), corners.max(), 3)), np.zeros((len(pairs), corners.max(), 2))
    nearness = None if any(pair.nearness is None for pair in pairs) else np.zeros(before.shape[:2])
    for number, pair in enumerate(pairs):
        before[number, : corners[number], :2], after[number, : corners[number]] = pair.before, pair.after
        if nearness is not None and pair.nearness is not None:
            nearness[number, : corners[number]] = pair.nearness
    index = np.array([pair.index for pair in pairs], np.float64)
    focal = np.stack([pair.focal for pair in pairs])[:, None]
    return _Pairs(index=index, before=before, after=after, nearness=nearness, focal=focal, corners=corners)


def _misses(pairs: _Pairs, moves: Array) -> Array:
    """Median distance (P,) in pixels between where ``moves`` (P, 4, 4) carry corners and where they went.

    Without depth each corner may lie as far away as suits it best, but not behind the camera: so turns count, and walks
    by their direction and by whether there was one.
    """
    rays, shift = pairs.before @ moves[:, :3, :3].transpose(0, 2, 1), moves[:, None, :3, 3]
    nearness = pairs.nearness
    if nearness is None:
        far = rays[..., :2] / rays[..., 2:]
        along = (shift[..., :2] - far * shift[..., 2:]) / rays[..., 2:]
        fit = ((pairs.after - far) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-18)
        nearness = np.maximum(fit, 0.0)
    points = rays + nearness[..., None] * shift
    miss = (points[..., :2] / np.maximum(points[..., 2:], 1e-6) - pairs.after) * pairs.focal
    away = np.minimum(np.linalg.norm(miss, axis=-1), 50.0)
    away[np.arange(away.shape[1]) >= pairs.corners[:, None]] = np.inf
    ranked, rows = np.sort(away, axis=1), np.arange(len(away))
    return np.asarray((ranked[rows, (pairs.corners - 1) // 2] + ranked[rows, pairs.corners // 2]) / 2)
