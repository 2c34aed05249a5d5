"""Where things came from: commit, and the tree of parents of any artefact."""

import functools
import json
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from infra.schema import Checkpoint
from infra.store import MissingObjectError, Store
from infra.tables import read_rows, records_from


@functools.cache
def code_commit() -> str:
    """The commit of the running code, with ``-dirty`` where files differ; the package version outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        run = functools.partial(subprocess.run, cwd=root, capture_output=True, text=True, timeout=20, check=True)
        commit = run(["git", "rev-parse", "HEAD"]).stdout.strip()
        changed = run(["git", "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
        return f"{commit}-dirty" if changed else commit
    except (OSError, subprocess.SubprocessError):
        try:
            return f"worldloom-{metadata.version('worldloom')}"
        except metadata.PackageNotFoundError:
            return "unknown"


@dataclass(frozen=True, kw_only=True)
class Node:
    """An artefact and what it was made from."""

    kind: str
    digest: str
    config_digest: str
    code_commit: str
    note: str
    parents: tuple["Node", ...]


def trace(store: Store, digest: str) -> Node:
    """The tree of an artefact: bundle, checkpoint, dataset version or stage key; a unique prefix is enough.

    Raises:
        MissingObjectError: nothing of that name is known, or an object in the tree was deleted.
    """
    known = _Known(store)
    return known.node(known.resolve(digest), depth=0)


def render_tree(node: Node, indent: str = "") -> str:
    """The tree as indented lines."""
    line = (
        f"{indent}{node.kind} {node.digest[:12]}  config {node.config_digest[:12] or '-'}  commit {node.code_commit[:12] or '-'}"
    )
    lines = [f"{line}  {node.note}".rstrip()]
    return "\n".join([*lines, *(render_tree(parent, indent + "  ") for parent in node.parents)])


class _Known:
    """Every artefact that the tables of a store name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.checkpoints = {row.digest: row for row in records_from(read_rows(store, "checkpoints"), Checkpoint)}
        self.runs = {row["key"]: row for row in read_rows(store, "runs").to_pylist()}
        self.datasets = {row["version"]: row for row in read_rows(store, "datasets").to_pylist()}
        self.releases = {row["bundle"]: row for row in read_rows(store, "releases").to_pylist()}

    def resolve(self, prefix: str) -> str:
        names = {*self.checkpoints, *self.runs, *self.datasets, *self.releases}
        found = sorted(name for name in names if name.startswith(prefix))
        if not found or len(prefix) < 4:
            raise MissingObjectError(f"nothing in store {self.store.uri} is called {prefix}; `worldloom lineage` takes a digest")
        if len(found) > 1:
            raise MissingObjectError(f"{prefix} may be any of {', '.join(name[:16] for name in found)}; give more digits")
        return found[0]

    def node(self, digest: str, depth: int) -> Node:
        if depth > 20:
            raise MissingObjectError(f"lineage of {digest[:12]} is deeper than 20 levels; the tables are damaged")
        kind, config, commit, note, parents = self._facts(digest)
        return Node(
            kind=kind,
            digest=digest,
            config_digest=config,
            code_commit=commit,
            note=note,
            parents=tuple(self.node(parent, depth + 1) for parent in parents if parent),
        )

    def _facts(self, digest: str) -> tuple[str, str, str, str, list[str]]:
        if row := self.checkpoints.get(digest):
            self._need(row.weights_object, f"checkpoint {digest[:12]}")
            note = f"{row.kind}, {row.steps} steps from {row.origin}"
            return "checkpoint", "", row.code_commit, note, list(row.parents)
        if digest in self.runs:
            run = self.runs[digest]
            parents = [value for value in json.loads(run["inputs"]).values() if isinstance(value, str)]
            known = [parent for parent in parents if self._is_known(parent)]
            return "stage", run["config_digest"], run["code_commit"], f"{run['stage']}, {run['seconds']:.1f} s", known
        if digest in self.datasets:
            self._need(f"{digest}.json", f"dataset version {digest[:12]}")
            manifest = json.loads(self.store.get_bytes(f"{digest}.json"))
            known = [parent for parent in manifest["parents"] if self._is_known(parent)]
            return "dataset", "", "", f"{manifest['name']}, {len(manifest['clips'])} clips", known
        if digest in self.releases:
            self._need(f"{digest}.json", f"bundle {digest[:12]}")
            bundle = json.loads(self.store.get_bytes(f"{digest}.json"))
            parts = [bundle[name] for name in ("autoencoder", "denoiser", "denoiser_int8", "dataset")]
            return "bundle", "", "", bundle["name"], [part for part in parts if part]
        if self.store.exists(f"{digest}.safetensors"):
            return "weights", "", "", "shipped with the repository", []
        raise MissingObjectError(f"{digest[:12]} is named as a parent but is not in store {self.store.uri}; it was deleted")

    def _is_known(self, digest: str) -> bool:
        return digest in {*self.checkpoints, *self.runs, *self.datasets, *self.releases}

    def _need(self, name: str, what: str) -> None:
        if not self.store.exists(name):
            raise MissingObjectError(f"{what}: object {name} is not in store {self.store.uri}; it was deleted")
