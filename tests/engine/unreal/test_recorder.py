"""The recorder over the protocol: the embedded world in a process of its own, and an engine without the fixed step."""

import dataclasses
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.characters.catalogue import character_of
from engine.embedded.mask import thing_names
from engine.embedded.recorder import EmbeddedRecorder, conditions_of
from engine.job import Job
from engine.record import gather
from engine.scenes.build import build_scene
from engine.unreal.convention import c2w_from_unreal, unreal_from_c2w
from engine.unreal.process import EngineProcess, EngineStartError, UnrealConfig, engine_command, free_port
from engine.unreal.recorder import UnrealRecorder
from engine.unreal.walk import UndoingExplorer, undo
from infra.body_track import body_track
from infra.dynamics import DynamicsConfig, integrate
from infra.errors import NotHereError, WorldloomError
from infra.schema import idle_actions, parse_action
from infra.schema.episode import Perspective
from tests.engine.jobs import MakeJob
from tests.engine.unreal.plain_engine import MAP

PLAIN = UnrealConfig(command=(sys.executable, "-m", "tests.engine.unreal.plain_engine"))
STEPPED = dataclasses.replace(PLAIN, command=(*PLAIN.command, "--steps"))


@pytest.fixture(scope="module")
def recorder(egl: str) -> Iterator[UnrealRecorder]:
    """One engine for the tests that leave it whole."""
    warm = UnrealRecorder()
    yield warm
    warm.close()


def scene_list(folder: Path, more: str = "") -> Path:
    """One of a single map, ``green``."""
    path, area = folder / "scenes.toml", "{ centre = [3.0, 2.0, 0.0], half_size = [0.5, 0.5], yaw = [40.0, 50.0] }"
    path.write_text(f'[[scene]]\nname = "green"\nmap = "/Game/{MAP}"\nlicence = "own"\nstart_areas = [{area}]\n{more}\n')
    return path


def over_the_wire(job: Job) -> Job:
    return dataclasses.replace(job, source="unreal", renderer="unreal")


@pytest.mark.parametrize(
    ("family", "weather"),
    [("park", ""), *(pytest.param(*one, marks=pytest.mark.slow) for one in (("rooms", ""), ("street", "rain")))],
)
def test_the_wire_changes_no_pixel_no_pose_and_no_action(
    recorder: UnrealRecorder, make_job: MakeJob, family: str, weather: str
) -> None:
    job = make_job(family=family, weather=weather, frames=32, fps=30.0)  # thirtieths are no binary fractions
    inside = EmbeddedRecorder()
    here, there = gather(inside, job), gather(recorder, over_the_wire(job))
    inside.close()
    assert there.frames.rgb_sha256 == here.frames.rgb_sha256
    assert np.array_equal(there.frames.c2w, here.frames.c2w)
    assert np.array_equal(there.frames.keyboard, here.frames.keyboard) and np.array_equal(there.frames.mouse, here.frames.mouse)
    assert here.depth is not None and there.depth is not None
    assert np.allclose(here.depth, there.depth, rtol=1e-6) and there.episode.depth_kind == "exact"
    assert (there.episode.weather, there.episode.season) == (here.episode.weather, here.episode.season)
    assert there.episode.sync == "exact"
    assert there.scene.pop("mask_names") == {
        str(i): name for i, name in enumerate(thing_names(build_scene(job.family, job.scene_seed, conditions_of(job))), 1)
    }
    assert there.scene == here.scene
    assert np.array_equal(there.frames.tick, np.arange(32))


@pytest.mark.parametrize("perspective", ["third", pytest.param("first", marks=pytest.mark.slow)])
def test_a_body_over_the_wire_changes_nothing_either(
    recorder: UnrealRecorder, make_job: MakeJob, perspective: Perspective
) -> None:
    job = make_job(perspective=perspective, character=character_of(3), walk="loop", frames=40)
    inside = EmbeddedRecorder()
    here, there = gather(inside, job), gather(recorder, over_the_wire(job))
    inside.close()
    assert there.frames.rgb_sha256 == here.frames.rgb_sha256
    assert np.array_equal(there.frames.c2w, here.frames.c2w)
    assert there.episode.character_id == here.episode.character_id == str(job.character)
    names = there.scene.pop("mask_names")
    assert there.scene == here.scene
    if perspective == "third":
        assert np.array_equal(body_track(there.frames), body_track(here.frames))
        number = len(thing_names(build_scene(job.family, job.scene_seed))) + 1
        assert list(names) == [str(i) for i in range(1, number + 1)] and names[str(number)] == "walker"
        assert there.mask is not None and (there.mask == number).any((1, 2)).mean() > 0.9, "the body is in no mask"
    without = gather(recorder, over_the_wire(make_job(walk="loop", frames=2)))
    assert without.frames.rgb_sha256[0] != there.frames.rgb_sha256[0] and without.episode.character_id == ""


def test_the_pose_that_the_engine_reads_back_is_kept_beside_the_plans(recorder: UnrealRecorder, make_job: MakeJob) -> None:
    frames = gather(recorder, over_the_wire(make_job(walk="loop"))).frames
    assert frames.raw_pose.shape == (24, 6)
    for pose, c2w in zip(frames.raw_pose, frames.c2w, strict=True):
        location, _ = unreal_from_c2w(c2w)
        assert np.allclose(location, pose[:3], atol=5.1e-4)  # cm, three decimals
        assert np.allclose(c2w_from_unreal(pose[:3], pose[3:]), c2w, atol=2e-5)


def test_masks_number_things_as_the_scene_lists_them(recorder: UnrealRecorder, make_job: MakeJob) -> None:
    job = make_job()
    recording = gather(recorder, over_the_wire(job))
    scene = build_scene(job.family, job.scene_seed)
    assert recording.mask is not None and recording.mask.dtype == np.uint16
    assert recording.mask.max() <= len(thing_names(scene)) and len(np.unique(recording.mask)) > 4


@pytest.mark.slow
def test_the_same_job_twice_gives_the_same_rows(recorder: UnrealRecorder, make_job: MakeJob) -> None:
    job = over_the_wire(make_job(walk="out_and_back"))
    first, other, again = gather(recorder, job), gather(recorder, over_the_wire(make_job(seed=3))), gather(recorder, job)
    assert first.frames.rgb_sha256 == again.frames.rgb_sha256 != other.frames.rgb_sha256
    assert np.array_equal(first.frames.raw_pose, again.frames.raw_pose)
    assert first.mask is not None and again.mask is not None and np.array_equal(first.mask, again.mask)


def test_jobs_that_this_source_cannot_do_are_named(recorder: UnrealRecorder, make_job: MakeJob) -> None:
    with pytest.raises(ValueError, match="no scene family 'moon'"):
        recorder.reset(over_the_wire(make_job(family="moon")))


def test_another_action_than_the_one_that_was_sent_is_refused(recorder: UnrealRecorder, make_job: MakeJob) -> None:
    recorder.reset(over_the_wire(make_job()))
    with pytest.raises(ValueError, match="another action"):
        recorder.step(np.ones(6, np.int8), np.ones(2, np.float32))


@pytest.mark.fault
def test_an_engine_killed_in_an_episode_costs_that_episode_alone(egl: str, make_job: MakeJob) -> None:
    job = over_the_wire(make_job())
    recorder = UnrealRecorder()
    state = recorder.reset(job)
    for _ in range(5):
        action = recorder.act(state)
        assert action is not None
        state = recorder.step(*action)
    _, server = psutil.Process(recorder.engine.pid).children(recursive=True)  # the leash is two processes
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(WorldloomError):
        for _ in range(3):
            action = recorder.act(state)
            assert action is not None
            state = recorder.step(*action)
    again, undisturbed = gather(recorder, job), UnrealRecorder()
    assert again.frames.rgb_sha256 == gather(undisturbed, job).frames.rgb_sha256
    recorder.close()
    undisturbed.close()


@pytest.mark.fault
def test_an_engine_killed_between_episodes_costs_nothing(egl: str, make_job: MakeJob) -> None:
    job = over_the_wire(make_job())
    recorder = UnrealRecorder()
    before = gather(recorder, job)
    _, server = psutil.Process(recorder.engine.pid).children(recursive=True)  # the leash is two processes
    os.kill(server.pid, signal.SIGKILL)
    psutil.wait_procs([server], 10)
    assert gather(recorder, job).frames.rgb_sha256 == before.frames.rgb_sha256
    recorder.close()
    assert not psutil.pid_exists(server.pid)


@pytest.mark.slow
def test_an_engine_without_steps_is_walked_by_swept_moves_and_read_back(egl: str, make_job: MakeJob) -> None:
    recorder = UnrealRecorder(PLAIN)
    with pytest.raises(ValueError, match="use perspective first"):
        recorder.reset(over_the_wire(make_job(family=MAP, perspective="third")))
    recording = gather(recorder, over_the_wire(make_job(family=MAP, frames=160)))
    recorder.close()
    frames = recording.frames
    assert recording.episode.sync == "measured" and recording.episode.depth_kind == "coarse" and len(frames) == 160
    assert np.allclose(frames.c2w[:, 1, 3], frames.c2w[0, 1, 3]), "the pawn's height crept into the camera's"
    free = ~frames.collided[1:]
    for row in np.flatnonzero(free):
        led = integrate(frames.c2w[row], frames.keyboard[row : row + 1], frames.mouse[row : row + 1], DynamicsConfig())[0]
        assert np.allclose(led, frames.c2w[row + 1], atol=2e-4)
    assert free.mean() > 0.5 and np.ptp(frames.c2w[:, [0, 2], 3], axis=0).max() > 1


@pytest.mark.slow
def test_one_engine_records_a_map_in_exact_steps_episode_after_episode(egl: str, make_job: MakeJob) -> None:
    recorder, engines, starts = UnrealRecorder(STEPPED), set[int](), []
    for seed in range(3):
        recording = gather(recorder, over_the_wire(make_job(family=MAP, seed=seed, frames=24, walk="explore")))
        assert recording.episode.sync == "exact" and np.array_equal(recording.frames.tick, np.arange(24))
        engines.add(recorder.engine.pid)
        starts.append(recording.frames.c2w[0])
    recorder.close()
    assert len(engines) == 1, "an engine was started anew for every episode"
    assert np.allclose(starts, starts[0], atol=2e-5), "an episode begins where the last one ended"


@pytest.mark.slow
def test_an_engine_that_is_not_ours_is_left_with_its_clock_running(egl: str, make_job: MakeJob) -> None:
    port = free_port()
    owner = EngineProcess(dataclasses.replace(STEPPED, unix_socket=False, port=port))
    client = owner.ready(16.0)
    client.close()
    guest = UnrealRecorder(UnrealConfig(host="127.0.0.1", port=port))
    gather(guest, over_the_wire(make_job(family=MAP, frames=4, walk="explore")))
    guest.close()
    assert owner.alive()
    client.connect(10.0)
    assert client.text("vget /action/game/is_paused") == "false"
    owner.stop()


@pytest.mark.slow
def test_conditions_of_one_job_do_not_stay_for_the_next(egl: str, make_job: MakeJob, tmp_path: Path) -> None:
    path = scene_list(tmp_path, 'weather = { rain = ["Rain.Set 1"], clear = [] }')
    recorder = UnrealRecorder(dataclasses.replace(STEPPED, scenes=str(path)))
    for weather in ("", "rain", "rain", "", "", "clear"):
        recorder.reset(over_the_wire(make_job(family="green", weather=weather)))
    recorder.engine._log.seek(0)
    told = [line for line in recorder.engine._log.read().decode().splitlines() if line.startswith("v")]
    recorder.close()
    assert told == ["vrun Rain.Set 1", "vrun Rain.Set 1", f"vset /action/game/level /Game/{MAP}"]


@pytest.mark.slow
@pytest.mark.parametrize("wish", [{"weather": "rain"}, {"time_of_day": "night"}, {"season": "winter"}])
def test_conditions_that_nobody_said_how_to_make_are_refused(egl: str, make_job: MakeJob, wish: dict[str, str]) -> None:
    recorder = UnrealRecorder(PLAIN)
    with pytest.raises(ValueError, match=f"{next(iter(wish.values()))}.*a scene list .* says how"):
        recorder.reset(over_the_wire(make_job(family=MAP, **wish)))
    recorder.close()


@pytest.mark.slow
def test_the_learned_explorer_walks_an_unknown_map_by_what_the_wire_brings(egl: str, make_job: MakeJob) -> None:
    recorder = UnrealRecorder(PLAIN)
    job = over_the_wire(make_job(family=MAP, frames=96, walk="policy"))
    frames = gather(recorder, job).frames
    recorder.close()
    assert np.linalg.norm(np.ptp(frames.c2w[:, [0, 2], 3], axis=0)) > 4 and frames.collided.mean() < 0.5


@pytest.mark.slow
def test_a_scene_list_gives_map_and_starts(egl: str, make_job: MakeJob, tmp_path: Path) -> None:
    recorder = UnrealRecorder(dataclasses.replace(PLAIN, scenes=str(scene_list(tmp_path))))
    state = recorder.reset(over_the_wire(make_job(family="green")))
    assert np.allclose(state.raw_pose[:2], [300, 200], atol=50.1) and 40 <= state.raw_pose[4] <= 50
    assert recorder.facts().licence == "own" and recorder.facts().scene_id == "green"
    with pytest.raises(ValueError, match="no weather 'rain'"):
        recorder.reset(over_the_wire(make_job(family="green", weather="rain")))
    with pytest.raises(ValueError, match="no scene 'blue'"):
        recorder.reset(over_the_wire(make_job(family="blue")))
    recorder.close()


def test_an_engine_that_ends_at_once_is_quoted() -> None:
    process = EngineProcess(UnrealConfig(command=(sys.executable, "-c", "print('no such map'); raise SystemExit(3)")))
    with pytest.raises(EngineStartError, match="no such map"):
        process.ready(16.0)
    process.stop()


def test_a_build_that_is_not_installed_is_named() -> None:
    with pytest.raises(NotHereError, match=r"MyWorld\.sh cannot be run here; mend endpoints\.unreal\.command"):
        EngineProcess(UnrealConfig(command=("MyWorld.sh",))).ready(16.0)


def test_an_engine_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    tells = "import os; print([name for name in os.environ if name == 'PATH' or 'AWS' in name]); raise SystemExit(3)"
    process = EngineProcess(UnrealConfig(command=(sys.executable, "-c", tells)))
    with pytest.raises(EngineStartError) as caught:
        process.ready(16.0)
    process.stop()
    assert "PATH" in str(caught.value) and "AWS" not in str(caught.value)


def test_an_engine_that_never_listens_is_given_up_in_time() -> None:
    config = UnrealConfig(
        command=(sys.executable, "-c", "import sys; sys.stdin.read(); __import__('time').sleep(60)"), start_seconds=0.3
    )
    process = EngineProcess(config)
    with pytest.raises(EngineStartError, match=r"0\.3 s"):
        process.ready(16.0)
    assert process.pid == 0


def test_a_build_is_launched_with_the_flags_of_a_recorder() -> None:
    command = engine_command(UnrealConfig(command=("Game.sh", "Map")), 9123, 29.97)
    assert command[:2] == ["Game.sh", "Map"] and command[-2:] == ["-cvport", "9123"]
    assert {"-RenderOffScreen", "-UseFixedTimeStep", "-FPS=29.97"} <= set(command)


def test_the_explorer_of_unknown_maps_goes_back_the_way_it_came() -> None:
    explorer, far = UndoingExplorer([1, 2]), np.full((90, 160), 30.0, np.float32)
    actions = [explorer.act(far, np.eye(4), np.eye(4), False) for _ in range(400)]
    c2w = integrate(np.eye(4), np.stack([a for a, _ in actions]), np.stack([b for _, b in actions]), DynamicsConfig())
    gap = np.linalg.norm(c2w[:, None, :3, 3] - c2w[None, :, :3, 3], axis=-1)
    facing = np.einsum("ik,jk->ij", c2w[:, :3, 2], c2w[:, :3, 2])
    again = (gap < 1e-6) & (facing > 1 - 1e-9) & (np.abs(np.subtract.outer(np.arange(400), np.arange(400))) > 60)
    assert again.any(1).mean() > 0.1


def test_undoing_an_action_leads_back() -> None:
    keys, mouse = parse_action("W+R")
    keyboard, turns = idle_actions(2)
    keyboard[0], turns[0] = keys, mouse
    keyboard[1], turns[1] = undo((keyboard[0], turns[0]))
    assert np.allclose(integrate(np.eye(4), keyboard, turns, DynamicsConfig())[-1], np.eye(4), atol=1e-6)
