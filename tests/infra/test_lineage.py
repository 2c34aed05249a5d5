import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra import lineage
from infra.datasets import put_bundle, put_dataset
from infra.digest import sha256_of
from infra.episode_sets import keep_set, set_digest
from infra.episodes import commit_episode
from infra.lineage import Node, code_commit, find_holders, render_holders, render_tree, trace
from infra.schema import Checkpoint, DatasetClip
from infra.schema.collection import PlannedJob
from infra.schema.release import ReleaseRow
from infra.stage import StageResult, run_stage
from infra.store import MissingObjectError, Store
from infra.tables import append_rows, rows_from
from tests.infra.test_datasets import BUNDLE, CLIP, DATASET
from tests.recordings import make_recording
from tests.requirements import require_program


@dataclass(frozen=True)
class Config:
    size: int = 1


@dataclass(frozen=True)
class Loop:
    """A whole loop of made-up artefacts, with the lineage of a real one."""

    collect: StageResult
    dataset: str
    base: str
    student: str
    bundle: str


def stage(store: Store, name: str, inputs: dict[str, str], work: Callable[[], dict[str, Any]]) -> StageResult:
    return run_stage(store, name=name, version=1, inputs=inputs, config=Config(), work=lambda context: work())


def checkpoint(store: Store, content: bytes, kind: Any, parents: tuple[str, ...]) -> str:
    name = store.put_bytes(content, "safetensors")
    digest = name[:64]
    row = Checkpoint(
        digest=digest,
        kind=kind,
        weights_object=name,
        config='{"width":8}',
        parents=parents,
        origin="random",
        steps=10,
        seconds=1.0,
        stopped_early=False,
        metrics="{}",
        code_commit="c0ffee",
    )
    append_rows(store, "checkpoints", rows_from([row]), transaction=digest)
    return digest


@pytest.fixture
def loop(local_store: Store) -> Loop:
    store = local_store
    collect = stage(store, "collect", {}, lambda: {"episodes": 3, "digest": "e" * 64})
    curate = stage(
        store,
        "curate",
        {"episodes": "e" * 64},
        lambda: {"dataset": put_dataset(store, replace(DATASET, parents=(collect.key,)))},
    )
    dataset = str(curate.outputs["dataset"])
    shipped = store.put_bytes(b"shipped", "safetensors")[:64]
    train = stage(
        store,
        "train",
        {"dataset": dataset, "start": "random"},
        lambda: {
            "autoencoder": checkpoint(store, b"autoencoder", "autoencoder", (dataset, shipped)),
            "base": checkpoint(store, b"base", "base", (dataset,)),
            "dataset": dataset,
        },
    )
    base = str(train.outputs["base"])
    student = checkpoint(store, b"student", "student", (base, dataset))
    made = replace(BUNDLE, autoencoder=str(train.outputs["autoencoder"]), denoiser=student, dataset=dataset, parents=(base,))
    bundle = put_bundle(store, made)
    release = stage(store, "release", {"bundle": bundle}, lambda: {"bundle": bundle})
    return Loop(collect=collect, dataset=dataset, base=base, student=student, bundle=str(release.outputs["bundle"]))


def find(node: Node, digest: str) -> Node:
    if node.digest == digest:
        return node
    for parent in node.parents:
        try:
            return find(parent, digest)
        except LookupError:
            continue
    raise LookupError(digest)


def test_a_bundle_leads_back_to_dataset_checkpoints_and_collection(local_store: Store, loop: Loop) -> None:
    tree = trace(local_store, loop.bundle)
    assert tree.kind == "bundle"
    assert tree.code_commit == code_commit()
    assert find(tree, loop.dataset).kind == "dataset"
    assert find(tree, loop.student).note.startswith("student, 10 steps")
    assert find(tree, loop.student).code_commit == "c0ffee"
    assert find(find(tree, loop.student), loop.base).kind == "checkpoint"
    assert find(tree, loop.collect.key).note.startswith("collect in")
    assert all(len(node.config_digest) == 64 for node in (tree, find(tree, loop.dataset), find(tree, loop.student)))


@pytest.mark.parametrize("kind", ["bundle", "student", "dataset", "collect"])
def test_every_kind_of_artefact_can_be_traced_by_a_prefix(local_store: Store, loop: Loop, kind: str) -> None:
    digest = loop.collect.key if kind == "collect" else str(getattr(loop, kind))
    assert trace(local_store, digest[:16]).digest == digest


def test_the_episodes_digest_leads_to_the_run_that_collected_them(local_store: Store, loop: Loop) -> None:
    assert trace(local_store, "e" * 64).digest == loop.collect.key


def test_the_tree_reads_as_indented_lines_without_repetition(local_store: Store, loop: Loop) -> None:
    lines = render_tree(trace(local_store, loop.bundle)).splitlines()
    assert lines[0].startswith(f"bundle {loop.bundle}")
    assert any(line.startswith(f"  dataset {loop.dataset}") for line in lines)
    spread = [line for line in lines if f"dataset {loop.dataset}" in line and "(see above)" not in line]
    assert len(spread) == 1


@pytest.mark.parametrize("which", ["dataset", "student", "base"])
def test_a_deleted_object_is_named(local_store: Store, loop: Loop, which: str) -> None:
    digest = str(getattr(loop, which))
    name = f"{digest}.{'json' if which == 'dataset' else 'safetensors'}"
    local_store.local_path(name).unlink()
    with pytest.raises(MissingObjectError, match=f"{digest}.*deleted.*restore"):
        trace(local_store, loop.bundle)


def test_what_nobody_knows_is_said_to_be_unknown(local_store: Store, loop: Loop) -> None:
    for name in ("0" * 64, "ab", "not-hex"):
        with pytest.raises(MissingObjectError, match=f"is called {name}"):
            trace(local_store, name)


JOB = PlannedJob(
    job_id="", collection="", number=0, source="embedded", family="park", scene_seed=0, character=-1, perspective="first",
    weather="", time_of_day="", season="", agent="loop", seed=0, frames=2, split="train", recipe="{}",
)  # fmt: skip


def keep_episode(store: Store, name: str) -> str:
    return commit_episode(store, replace(make_recording(0, frames=2).episode, episode_id=name * 64)).episode_id


def hold(*episodes: str) -> tuple[DatasetClip, ...]:
    return tuple(replace(CLIP, episode_id=one) for one in episodes)


def request_round(store: Store, number: int, *episodes: str, earlier: bool = False) -> tuple[StageResult, str]:
    """A round of a schedule, and the version made of it; ``earlier`` as versions did that kept no sets of episodes."""
    digest = f"{number:064x}"
    if earlier:
        append_rows(store, "jobs", rows_from([replace(JOB, collection=digest, job_id=one) for one in episodes]))
    outputs = {"request": digest, "digest": set_digest(episodes)} if earlier else {"digest": keep_set(store, episodes)}
    round_ = stage(store, "collect", {"collection": digest}, lambda: outputs)
    annotated = stage(store, "annotate", {"collected": outputs["digest"]}, lambda: {"digest": sha256_of(digest.encode())})
    made = replace(DATASET, name=digest, parents=(annotated.outputs["digest"],), clips=hold(*episodes))
    curated = stage(store, "curate", {"annotated": annotated.outputs["digest"]}, lambda: {"dataset": put_dataset(store, made)})
    return round_, curated.outputs["dataset"]


@pytest.mark.parametrize("earlier", [False, True])
def test_a_version_leads_to_the_episodes_of_its_clips_and_each_to_the_round_that_recorded_it(
    local_store: Store, earlier: bool
) -> None:
    store, (one, two, three) = local_store, [keep_episode(local_store, name) for name in "123"]
    first, _ = request_round(store, 1, one, two, earlier=earlier)
    second, version = request_round(store, 2, two, three, earlier=earlier)
    tree = trace(store, version)
    assert {node.digest for node in tree.parents if node.kind == "episode"} == {two, three}
    assert [[parent.digest for parent in find(tree, one).parents] for one in (two, three)] == [[first.key], [second.key]]
    lines = render_tree(tree).splitlines()
    assert sum(f"stage {first.key}" in line for line in lines) == 1
    assert trace(store, f"{2:064x}").digest == second.key  # a request stands for the run that fulfilled it


def test_an_episode_leads_down_to_all_that_holds_it_and_to_nothing_else(local_store: Store, loop: Loop) -> None:
    store, held, other = local_store, keep_episode(local_store, "1"), keep_episode(local_store, "2")
    _, version = request_round(store, 1, held)
    trained = checkpoint(store, b"trained", "base", (version,))
    bundle = put_bundle(store, replace(BUNDLE, autoencoder=loop.base, denoiser=trained, dataset=version))
    row = ReleaseRow(number=1, action="released", bundle=bundle, previous="", evaluation="", checks="[]", decided=1e9)
    append_rows(store, "releases", rows_from([row]))
    holders = find_holders(store, held[:8])
    assert [facts.digest for facts in holders.by] == [version, trained, bundle] and holders.releases == (row,)
    assert f"release 1  released  bundle {bundle}" in render_holders(holders)
    assert render_holders(find_holders(store, other)).endswith("nothing here holds it")
    store.local_path(f"{version}.json").unlink()  # its rows in table clips are gone as well, what was made of it is not
    assert find_holders(store, trained).releases == (row,)


def test_who_is_given_a_version_did_not_make_it(local_store: Store) -> None:
    version = put_dataset(local_store, replace(DATASET, clips=(), parents=()))
    stage(local_store, "train", {"dataset": version}, lambda: {"dataset": version})
    node = trace(local_store, version)
    assert (node.kind, node.config_digest, node.parents) == ("dataset", "", ())


def test_weights_that_equal_those_they_began_from_are_not_their_own_ancestor(local_store: Store) -> None:
    shipped = local_store.put_bytes(b"weights", "safetensors")[:64]
    dataset = put_dataset(local_store, replace(DATASET, clips=(), parents=()))
    assert checkpoint(local_store, b"weights", "autoencoder", (dataset, shipped)) == shipped
    assert [node.digest for node in trace(local_store, shipped).parents] == [dataset]


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_the_code_commit_is_that_of_the_checkout_and_marks_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_program("git")
    (tmp_path / "infra").mkdir()
    monkeypatch.setattr(lineage, "__file__", str(tmp_path / "infra" / "lineage.py"))
    commit_now = code_commit.__wrapped__
    assert commit_now() == "unknown" or commit_now().startswith("worldloom-")  # outside a checkout
    _git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    _git(tmp_path, "add", "a")
    _git(tmp_path, "commit", "-qm", "one")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    assert commit_now() == commit
    (tmp_path / "a").write_text("2")
    assert commit_now() == f"{commit}-dirty"
