"""Faults: killed at random moments a run ends as if it had not been; what a user can mend is one line and a status."""

import json
import os
import random
import signal
import socket
import subprocess
import time
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from infra.episodes import list_episodes
from infra.schema import Checkpoint
from infra.schema.run import Run
from infra.store import Store, open_store
from infra.tables import read_records
from tests.flows.conftest import NO_CAP, SmokeRun, command, worldloom
from tests.requirements import require

KILLS = 10
PROFILES = Path(__file__).resolve().parents[2] / "infra" / "profiles"
DIGESTS = ("digest", "dataset", "autoencoder", "base", "student", "int8", "scores", "bundle", "released")


def outcome(store: Store) -> dict[str, dict[str, object]]:
    """What every stage of the loop left behind, by the newest run of each."""
    runs = sorted(read_records(store, "runs", Run), key=lambda run: run.started)
    outputs = {run.stage: json.loads(run.outputs) for run in runs if run.stage != "evaluate_arm"}
    return {stage: {name: made[name] for name in DIGESTS if name in made} for stage, made in outputs.items()}


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that failed as it should: the last line, no traceback before it."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 2, done.stdout + done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("worldloom: "), done.stderr
    return line


def kill_after(arguments: list[str], seconds: float, log: Path) -> bool:
    """Start a run and kill -9 it and its children after some seconds; whether it still ran then."""
    with log.open("ab") as output, subprocess.Popen(arguments, stdout=output, stderr=output, start_new_session=True) as run:
        try:
            run.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            return True


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(3000)
def test_a_run_killed_at_ten_random_moments_ends_as_an_undisturbed_one(smoke_run: SmokeRun, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    moments, log = random.Random(seed), tmp_path / "runs.log"
    homes, kills = [tmp_path / "0"], 0
    while kills < KILLS:
        arguments = command("run", "--profile", "smoke", "--home", homes[-1], *NO_CAP)
        # Early kills hit the start, late ones the stages: together they move through the whole loop.
        if kill_after(arguments, moments.uniform(2.0, 0.5 * smoke_run.seconds), log):
            kills += 1
        else:
            homes.append(tmp_path / str(len(homes)))
    wanted = outcome(smoke_run.store)
    for home in homes:
        done = worldloom("run", "--profile", "smoke", "--home", home, *NO_CAP, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        store = open_store(home / "store")
        ids = Counter(episode.episode_id for episode in list_episodes(store))
        assert set(ids) == {episode.episode_id for episode in list_episodes(smoke_run.store)}
        assert max(ids.values()) == 1, "an episode has two rows"
        assert outcome(store) == wanted, f"seed {seed}"
        for row in read_records(store, "checkpoints", Checkpoint):
            store.get_bytes(row.weights_object)  # raises where the content is not what its name says


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_smoke_loop_says_where_everything_is(smoke_run: SmokeRun) -> None:
    print(f"smoke took {smoke_run.seconds:.0f} s")  # three minutes on two quiet cores are its budget; no test can promise them
    assert (smoke_run.home / "report.html").stat().st_size > 10_000
    for word in ("dashboard", "collect", "annotate", "curate", "train", "distil", "compress", "evaluate", "report", "play"):
        assert f"\n{word} " in f"\n{smoke_run.output}", f"{word} is not mentioned:\n{smoke_run.output}"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_finished_run_started_again_finds_everything_and_changes_nothing(smoke_run: SmokeRun, tmp_path: Path) -> None:
    home = smoke_run.copy_to(tmp_path / "home")
    before = len(read_records(open_store(home / "store"), "runs", Run))
    done = worldloom("run", "--profile", "smoke", "--home", home, "--plain", *NO_CAP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("found finished") == 8, done.stdout
    assert len(read_records(open_store(home / "store"), "runs", Run)) == before


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_lineage_names_the_parents_of_a_bundle_and_a_deleted_object(smoke_run: SmokeRun, tmp_path: Path) -> None:
    home = smoke_run.copy_to(tmp_path / "home")
    store = open_store(home / "store")
    made = outcome(store)
    bundle = str(made["release"]["bundle"])
    shown = worldloom("lineage", "--profile", "smoke", "--home", home, bundle)
    assert shown.returncode == 0, shown.stderr
    for digest in (bundle, made["curate"]["dataset"], made["distil"]["student"], made["train"]["autoencoder"]):
        assert str(digest)[:12] in shown.stdout, shown.stdout
    row = next(row for row in read_records(store, "checkpoints", Checkpoint) if row.digest == made["distil"]["student"])
    store.local_path(row.weights_object).unlink()
    assert row.weights_object in one_line(worldloom("lineage", "--profile", "smoke", "--home", home, bundle))


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(1200)
def test_a_corrupt_checkpoint_is_named_and_nothing_else_is_lost(smoke_run: SmokeRun, tmp_path: Path) -> None:
    home = smoke_run.copy_to(tmp_path / "home")
    store = open_store(home / "store")
    row = next(row for row in read_records(store, "checkpoints", Checkpoint) if row.kind == "student")
    path = store.local_path(row.weights_object)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = worldloom("evaluate", "--profile", "smoke", "--home", home, "--set", "evaluate.plan.seed=7", *NO_CAP)
    assert row.weights_object in one_line(done)
    assert outcome(open_store(home / "store"))["evaluate"] == outcome(smoke_run.store)["evaluate"]


@pytest.mark.slow
def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        line = one_line(worldloom("dashboard", "--profile", "smoke", "--home", tmp_path, "--port", str(port)))
    assert f"port {port} is in use" in line


@pytest.mark.slow
def test_an_s3_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    endpoint = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    store = ("--store", "s3://worldloom/prefix")
    done = worldloom("episodes", "--profile", "smoke", "--home", tmp_path, *store, environment=endpoint)
    assert "http://127.0.0.1:9" in one_line(done)


@pytest.mark.slow
@pytest.mark.fault
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], capture_output=True, check=False)
    require(mounted.returncode == 0, "permission to mount a small tmpfs")
    try:
        options = ("--set", "collect.min_free_gigabytes=0.0")
        line = one_line(worldloom("collect", "--profile", "smoke", "--home", small, *options))
    finally:
        subprocess.run(["umount", "-l", small], check=True)
    assert "space" in line and str(small) in line


@pytest.mark.slow
def test_too_little_disk_is_named_before_anything_is_recorded(tmp_path: Path) -> None:
    line = one_line(worldloom("collect", "--profile", "smoke", "--home", tmp_path, "--set", "collect.min_free_gigabytes=1e9"))
    assert "collect.min_free_gigabytes" in line and "GB free" in line


@pytest.mark.slow
def test_without_egl_the_software_renderer_records_and_says_so(tmp_path: Path) -> None:
    without = {"__EGL_VENDOR_LIBRARY_DIRS": str(tmp_path / "none"), "EGL_PLATFORM": "surfaceless"}
    few = ("--set", "collect.train_scenes=1", "--set", "collect.val_scenes=0", "--set", "collect.test_scenes=0")
    one = ("--set", "collect.episodes_per_scene=1", "--set", "collect.vizdoom_episodes=0")
    done = worldloom("collect", "--profile", "smoke", "--home", tmp_path, *few, *one, environment=without)
    assert done.returncode == 0, done.stderr
    assert "software renderer, no depth" in done.stderr
    episodes = list_episodes(open_store(tmp_path / "store"))
    assert [(episode.renderer, episode.depth_kind) for episode in episodes] == [("software", "none")]


@pytest.mark.slow
def test_two_runs_in_one_home_do_not_meet(tmp_path: Path) -> None:
    arguments = command("collect", "--profile", "smoke", "--home", tmp_path)
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 60
        while not (tmp_path / "writer.lock").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        line = one_line(worldloom("collect", "--profile", "smoke", "--home", tmp_path))
        first.kill()
    assert "in use" in line and str(first.pid) in line


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(1200)
def test_a_refused_candidate_is_status_three_with_its_number_and_the_release_stays(smoke_run: SmokeRun, tmp_path: Path) -> None:
    home = smoke_run.copy_to(tmp_path / "home")
    released = open_store(home / "store").get_named("releases/current")
    profile = tmp_path / "strict.toml"
    thresholds = '\n[[release.thresholds]]\nscore = "candidate_no_geometry.action_response@4"\nleast = 2.0\n'
    profile.write_text((PROFILES / "smoke.toml").read_text() + thresholds)
    done = worldloom("run", "--profile", profile, "--home", home, "--plain", *NO_CAP)
    assert done.returncode == 3, done.stdout + done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert "action_response@4" in line and "needs at least 2" in line and "CANDIDATE=1" in line
    assert open_store(home / "store").get_named("releases/current") == released
    assert json.loads(released or b"{}")["bundle"]


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(1200)
def test_weights_that_never_learnt_anything_turn_the_gate_of_tiny_red(smoke_run: SmokeRun, tmp_path: Path) -> None:
    home, profile = smoke_run.copy_to(tmp_path / "home"), tmp_path / "untrained.toml"
    arms = ["truth", "repeat_last", "candidate", "candidate_no_geometry", "random_no_geometry"]
    profile.write_text((PROFILES / "smoke.toml").read_text() + gate_of("tiny"))
    unlearnt = [f"{part}.optimiser.steps=0" for part in ("train.autoencoder", "train.denoiser", "distil")]
    settings = [*unlearnt, f"evaluate.arms={json.dumps(arms)}"]
    done = worldloom(
        "run", "--profile", profile, "--home", home, "--plain", *NO_CAP, *(w for s in settings for w in ("--set", s))
    )
    assert done.returncode == 3, done.stdout + done.stderr


def gate_of(profile: str) -> str:
    """The thresholds of a shipped profile, as TOML."""
    thresholds = tomllib.loads((PROFILES / f"{profile}.toml").read_text())["release"]["thresholds"]
    tables = ["\n".join(f"{name} = {json.dumps(value)}" for name, value in threshold.items()) for threshold in thresholds]
    return "".join(f"\n[[release.thresholds]]\n{table}\n" for table in tables)
