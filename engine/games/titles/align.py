"""Which telemetry sample a picture of a recorded file shows: by the number in it, or by how both move over time."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.titles.marker import read_marker, unwrap
from engine.games.titles.obs_websocket import ObsError
from engine.games.titles.telemetry import Sample

Array = NDArray[np.float64]
_log = logging.getLogger(__name__)

REACH_SECONDS: Final = 1.5  # either way of where a film is thought to begin
GRID_SECONDS: Final = 0.005
MIN_CORRELATION: Final = 0.5  # below, motion in the pictures and motion of the camera are not the same motion


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One picture of a file and the sample that it shows."""

    picture: int  # number in the file
    sample: Sample


def align_by_marker(pictures: Iterable[NDArray[np.uint8]], samples: Sequence[Sample], cell: float) -> list[Shown]:
    """The first picture of each frame that is both in the file and in telemetry, in order; repeats are left out."""
    by_frame = {sample.frame: sample for sample in samples}
    shown: list[Shown] = []
    near = samples[0].frame if samples else 0
    for number, picture in enumerate(pictures):
        read = read_marker(picture, cell)
        if read is None:
            continue
        sample = by_frame.get(unwrap(read, near))
        if sample is not None and (not shown or sample.frame > shown[-1].sample.frame):
            near = sample.frame
            shown.append(Shown(picture=number, sample=sample))
    return shown


def align_by_motion(
    pictures: Iterable[NDArray[np.uint8]], fps: float, samples: Sequence[Sample], poses: Array, clock: float
) -> list[Shown]:
    """Each picture of a file with ``fps`` pictures a second and the sample nearest to it in time; repeats are left out.

    ``poses`` (N, 4, 4) are those of the samples, ``clock`` is the samples' clock near the first picture. Where too little
    moves to find the true one it is all that is known; what lag is left is measured, or not, as for any episode.
    """
    moved_times = np.array([sample.clock for sample in samples])
    seen = picture_motion(pictures)
    seen_times = clock + np.arange(len(seen)) / fps
    try:
        offset = find_offset(seen, seen_times, camera_motion(poses), moved_times, REACH_SECONDS)
    except ValueError as error:
        _log.warning("%s", error)
        offset = 0.0
    at = np.abs(moved_times[None] - (seen_times - offset)[:, None]).argmin(1)
    shown = [Shown(picture=number, sample=samples[index]) for number, index in enumerate(at)]
    first = np.concatenate([[True], np.diff(at) > 0])
    inside = (seen_times - offset >= moved_times[0]) & (seen_times - offset <= moved_times[-1])
    return [one for one, fits in zip(shown, first & inside, strict=True) if fits]


def film_rows(shown: Sequence[Shown], rows: Sequence[Sample], tick: float) -> Iterator[Shown]:
    """For each row the first picture of its frame or a later one; ``tick`` seconds later it would be the next row's.

    Raises:
        ObsError: there is none.
    """
    pictures = iter(shown)
    for number, row in enumerate(rows):
        one = next((one for one in pictures if one.sample.frame >= row.frame), None)
        if one is None or one.sample.clock >= row.clock + tick:
            fault = "ends too early" if one is None else "dropped frames"
            raise ObsError(
                f"OBS's film has no picture of row {number} of {len(rows)}: it {fault}; "
                "choose a lighter encoder in OBS, a smaller window or a lower rate"
            )
        yield one


def picture_motion(pictures: Iterable[NDArray[np.uint8]]) -> Array:
    """How much each picture differs from the one before, (N,), the first 0; on every eighth pixel."""
    motion, before = [], None
    for picture in pictures:
        small = picture[::8, ::8].astype(np.float64)
        motion.append(0.0 if before is None else float(np.abs(small - before).mean()))
        before = small
    return np.array(motion)


def camera_motion(c2w: Array) -> Array:
    """How much each pose differs from the one before, (N,), the first 0: degrees turned and, weighed as ten each, metres."""
    turned = np.einsum("nij,nij->n", c2w[1:, :3, :3], c2w[:-1, :3, :3])
    angle = np.degrees(np.arccos(np.clip((turned - 1) / 2, -1, 1)))
    moved = np.linalg.norm(np.diff(c2w[:, :3, 3], axis=0), axis=1)
    return np.concatenate([[0.0], angle + 10 * moved])


def find_offset(seen: Array, seen_times: Array, moved: Array, moved_times: Array, reach: float) -> float:
    """Seconds to add to the camera's times so that its motion is where the pictures show it; within ``reach`` either way.

    Raises:
        ValueError: the two do not move alike; there was too little motion, or it is another recording.
    """
    grid = np.arange(max(seen_times[0], moved_times[0] - reach), min(seen_times[-1], moved_times[-1] + reach), GRID_SECONDS)
    target = _ranks(np.interp(grid, seen_times, seen))
    offsets = np.arange(-reach, reach + GRID_SECONDS / 2, GRID_SECONDS)
    scores = np.array([_correlation(target, _ranks(np.interp(grid - offset, moved_times, moved))) for offset in offsets])
    best = int(np.argmax(scores))
    if scores[best] < MIN_CORRELATION:
        raise ValueError(f"pictures and camera do not move alike (correlation {scores[best]:.2f}); move and turn more, then stop")
    return float(offsets[best])


def _ranks(values: Array) -> Array:
    """Ranks instead of values: how much a picture changes depends on what it shows, not only on the motion."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


def _correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 else -1.0
