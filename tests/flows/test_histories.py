"""Whatever was collected, curated, retrained, rolled back and promoted: digests trace to just their episodes, and lists are true.

Stages, tables, keys and command line are the real ones; only what takes long inside the stages (recording, drawing, training,
playing) leaves something tiny in its place.
"""

import contextlib
import dataclasses
import functools
import io
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.collect import collect_request
from engine.job import Job
from engine.request import CollectionRequest
from flows.listing import list_releases
from flows.pipeline import Loop
from flows.profile import Profile, load_profile
from flows.publish import match_dataset, publish_dataset, published_dataset
from flows.release import Threshold
from flows.releases import read_current
from flows.running import say_released
from flows.schedule import ScheduleConfig
from flows.verbs import run_command
from flows.workplace import Place
from inference.evaluate.sanity import Sanity
from infra.datasets import load_dataset
from infra.episodes import commit_episode, list_episodes, put_recording
from infra.lineage import Node, find_holders, trace
from infra.schema import Checkpoint, Episode
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store, open_store
from infra.tables import append_rows, rows_from
from tests.recordings import make_recording

REQUEST: Final = CollectionRequest(hours=2 * 4 / 3600, seconds=4.0, families=("park",), min_free_gigabytes=0.0)
GATE: Final = Threshold(score="candidate.psnr@8", least=0.5)
VERBS: Final = ("collect", "round", "plan", "curate", "retrain", "rollback", "promote")
HISTORIES: Final = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 3)), min_size=3, max_size=6)


def record_tiny(store: Store, job: Job, endpoints: Any) -> Episode:
    """An episode of the job's name that looks as all others do."""
    row, objects = encode_once()
    for data, suffix in objects:
        store.put_bytes(data, suffix)
    return commit_episode(store, dataclasses.replace(row, episode_id=job.episode_id, scene_id=job.episode_id))


@functools.cache
def encode_once() -> tuple[Episode, list[tuple[bytes, str]]]:
    """A row and its objects, with their suffixes."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        row = put_recording(store, make_recording(0))
        names = (row.frames_object, row.video_object, row.depth_object, row.scene_object)
        return row, [(store.get_bytes(name), f".{name.partition('.')[2]}") for name in names]


def keep_weights(store: Store, kind: Any, *parents: str) -> str:
    """A checkpoint that differs with what it was made from."""
    weights = store.put_bytes(f"{kind} of {parents}".encode(), ".safetensors")
    digest = weights.removesuffix(".safetensors")
    row = Checkpoint(
        digest=digest, kind=kind, weights_object=weights, config="{}", parents=parents, origin="random", steps=1, seconds=0.0,
        stopped_early=False, metrics="{}", code_commit="test",
    )  # fmt: skip
    append_rows(store, "checkpoints", rows_from([row]), transaction=f"{kind}-{digest}")
    return digest


def train_tiny(dataset: str, config: Any, store: Store, context: StageContext) -> dict[str, Any]:
    autoencoder = keep_weights(store, "autoencoder", dataset)
    return {"autoencoder": autoencoder, "base": keep_weights(store, "base", dataset, autoencoder), "dataset": dataset}


def distil_tiny(trained: StageResult, training: Any, config: Any, store: Store, context: StageContext) -> dict[str, Any]:
    return {"student": keep_weights(store, "student", trained.outputs["base"])}


def compress_tiny(student: str, config: Any, store: Store, context: StageContext) -> dict[str, Any]:
    return {"int8": keep_weights(store, "int8", student)}


def evaluate_tiny(candidate: Any, dataset: str, config: Any, store: Store, **_: Any) -> StageResult:
    """A score of the dataset alone: the gate refuses what was trained on six episodes."""
    headline = {GATE.score: float(len({clip.episode_id for clip in load_dataset(store, dataset).clips}) != 6)}
    inputs = {"dataset": dataset, "candidate": candidate.denoiser}
    return run_stage(
        store,
        name="evaluate",
        version=1,
        inputs=inputs,
        config=GATE,
        work=lambda _: {"headline": headline, "arms": [], "starts": 0, "scenes": 0},
    )


@pytest.fixture(scope="module", autouse=True)
def tiny_work() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("engine.collect.record_episode", record_tiny)
        patched.setattr("curation.publish.draw_plots", lambda store, publication: {})
        patched.setattr("modeling.train._train", train_tiny)
        patched.setattr("modeling.distil._distil", distil_tiny)
        patched.setattr("modeling.compress._compress", compress_tiny)
        patched.setattr("flows.pipeline.evaluate", evaluate_tiny)
        patched.setattr("flows.release._sanity", lambda *_: Sanity(frames=1, expected_frames=1, finite=True))
        yield


@pytest.fixture(scope="module")
def profile() -> Profile:
    plan = {"train_scenes": 1, "episodes_per_scene": 1, "val_scenes": 0, "test_scenes": 0, "vizdoom_episodes": 0}
    loaded = load_profile("smoke", [f"collect.{name}={value}" for name, value in plan.items()])
    return dataclasses.replace(loaded, release=dataclasses.replace(loaded.release, thresholds=(GATE,), start_images=1))


class History:
    """A store that things happen to, and what must be true of it, kept apart from its tables."""

    def __init__(self, home: Path, profile: Profile) -> None:
        self.home, self.profile, self.store = home, profile, open_store(home / "store")
        self.place = Place(name="smoke", home=home, store=self.store)
        self.episodes: dict[str, set[str]] = {}  # of each dataset version
        self.made: dict[str, set[str]] = {}  # the same for whatever was trained on one
        self.passed: list[str] = []  # bundles that the gate let through
        self.decided: list[tuple[str, str, float, float]] = []  # action, bundle, not before, not after

    def do(self, verb: str, number: int) -> None:
        getattr(self, verb)(number)

    def collect(self, number: int) -> None:
        collect_request(dataclasses.replace(REQUEST, seed=number), self.store)

    def round(self, number: int) -> None:
        request = dataclasses.replace(REQUEST, seed=100 + number)
        schedule = ScheduleConfig(name="nightly", cron="0 2 * * *", request=request)
        self._curate(Loop(profile=self.profile, store=self.store, schedule=schedule))

    def plan(self, _: int) -> None:
        self._curate(Loop(profile=self.profile, store=self.store))

    def curate(self, _: int) -> None:
        if list_episodes(self.store):
            self._curate(Loop(profile=self.profile, store=self.store, as_found=True))

    def _curate(self, loop: Loop) -> None:
        """Nothing new is passed over, and nothing is done twice."""
        *_, annotated, curated = loop.run("curate")
        there, version = {episode.episode_id for episode in list_episodes(self.store)}, curated.outputs["dataset"]
        assert annotated.reused == curated.reused == (there in self.episodes.values())
        self.episodes[version] = there
        publish_dataset(self.store, version)

    def retrain(self, number: int) -> None:
        if not self.episodes:
            return
        version, began = sorted(self.episodes)[number % len(self.episodes)], time.time()
        results = {result.stage: result for result in Loop(profile=self.profile, store=self.store, dataset=version).run()}
        bundle, passed = results["release"].outputs["bundle"], results["release"].outputs["released"]
        digests = [results[stage].outputs[name] for stage, name in MADE]
        self.made |= dict.fromkeys([bundle, *digests], self.episodes[version])
        if not results["release"].reused:
            self.decided.append(("released" if passed else "refused", bundle, began, time.time()))
            self.passed += [bundle] if passed else []
        if passed:
            said = speak(lambda: say_released(self.place, bundle))
            assert (f"released   {bundle[:12]}" in said) == (read_current(self.store).bundle == bundle)  # type: ignore[union-attr]
            assert ("worldloom promote" in said) == (f"released   {bundle[:12]}" not in said)

    def rollback(self, _: int) -> None:
        now, began = read_current(self.store), time.time()
        assert self.command("rollback", fails=now is None or not now.before) is not None
        if now is not None and now.before:
            self.decided.append(("rolled back", now.before[-1], began, time.time()))

    def promote(self, number: int) -> None:
        bundles = sorted({bundle for _, bundle, _, _ in self.decided})
        if not bundles:
            return
        bundle, now, began = bundles[number % len(bundles)], read_current(self.store), time.time()
        self.command("promote", bundle[:16], fails=bundle not in self.passed)
        if bundle in self.passed:
            assert read_current(self.store).bundle == bundle  # type: ignore[union-attr]
            if now is None or now.bundle != bundle:
                self.decided.append(("promoted", bundle, began, time.time()))

    def command(self, *words: str, fails: bool = False) -> str:
        status = 0

        def run() -> None:
            nonlocal status
            status = run_command([*words, "--home", str(self.home)])

        said = speak(run)
        assert (status != 0) == fails, (words, said)
        return said


MADE: Final = (("train", "autoencoder"), ("train", "base"), ("distil", "student"), ("compress", "int8"))


def speak(work: Any) -> str:
    """What is printed meanwhile."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        work()
    return said.getvalue()


def digests_of(node: Node) -> set[str]:
    return {node.digest}.union(*map(digests_of, node.parents))


def episodes_of(node: Node) -> set[str]:
    own = {node.digest} if node.kind == "episode" else set()
    return own.union(*map(episodes_of, node.parents))


def check_lineage(history: History) -> None:
    """Upwards everything leads to just its episodes; downwards is the same relation read the other way."""
    store, above = history.store, dict[str, set[str]]()
    for digest, held in (history.episodes | history.made).items():
        tree = trace(store, digest[:20])
        assert tree.digest == digest and episodes_of(tree) == held
        above[digest] = digests_of(tree) - {digest}
    decided = list_releases(store)
    there = [episode.episode_id for episode in list_episodes(store)]
    alike = {str([other for other, holds in above.items() if one in holds]): one for one in there}  # one of each kind will do
    for digest in [*alike.values(), *above]:
        holders = find_holders(store, digest[:20])
        assert {facts.digest for facts in holders.by} == {other for other, holds in above.items() if digest in holds}
        releases = {row.number for row in decided if digest in above[row.bundle] | {row.bundle}}
        assert {row.number for row in holders.releases} == releases


def check_lists(history: History) -> None:
    """Every line that the verbs print is true of the store."""
    store, now = history.store, read_current(history.store)
    lines = history.command("datasets").splitlines()
    named = {match_dataset(store, line.split()[0]): line for line in lines if re.match(r"[0-9a-f]{12}  ", line)}
    assert named.keys() == history.episodes.keys()
    assert [version for version, line in named.items() if line.endswith("  published")] == [
        version for version in [published_dataset(store)] if version
    ]
    for version, line in named.items():
        (source,) = re.findall(r"from ([0-9a-f]{12})", line)
        assert episodes_of(trace(store, source)) == history.episodes[version]
    rows = [json.loads(line) for line in history.command("releases", "--json").splitlines()]
    assert len(rows) == len(history.decided)
    for row, (action, bundle, begun, ended) in zip(rows, reversed(history.decided), strict=True):
        assert (row["action"], row["bundle"]) == (action, bundle)
        assert int(begun) <= time.mktime(time.strptime(row["when"], "%Y-%m-%dT%H:%M:%S")) <= ended
    said = history.command("releases")
    assert [line.split()[1] for line in said.splitlines() if line.endswith("plays now")] == ([now.bundle[:12]] if now else [])
    assert (now is not None and bool(now.before)) == ("return to the one before" in said)
    assert f"{len(list_episodes(store))} episode" in history.command("episodes")
    made = {digest[:12] for digest in history.episodes | history.made}
    assert set(re.findall(r"\b[0-9a-f]{12}\b", history.command("lineage"))) == made


@example(steps=[("collect", 1), ("curate", 0), ("retrain", 0), ("retrain", 1), ("rollback", 0), ("retrain", 0), ("retrain", 1)])
@example(steps=[("collect", 1), ("round", 1), ("retrain", 0), ("retrain", 1), ("rollback", 0), ("promote", 0), ("promote", 1)])
@given(steps=HISTORIES)
@settings(max_examples=2, deadline=None, derandomize=True)
def test_after_any_history_digests_trace_to_their_episodes_and_lists_are_true(
    profile: Profile, steps: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), profile)
        for verb, number in [("round", 0), ("retrain", 0), *steps]:
            history.do(verb, number)
        check_lineage(history)
        check_lists(history)
