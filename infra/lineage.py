"""Where things came from: commit, and the tree of parents of any artefact."""

import functools
import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from infra.digest import sha256_of
from infra.schema import Checkpoint
from infra.schema.run import Run
from infra.store import MissingObjectError, Store
from infra.tables import read_records

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MANIFESTS: Final = ("dataset", "bundle")  # outputs that name a JSON object


@functools.cache
def code_commit() -> str:
    """The commit of the running code, with ``-dirty`` where files differ; the package version outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if (root / ".git").exists():
        try:
            commit = _git(root, "rev-parse", "HEAD")
            return f"{commit}-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else commit
        except (OSError, subprocess.SubprocessError):
            pass  # git is not installed or has no commit yet; the version says less but is true
    try:
        return f"worldloom-{metadata.version('worldloom')}"
    except metadata.PackageNotFoundError:
        return "unknown"


def _git(root: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=20, check=True)
    return run.stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Node:
    """An artefact and what it was made from."""

    kind: str  # bundle | checkpoint | dataset | stage | weights
    digest: str
    config_digest: str  # of the config that made it, empty where there was none
    code_commit: str
    note: str
    parents: tuple["Node", ...]


def trace(store: Store, digest: str) -> Node:
    """The tree of an artefact: bundle, checkpoint, dataset version or stage key; a unique prefix is enough.

    Raises:
        MissingObjectError: nothing of that name is known, or an object in the tree was deleted.
    """
    known = _Known(store)
    return known.node(known.resolve(digest))


def render_tree(node: Node) -> str:
    """The tree as indented lines; what was shown above is not spread out again."""
    lines: list[str] = []
    shown: set[str] = set()

    def add(branch: Node, indent: str) -> None:
        repeated = branch.digest in shown and bool(branch.parents)
        shown.add(branch.digest)
        facts = f"config {branch.config_digest[:12] or '-'}  commit {branch.code_commit or '-'}"
        lines.append(
            f"{indent}{branch.kind} {branch.digest}  {facts}  {branch.note}{' (see above)' if repeated else ''}".rstrip()
        )
        for parent in () if repeated else branch.parents:
            add(parent, indent + "  ")

    add(node, "")
    return "\n".join(lines)


class _Known:
    """Every artefact that the tables of a store name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.checkpoints = {row.digest: row for row in read_records(store, "checkpoints", Checkpoint)}
        runs = sorted(read_records(store, "runs", Run), key=lambda run: run.started)
        self.runs = {run.key: run for run in runs}
        self.makers: dict[str, Run] = {}  # digest in a run's outputs to that run
        self.manifests: dict[str, str] = {}  # digest of a JSON object that some run put out to its kind
        for run in runs:
            for name, value in json.loads(run.outputs).items():
                if isinstance(value, str) and _DIGEST.fullmatch(value):
                    if name in _MANIFESTS:
                        self.manifests[value] = name
                    if value in json.loads(run.inputs).values():  # it passed through; who made it comes first
                        self.makers.setdefault(value, run)
                    else:
                        self.makers[value] = run

    def resolve(self, name: str) -> str:
        """The digest that ``name`` is or begins."""
        known = {*self.checkpoints, *self.runs, *self.makers, *self.manifests}
        found = sorted(digest for digest in known if digest.startswith(name)) if len(name) >= 4 else []
        if len(found) == 1:
            return found[0]
        if found:
            raise MissingObjectError(f"{name} may be any of {', '.join(digest[:16] for digest in found)}; give more digits")
        if _DIGEST.fullmatch(name) and self._has_object(name):
            return name
        raise MissingObjectError(
            f"nothing in store {self.store.uri} is called {name}; give 4 digits or more of a digest that "
            "worldloom datasets, releases or lineage lists"
        )

    def node(self, digest: str, above: tuple[str, ...] = ()) -> Node:
        """The tree below ``digest``; ``above`` are the digests that led here."""
        if digest in above:
            raise MissingObjectError(f"{digest} is its own ancestor; the tables of {self.store.uri} are damaged")
        above = (*above, digest)
        if row := self.checkpoints.get(digest):
            self._need(row.weights_object, f"checkpoint {digest}")
            note = f"{row.kind}, {row.steps} steps, started from {row.origin}{', stopped early' if row.stopped_early else ''}"
            return self._made("checkpoint", digest, sha256_of(row.config.encode()), row.code_commit, note, row.parents, above)
        if run := self.runs.get(digest):
            return self._run_node(run, above)
        if digest in self.manifests or self.store.exists(f"{digest}.json"):
            return self._manifest(digest, above)
        if self.store.exists(f"{digest}.safetensors"):
            return self._made("weights", digest, "", "", "shipped with the repository", (), above)
        if run := self.makers.get(digest):
            return self._run_node(run, above)
        raise MissingObjectError(
            f"{digest} is named as a parent but is not in store {self.store.uri}; it was deleted, restore it"
        )

    def _run_node(self, run: Run, above: tuple[str, ...]) -> Node:
        known = {*self.checkpoints, *self.runs, *self.makers, *self.manifests}
        parents = [value for value in json.loads(run.inputs).values() if value in known]
        note = f"{run.stage} in {run.seconds:.1f} s{', stopped early' if run.stopped_early else ''}"
        return self._made("stage", run.key, run.config_digest, run.code_commit, note, parents, above)

    def _manifest(self, digest: str, above: tuple[str, ...]) -> Node:
        self._need(f"{digest}.json", f"{self.manifests.get(digest, 'manifest')} {digest}")
        values: dict[str, Any] = json.loads(self.store.get_bytes(f"{digest}.json"))
        kind = "bundle" if "denoiser" in values else "dataset"
        if kind == "bundle":
            parts = [values[name] for name in ("dataset", "autoencoder", "denoiser", "denoiser_int8")]
            note = f"{values['name']}, profile {values['profile']}"
        else:
            parts, note = [], f"{values['name']}, {len(values['clips'])} clips"
        maker = self.makers.get(digest)
        parents = [*parts, *(parent for parent in values["parents"] if parent not in parts)]
        config, commit = (maker.config_digest, maker.code_commit) if maker else ("", "")
        return self._made(kind, digest, config, commit, note, parents, above)

    def _made(
        self, kind: str, digest: str, config: str, commit: str, note: str, parents: Iterable[str], above: tuple[str, ...]
    ) -> Node:
        nodes = tuple(self.node(parent, above) for parent in parents if parent)
        return Node(kind=kind, digest=digest, config_digest=config, code_commit=commit, note=note, parents=nodes)

    def _has_object(self, digest: str) -> bool:
        return any(self.store.exists(f"{digest}.{suffix}") for suffix in ("json", "safetensors"))

    def _need(self, name: str, what: str) -> None:
        if not self.store.exists(name):
            raise MissingObjectError(f"{what}: object {name} is not in store {self.store.uri}; it was deleted, restore it")
