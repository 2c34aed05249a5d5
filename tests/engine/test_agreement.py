"""Actions and poses: right rows are found right, with friction too, and any other pairing makes the self-test collapse."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

from engine.agreement import measure_actions
from engine.bench.sync import WRONG, settle_again
from engine.games.doom import FPS
from engine.job import scene_seed
from engine.record import record_job
from engine.synced import LEAST_AGREEMENT, Synced
from infra.dynamics import camera_to_world
from infra.episodes import Recording
from infra.schema import Frames
from infra.schema.episode import UNKNOWN_AGREEMENT
from tests.engine.jobs import MakeJob

_recorded = functools.lru_cache(maxsize=2)(record_job)


@pytest.fixture(params=["embedded", "vizdoom"])
def walk(request: pytest.FixtureRequest, make_job: MakeJob) -> Recording:
    if request.param == "embedded":
        request.getfixturevalue("egl")
        return _recorded(make_job(frames=160))
    fixed: dict[str, Any] = {"family": "doom", "fps": FPS, "renderer": "vizdoom", "scene_seed": scene_seed("doom", "train", 2, 0)}
    return _recorded(make_job(source="vizdoom", frames=160, seed=2, **fixed))


def settled(recording: Recording, frames: Frames, sync: Literal["exact", "measured"] = "exact") -> Synced:
    """The self-test of these rows with the recording's pictures."""
    return settle_again(dataclasses.replace(recording, episode=dataclasses.replace(recording.episode, sync=sync)), frames)


pairs_swapped = WRONG["pairs of actions swapped"]


def keys_swapped(frames: Frames) -> Frames:
    return dataclasses.replace(pairs_swapped(frames), mouse=frames.mouse)


def test_what_was_recorded_in_lock_step_passes(walk: Recording) -> None:
    found = settled(walk, walk.frames)
    assert found.checked and walk.episode.sync_checked
    assert found.action_agreement == walk.episode.action_agreement >= LEAST_AGREEMENT
    assert abs(found.action_lag_frames) < 0.35, "friction looks like a part of a row"
    assert found.frames is walk.frames


@pytest.mark.parametrize("wrong", [*WRONG.values(), keys_swapped], ids=[*WRONG, "pairs of keys swapped"])
def test_wrong_rows_make_the_self_test_collapse(walk: Recording, wrong: Callable[[Frames], Frames]) -> None:
    found = settled(walk, wrong(walk.frames))
    assert not found.checked
    assert found.action_agreement < LEAST_AGREEMENT or abs(found.action_lag_frames) > 0.5, "curation can tell"


@pytest.mark.parametrize("rows", [1, 2])
def test_on_the_wall_clock_actions_go_to_the_rows_that_they_led_to(walk: Recording, rows: int) -> None:
    early = functools.reduce(lambda frames, _: WRONG["actions a row earlier"](frames), range(rows), walk.frames)
    found = settled(walk, early, "measured")
    assert found.checked and abs(found.action_lag_frames) < 0.5
    inner = slice(rows, len(walk.frames) - 1)
    np.testing.assert_array_equal(found.frames.keyboard[inner], walk.frames.keyboard[inner])
    np.testing.assert_array_equal(found.frames.mouse[inner], walk.frames.mouse[inner])
    assert not found.frames.keyboard[:rows].any() and not found.frames.mouse[:rows].any()
    assert found.curve["actions"]["corrected_frames"] == rows


def test_on_the_wall_clock_the_lens_goes_to_its_pixels_along_with_the_pose(walk: Recording) -> None:
    zoom = 1 + 0.0002 * np.arange(len(walk.frames))[:, None]  # as of a game that widens its view while one runs
    right = dataclasses.replace(walk.frames, intrinsics=walk.frames.intrinsics * zoom)
    early = dataclasses.replace(right, c2w=two_earlier(right.c2w), intrinsics=two_earlier(right.intrinsics))
    found = settled(walk, early, "measured")
    assert found.curve["corrected_frames"] == pytest.approx(2.0, abs=0.2)
    inner, row = slice(4, -4), 0.0002 * right.intrinsics[0]
    assert (np.abs(found.frames.intrinsics - right.intrinsics)[inner] < 0.3 * row).all()


def two_earlier(column: np.ndarray) -> np.ndarray:
    return np.concatenate([column[2:], column[-1:], column[-1:]])


def test_a_mouse_that_was_used_once_and_did_nothing_turns_the_self_test_off(walk: Recording) -> None:
    mouse = np.zeros_like(walk.frames.mouse)
    assert settled(walk, dataclasses.replace(walk.frames, mouse=mouse)).checked, "the keys alone are in sync"
    mouse[80, 1] = 0.1
    doubted = settled(walk, dataclasses.replace(walk.frames, mouse=mouse))
    assert not doubted.checked and "keys or mouse changed too seldom" in doubted.curve["doubt"]


def test_swapped_actions_are_not_put_in_order_by_force(walk: Recording) -> None:
    swapped = pairs_swapped(walk.frames)
    found = settled(walk, swapped, "measured")
    assert not found.checked
    np.testing.assert_array_equal(found.frames.keyboard, swapped.keyboard)


def test_what_never_changes_is_not_measured(egl: str, make_job: MakeJob) -> None:
    for kind in ("idle", "spin"):
        episode = record_job(make_job(frames=24, walk=kind)).episode
        assert episode.action_agreement == UNKNOWN_AGREEMENT and episode.action_lag_frames == 0 and not episode.sync_checked


def with_actions(frames: Frames, rows: np.ndarray) -> Frames:
    return dataclasses.replace(frames, keyboard=frames.keyboard[rows], mouse=frames.mouse[rows])


def track(places: np.ndarray, keyboard: np.ndarray) -> Frames:
    """Frames (T,) of a camera at places (T,) metres ahead that looks straight on."""
    count = len(places)
    position = np.stack([np.zeros(count), np.zeros(count), places], -1)
    return Frames(
        tick=np.arange(count),
        time=np.arange(count) * 62_500_000,
        c2w=camera_to_world(position, np.zeros(count), np.zeros(count)),
        intrinsics=np.ones((count, 4)),
        raw_pose=np.zeros((count, 1)),
        keyboard=keyboard,
        mouse=np.zeros((count, 2), np.float32),
        collided=np.zeros(count, np.bool_),
        rgb_sha256=[""] * count,
    )


@pytest.mark.parametrize("friction", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("lag", [0, 1, 2])
def test_friction_is_not_taken_for_a_lag(friction: float, lag: int) -> None:
    keyboard = np.zeros((160, 6), np.int8)
    keyboard[:, 0] = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0]).repeat(10)
    pushed, speed, places = np.roll(keyboard[:, 0], lag), 0.0, [0.0]
    for push in pushed[:-1]:
        speed = friction * speed + 0.1 * push
        places.append(places[-1] + speed)
    found = measure_actions(track(np.array(places), keyboard))
    assert found.lag_rows == pytest.approx(lag, abs=0.05) and found.agreement == 1


def test_walls_that_a_source_does_not_report_tell_nothing() -> None:
    keyboard = np.zeros((160, 6), np.int8)
    keyboard[:, 0] = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0]).repeat(10)
    steps = 0.1 * keyboard[:-1, 0] * (np.arange(159) % 64 < 40)  # a wall now and then
    found = measure_actions(track(np.concatenate([[0.0], np.cumsum(steps)]), keyboard))
    assert found.lag_rows == 0 and found.agreement >= LEAST_AGREEMENT


def test_a_mouse_that_hardly_moved_has_to_go_its_way() -> None:
    keyboard = np.zeros((160, 6), np.int8)
    keyboard[:, 0] = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0]).repeat(10)
    walked = track(np.concatenate([[0.0], np.cumsum(0.1 * keyboard[:-1, 0])]), keyboard)
    assert measure_actions(walked).told, "the mouse never moved: there is nothing to tell"
    mouse, yaw = walked.mouse.copy(), np.zeros(160)
    mouse[80, 1], yaw[81:] = 0.1, 1.5
    turned = dataclasses.replace(walked, mouse=mouse, c2w=camera_to_world(walked.c2w[:, :3, 3], np.zeros(160), yaw))
    found = measure_actions(turned)
    assert found.mouse is None, "two changes are too few"
    assert found.told
    for wrong in ("mouse inverted", "actions a row later"):
        assert not measure_actions(WRONG[wrong](turned)).told


@pytest.mark.parametrize("rows", [1, 8])
def test_keys_that_changed_twice_have_to_stand_in_their_rows(rows: int) -> None:
    keyboard = np.zeros((160, 6), np.int8)
    keyboard[60:100, 0] = 1
    walked = track(np.concatenate([[0.0], np.cumsum(0.1 * keyboard[:-1, 0])]), keyboard)
    found = measure_actions(walked)
    assert not found.measured and found.told
    for shift in (-rows, rows):
        assert not measure_actions(with_actions(walked, np.clip(np.arange(160) + shift, 0, 159))).told


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_shortest_episodes_are_measured_too(count: int) -> None:
    keyboard = np.zeros((count, 6), np.int8)
    keyboard[:, 0] = 1
    for held in (keyboard, 0 * keyboard):
        assert not measure_actions(track(0.1 * np.arange(count), held)).measured


def test_a_mouse_that_turns_nothing_is_not_asked_for() -> None:
    keyboard = np.zeros((160, 6), np.int8)
    keyboard[:, 0] = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0]).repeat(10)
    walked = track(np.concatenate([[0.0], np.cumsum(0.1 * keyboard[:-1, 0])]), keyboard)
    assert measure_actions(dataclasses.replace(walked, mouse=np.full((160, 2), 0.01, np.float32))).told
