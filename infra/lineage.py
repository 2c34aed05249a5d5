"""Where things came from and where they went: commit, the tree of an artefact's parents, and all that holds one."""

import functools
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from infra.artefact_graph import ArtefactGraph, Facts
from infra.schema.release import ReleaseRow
from infra.store import MissingObjectError, Store

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


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

    kind: str  # bundle | checkpoint | dataset | episode | stage | weights
    digest: str
    config_digest: str  # of the config that made it, empty where there was none
    code_commit: str
    note: str
    parents: tuple["Node", ...]


@dataclass(frozen=True, kw_only=True)
class Holders:
    """An artefact and all that holds it, in the order in which it came about."""

    held: Facts
    by: tuple[Facts, ...]
    releases: tuple[ReleaseRow, ...]  # decisions about bundles that hold it


def trace(store: Store, name: str) -> Node:
    """The tree of an artefact: bundle, checkpoint, dataset version, episode or stage key; a unique prefix is enough.

    A stage below an artefact is not spread out: it may have worked on more episodes than the artefact holds. Where a stage
    itself is asked for, its parents are what it was given.

    Raises:
        MissingObjectError: nothing of that name is known, or an object in the tree was deleted.
    """
    graph = ArtefactGraph(store)
    facts = graph.facts(_resolve(graph, name))
    if facts.kind != "stage":
        return _branch(graph, facts.digest, {}, ())
    made: dict[str, Node] = {}
    return _node(facts, [_branch(graph, given, made, ()) for given in graph.taken_by(graph.runs[facts.digest])])


def find_holders(store: Store, name: str) -> Holders:
    """Every episode, dataset version, checkpoint and bundle in whose tree an artefact stands, and the decisions about those.

    Raises:
        MissingObjectError: nothing of that name is known.
    """
    graph = ArtefactGraph(store)
    held = graph.facts(_resolve(graph, name))
    holds = functools.partial(_holds, graph, held.digest, {})
    episodes = sorted(graph.episodes) if held.kind == "stage" else []
    by = tuple(graph.facts(digest) for digest in [*episodes, *graph.artefacts()] if digest != held.digest and holds(digest))
    bundles = {facts.digest for facts in (held, *by) if facts.kind == "bundle"}
    return Holders(held=held, by=by, releases=tuple(row for row in graph.releases if row.bundle in bundles))


def render_tree(node: Node) -> str:
    """The tree as indented lines; what was shown above is not spread out again, and no stage again for each of its episodes."""
    lines: list[str] = []
    shown: set[str] = set()

    def add(branch: Node, indent: str, above: str) -> None:
        repeated = branch.digest in shown
        if repeated and branch.kind == "stage" and above == "episode":
            return
        shown.add(branch.digest)
        line = f"{indent}{_line(branch)}"
        lines.append(f"{line} (see above)" if repeated and branch.parents else line)
        for parent in () if repeated else branch.parents:
            add(parent, indent + "  ", branch.kind)

    add(node, "", "")
    return "\n".join(lines)


def render_holders(holders: Holders) -> str:
    """A line for the artefact, and below it one for each that holds it."""
    lines = [_line(holders.held), *(f"  {_line(facts)}" for facts in holders.by)]
    for row in holders.releases:
        when = f"  {datetime.fromtimestamp(row.decided):%Y-%m-%d %H:%M}" if row.decided else ""
        lines.append(f"  release {row.number}  {row.action}  bundle {row.bundle}{when}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "  nothing here holds it"])


def _resolve(graph: ArtefactGraph, name: str) -> str:
    """The digest that ``name`` is or begins."""
    store, known = graph.store, graph.names()
    found = sorted({known[digest] for digest in known if digest.startswith(name)}) if len(name) >= 4 else []
    if name in known:
        return known[name]
    if len(found) == 1:
        return found[0]
    if found:
        raise MissingObjectError(f"{name} may be any of {', '.join(digest[:16] for digest in found)}; give more digits")
    if _DIGEST.fullmatch(name) and any(store.exists(f"{name}.{suffix}") for suffix in ("json", "safetensors")):
        return name
    raise MissingObjectError(
        f"nothing in store {store.uri} is called {name}; give 4 digits or more of a digest that "
        "worldloom episodes, datasets, releases or lineage lists"
    )


def _branch(graph: ArtefactGraph, digest: str, made: dict[str, Node], above: tuple[str, ...]) -> Node:
    """The tree below a parent; each is made once, however often it stands in the tree."""
    facts = graph.facts(digest)
    if facts.digest in made:
        return made[facts.digest]
    if facts.needs and not graph.store.exists(facts.needs):
        raise MissingObjectError(
            f"{facts.kind} {facts.digest}: object {facts.needs} is not in store {graph.store.uri}; it was deleted, restore it"
        )
    above = (*above, facts.digest)
    parents = [graph.facts(parent).digest for parent in facts.parents]
    node = _node(facts, [_branch(graph, parent, made, above) for parent in parents if parent not in above])
    made[facts.digest] = node
    return node


def _holds(graph: ArtefactGraph, wanted: str, known: dict[str, bool], digest: str) -> bool:
    """Whether ``wanted`` stands in the tree of ``digest``; what was deleted holds what is still known of it."""
    try:
        facts = graph.facts(digest)
    except MissingObjectError:
        return False
    if facts.digest == wanted:
        return True
    if facts.digest not in known:
        known[facts.digest] = False  # until its parents say otherwise
        known[facts.digest] = any(_holds(graph, wanted, known, parent) for parent in facts.parents)
    return known[facts.digest]


def _node(facts: Facts, parents: Sequence[Node]) -> Node:
    return Node(
        kind=facts.kind,
        digest=facts.digest,
        config_digest=facts.config_digest,
        code_commit=facts.code_commit,
        note=facts.note,
        parents=tuple(parents),
    )


def _line(artefact: Node | Facts) -> str:
    made = f"config {artefact.config_digest[:12] or '-'}  commit {artefact.code_commit or '-'}"
    return f"{artefact.kind} {artefact.digest}  {made}  {artefact.note}".rstrip()
