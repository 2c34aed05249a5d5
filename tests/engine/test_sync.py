"""The lag between pixels and poses: zero where a tick binds them, found where it does not, and never made up."""

import dataclasses
import functools

import numpy as np
import pytest

from engine.record import record_job
from engine.sync import measure_sync, poses_at
from infra.dynamics import camera_to_world
from infra.episodes import Recording
from infra.schema import Frames
from tests.engine.jobs import MakeJob

_recorded = functools.lru_cache(maxsize=1)(record_job)


@pytest.fixture
def walk(egl: str, make_job: MakeJob) -> Recording:
    return _recorded(make_job(frames=96))


def _posed(frames: Frames, shift: float) -> Frames:
    rows = np.arange(len(frames), dtype=np.float64)
    return dataclasses.replace(frames, c2w=poses_at(frames.c2w, rows + shift))


def _taken(frames: Frames, rows: np.ndarray) -> Frames:
    return dataclasses.replace(frames, tick=frames.tick[rows], c2w=frames.c2w[rows], intrinsics=frames.intrinsics[rows])


@pytest.mark.parametrize("with_depth", [True, False])
def test_the_embedded_world_has_no_lag(walk: Recording, with_depth: bool) -> None:
    measure = measure_sync(walk.frames, walk.rgb, walk.depth if with_depth else None)
    assert measure.decided and abs(measure.lag_frames) <= 0.05


@pytest.mark.parametrize("shift", [-1, 1, 2])
@pytest.mark.parametrize("with_depth", [True, False])
def test_poses_shifted_by_whole_frames_show_as_that_lag(walk: Recording, shift: int, with_depth: bool) -> None:
    depth = walk.depth if with_depth else None
    right = measure_sync(walk.frames, walk.rgb, depth)
    wrong = measure_sync(_posed(walk.frames, shift), walk.rgb, depth)
    assert wrong.lag_frames == pytest.approx(shift, abs=0.1)
    at_rest = right.shifts.index(0.0)
    assert wrong.residual_px[at_rest] > 3 * right.residual_px[at_rest]


def test_a_quarter_of_a_frame_is_found(walk: Recording) -> None:
    rows = np.arange(4, 96, 4)  # the walk at a quarter of its rate; pictures a row, so a quarter of a frame, late
    assert walk.depth is not None
    measure = measure_sync(_taken(walk.frames, rows), walk.rgb[rows - 1], walk.depth[rows - 1])
    assert measure.lag_frames == pytest.approx(0.25, abs=0.1)


def test_a_camera_that_stands_still_has_no_measurable_lag(egl: str, make_job: MakeJob) -> None:
    still = record_job(make_job(frames=24, walk="idle"))
    measure = measure_sync(still.frames, still.rgb, still.depth)
    assert not measure.decided and np.isnan(measure.lag_frames)


def test_poses_between_rows_lie_half_way_on_the_arc() -> None:
    track = camera_to_world(np.array([[0.0, 0, 0], [2.0, 0, 4]]), np.zeros(2), np.array([170.0, -170.0]))
    expected = camera_to_world(np.array([[1.0, 0, 2]]), np.zeros(1), np.array([180.0]))
    assert np.allclose(poses_at(track, np.array([0.5])), expected)
    assert np.allclose(poses_at(track, np.array([-3.0, 9.0])), track)
