"""Aligning a recorded file to telemetry: by numbers in the pictures, and by motion where there are none."""

import numpy as np
import pytest

from engine.games.titles.align import align_by_marker, camera_motion, find_offset, picture_motion
from engine.games.titles.marker import MODULUS, draw_marker
from engine.games.titles.telemetry import Sample


def sample(frame: int) -> Sample:
    return Sample(frame=frame, clock=frame / 60, pos=(0.0, 0.0, 0.0), rot=(0.0, 0.0, 0.0), fov=60.0, state="play")


def numbered(frame: int) -> np.ndarray:
    picture = np.full((40, 200, 3), 80, np.uint8)
    draw_marker(picture, frame, 8)
    return picture


def test_repeats_gaps_and_unreadable_pictures_are_left_out() -> None:
    first = MODULUS - 3  # the number in the picture runs over
    samples = [sample(first + n) for n in range(8) if n != 4]
    pictures = [numbered(first + n) for n in (0, 0, 1, 2, 4, 5, 5, 3, 6)]
    pictures.insert(3, np.zeros((40, 200, 3), np.uint8))
    shown = align_by_marker(pictures, samples, 8)
    assert [(one.picture, one.sample.frame - first) for one in shown] == [(0, 0), (2, 1), (4, 2), (6, 5), (9, 6)]


def walk(seed: int, seconds: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    """Times and poses of a camera that turns and rests in turn."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, seconds, 1 / 60)
    speed = np.repeat(rng.choice([0.0, 30.0, 80.0], len(times) // 24 + 1), 24)[: len(times)]
    yaw = np.radians(np.cumsum(speed / 60))
    c2w = np.tile(np.eye(4), (len(times), 1, 1))
    c2w[:, 0, 0] = c2w[:, 2, 2] = np.cos(yaw)
    c2w[:, 0, 2], c2w[:, 2, 0] = np.sin(yaw), -np.sin(yaw)
    return times, c2w


def pictures_at(times: np.ndarray, c2w: np.ndarray, when: np.ndarray) -> list[np.ndarray]:
    yaw = np.interp(when, times, np.unwrap(np.arctan2(c2w[:, 0, 2], c2w[:, 2, 2])))
    columns = np.linspace(0, 1, 320)
    rows = [128 + 100 * np.sin(12 * (columns + angle)) * np.sin(5.3 * (columns + angle)) for angle in yaw]
    return [np.broadcast_to(row[None, :, None], (64, 320, 3)).astype(np.uint8) for row in rows]


@pytest.mark.parametrize("lag", [-0.2, 0.05, 0.31])
def test_the_offset_is_found_from_motion_alone(lag: float) -> None:
    times, c2w = walk(3)
    when = np.arange(1, 11, 1 / 30)
    seen = picture_motion(pictures_at(times, c2w, when - lag))
    assert find_offset(seen, when, camera_motion(c2w), times, 1.0) == pytest.approx(lag, abs=0.02)


def test_another_walk_does_not_fit() -> None:
    times, c2w = walk(3)
    when = np.arange(1, 11, 1 / 30)
    with pytest.raises(ValueError, match="do not move alike"):
        find_offset(picture_motion(pictures_at(times, c2w, when)), when, camera_motion(walk(8)[1]), times, 0.3)
