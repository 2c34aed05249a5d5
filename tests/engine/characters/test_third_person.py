"""Third-person episodes: the camera follows the body, input moves the body, walls pull the camera in."""

import dataclasses
import functools

import numpy as np
import pytest

from annotation.wsad import WsadConfig, infer_wsad
from engine.body import Body, Stance
from engine.characters.catalogue import assembly_of, character_of
from engine.characters.follow import FollowConfig, Follower, Following
from engine.characters.gait import PHASES, measures_of
from engine.characters.sight import sight_of
from engine.embedded.recorder import EmbeddedRecorder, plan_of
from engine.embedded.render import panda_pose
from engine.job import Job
from engine.record import record_job
from engine.scenes.build import build_scene
from infra.body_track import body_track
from infra.dynamics import DynamicsConfig, integrate
from infra.episodes import Recording

FPS = 16.0
CHARACTER = character_of(1)
JOB = Job(
    source="embedded",
    family="park",
    split="train",
    scene_seed=1240,
    walk="loop",
    seed=1,
    frames=40,
    width=112,
    height=64,
    fps=FPS,
    renderer="software",
    perspective="third",
    character=CHARACTER,
)
KEYS = {"W": (1, 0, 0, 0, 0, 0), "S": (0, 1, 0, 0, 0, 0), "A": (0, 0, 1, 0, 0, 0), "D": (0, 0, 0, 1, 0, 0), "": (0,) * 6}


@functools.cache
def recorded(job: Job) -> Recording:
    return record_job(job)


def walk(family: str, seed: int, steps: int) -> tuple[Follower, list[tuple[Stance, Following]]]:
    """A follower and what it went through on a planned walk."""
    body = Body(build_scene(family, seed), FPS)
    plan = plan_of(body, dataclasses.replace(JOB, family=family, frames=steps, walk="explore"))
    follower = Follower(body.scene, CHARACTER, FPS)
    stance, seen = plan.start, []
    state = follower.begin(stance)
    for keyboard, mouse in zip(plan.keyboard, plan.mouse, strict=True):
        seen.append((stance, state))
        after = body.advance(stance, keyboard, mouse)
        state = follower.advance(state, stance, after, keyboard)
        stance = after
    return follower, seen


@pytest.fixture(scope="module")
def open_place() -> tuple[Body, Stance]:
    """A park without anything but its border, and someone in its middle."""
    scene = build_scene("park", 3)
    border = tuple(thing for thing in scene.objects if thing.name.endswith("boundary"))
    return Body(dataclasses.replace(scene, objects=border, characters=()), FPS), Stance(place=(0.0, 0.0), pitch=0.0, yaw=30.0)


def after_keys(place: tuple[Body, Stance], keys: str, steps: int = 12) -> tuple[Follower, Following, Stance]:
    body, stance = place
    follower = Follower(body.scene, CHARACTER, FPS)
    state, keyboard = follower.begin(stance), np.sum([KEYS[key] for key in keys] or [KEYS[""]], 0).astype(np.int8)
    for _ in range(steps):
        after = body.advance(stance, keyboard, np.zeros(2, np.float32))
        state = follower.advance(state, stance, after, keyboard)
        stance = after
    return follower, state, stance


def test_the_camera_hangs_behind_and_above_the_body_and_sees_it(open_place: tuple[Body, Stance]) -> None:
    follower, state, stance = after_keys(open_place, "W")
    camera = follower.camera(state, stance)
    chest = np.array([stance.place[0], -1.2, stance.place[1], 1.0])
    x, y, z, _ = np.linalg.inv(camera) @ chest
    assert -camera[1, 3] > measures_of(assembly_of(CHARACTER)).height - 0.2
    assert 2.5 < z < 3.5 and abs(x) < 0.5 and abs(y) < 1.0


@pytest.mark.parametrize(
    ("keys", "faces", "way"),
    [("W", 0, 1), ("D", 90, 1), ("A", -90, 1), ("WD", 45, 1), ("S", 0, -1), ("SD", -45, -1), ("SA", 45, -1)],
)
def test_the_body_faces_where_it_walks_and_backs_off_backwards(
    open_place: tuple[Body, Stance], keys: str, faces: float, way: int
) -> None:
    follower, state, stance = after_keys(open_place, keys)
    assert state.offset == pytest.approx(faces, abs=1e-6)
    assert state.walked * way == pytest.approx(12 * DynamicsConfig().step)
    placed = follower.placed(state, stance, follower.camera(state, stance))
    assert placed is not None and placed.facing == pytest.approx(stance.yaw + faces) and placed.phase < PHASES


def test_who_stands_still_faces_where_they_look(open_place: tuple[Body, Stance]) -> None:
    follower, state, stance = after_keys(open_place, "")
    placed = follower.placed(state, stance, follower.camera(state, stance))
    assert placed is not None and placed.phase == PHASES and placed.facing == stance.yaw


@pytest.mark.parametrize(("family", "seed"), [("rooms", 8), ("park", 12)])
def test_nothing_comes_between_camera_and_body_and_the_arm_gives_way_gently(family: str, seed: int) -> None:
    follower, seen = walk(family, seed, 160)
    height = measures_of(assembly_of(CHARACTER)).height
    for stance, state in seen:
        camera = follower.camera(state, stance)
        pivot = np.array([stance.place[0], -FollowConfig().pivot * height, stance.place[1]])
        assert sight_of(follower.scene).free_shares(pivot, camera[None, :3, 3])[0] == 1
        assert camera[1, 3] < -0.2
    arms = np.array([state.distance for _, state in seen])
    assert np.diff(arms).max() <= FollowConfig().ease_out + 1e-9
    assert np.quantile(np.abs(np.diff(arms)), 0.95) < 0.25
    assert family == "park" or arms.min() < 2.5  # rooms are narrow: the camera did come in


def test_input_moves_the_body_by_the_dynamics_and_the_look_turns_the_camera_alike() -> None:
    frames = recorded(JOB).frames
    track = body_track(frames)
    free = ~frames.collided[1:]
    for i in np.flatnonzero(free)[:30]:
        expected = integrate(track[i], frames.keyboard[i : i + 1], frames.mouse[i : i + 1], DynamicsConfig())[0]
        np.testing.assert_allclose(track[i + 1], expected, atol=1e-6)
    assert free.sum() > 20
    turned = np.einsum("tji,tjk->tik", frames.c2w[:-1, :3, :3], frames.c2w[1:, :3, :3])
    level = np.degrees(np.arccos(np.clip((np.trace(turned, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    own = np.einsum("tji,tjk->tik", track[:-1, :3, :3], track[1:, :3, :3])
    body = np.degrees(np.arccos(np.clip((np.trace(own, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    np.testing.assert_allclose(level, body, atol=1.0)


def test_the_walk_is_the_same_as_in_first_person_and_so_is_the_input_told_from_it() -> None:
    third, first = recorded(JOB).frames, recorded(dataclasses.replace(JOB, perspective="first")).frames
    np.testing.assert_array_equal(third.keyboard, first.keyboard)
    np.testing.assert_allclose(body_track(third), first.c2w, atol=1e-9)
    told = [infer_wsad(track, WsadConfig()).keyboard for track in (body_track(third), first.c2w)]
    np.testing.assert_array_equal(told[0], told[1])


def test_poses_are_the_cameras_and_the_raw_pose_holds_both() -> None:
    frames = recorded(JOB).frames
    assert frames.raw_pose.shape[1] == 12
    np.testing.assert_allclose(frames.raw_pose[5, :6], panda_pose(frames.c2w[5]))
    gap = np.linalg.norm(frames.c2w[:, :3, 3] - body_track(frames)[:, :3, 3], axis=1)
    assert (gap > 0.3).all() and (gap < 4).all()


def test_the_same_job_twice_gives_the_same_frames_and_poses() -> None:
    one, two = recorded(JOB), record_job(JOB)
    assert one.frames.rgb_sha256 == two.frames.rgb_sha256
    np.testing.assert_array_equal(one.frames.raw_pose, two.frames.raw_pose)
    other = recorded(dataclasses.replace(JOB, character=character_of(2)))
    assert other.frames.rgb_sha256 != one.frames.rgb_sha256


def test_the_body_is_named_in_the_row_and_told_in_the_scene() -> None:
    recording = recorded(JOB)
    assert recording.episode.character_id == str(CHARACTER) and recording.episode.perspective == "third"
    assert recording.scene["body"]["character"] == CHARACTER and recording.scene["body"]["words"]


def test_eyes_in_first_person_are_as_high_as_the_body_has_them() -> None:
    frames = recorded(dataclasses.replace(JOB, perspective="first")).frames
    assert -frames.c2w[0, 1, 3] == pytest.approx(measures_of(assembly_of(CHARACTER)).eye_height)


def test_depth_holds_the_body(egl: None) -> None:
    recorder = EmbeddedRecorder()
    job = dataclasses.replace(JOB, renderer="egl", width=224, height=128)
    seen = recorder.reset(job)
    bare = recorder.reset(dataclasses.replace(job, perspective="first", character=-1))
    renderer = recorder._renderer
    assert renderer is not None and bare.depth is not None and seen.depth is not None
    _, without = renderer.draw(seen.c2w, seen.seconds)
    recorder.close()
    assert without is not None
    body = seen.depth < without - 0.02
    arm = np.linalg.norm(seen.c2w[[0, 2], 3] - seen.raw_pose[[6, 8]])
    assert 300 < body.sum() < 9000
    assert abs(float(np.median(seen.depth[body])) - arm) < 0.8
