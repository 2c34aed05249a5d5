import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra import lineage
from infra.datasets import put_bundle, put_dataset
from infra.lineage import Node, code_commit, render_tree, trace
from infra.schema import Checkpoint
from infra.stage import StageResult, run_stage
from infra.store import MissingObjectError, Store
from infra.tables import append_rows, rows_from
from tests.infra.test_datasets import BUNDLE, DATASET
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
