"""What is released: the pointer to the bundle that plays, the table of the gate's decisions, and the way back."""

import json
from dataclasses import dataclass
from typing import Final

from infra.datasets import load_bundle
from infra.digest import canonical_json
from infra.errors import WorldloomError
from infra.schema import Bundle, Checkpoint
from infra.store import MissingObjectError, Store
from infra.tables import append_rows, read_records, read_rows, rows_from

CURRENT: Final = "releases/current"
CANDIDATE: Final = "releases/candidate"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the gate; ``value`` is None where the number is missing or not finite."""

    name: str
    value: float | None
    least: float
    passed: bool

    def sentence(self) -> str:
        found = "not measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.name} = {found}, needs at least {self.least:g}"


@dataclass(frozen=True, kw_only=True)
class ReleaseRow:
    """A row of table ``releases``: what was decided, and on which numbers."""

    number: int  # of the decision, from 1
    action: str  # released | refused | rolled back
    bundle: str
    previous: str  # bundle that was current before, empty if none
    evaluation: str  # key of the evaluate run, empty for a rollback
    checks: str  # JSON


@dataclass(frozen=True, kw_only=True)
class Current:
    """What the pointer holds: the bundle that plays, and those before it, newest last."""

    bundle: str
    before: tuple[str, ...] = ()


class NoReleaseError(WorldloomError):
    """There is no bundle to play or to return to."""


def read_current(store: Store) -> Current | None:
    """What is released now."""
    data = store.get_named(CURRENT)
    return _current(data) if data else None


def released_bundle(store: Store) -> tuple[str, Bundle]:
    """Digest and content of the bundle that plays.

    Raises:
        NoReleaseError: nothing was released yet.
    """
    now = read_current(store)
    if now is None:
        raise NoReleaseError(f"nothing is released in {store.uri} yet; run the loop first: worldloom run")
    return now.bundle, load_bundle(store, now.bundle)


def candidate_bundle(store: Store) -> tuple[str, Bundle]:
    """Digest and content of the last bundle that came before the gate, released or not.

    Raises:
        NoReleaseError: there was none yet.
    """
    data = store.get_named(CANDIDATE)
    if data is None:
        raise NoReleaseError(f"there is no candidate in {store.uri} yet; run the loop first: worldloom run")
    return data.decode(), load_bundle(store, data.decode())


def point_at(store: Store, digest: str) -> None:
    """Make a bundle the current one; pointing at what is current already does nothing."""
    while True:
        data = store.get_named(CURRENT)
        now = _current(data) if data else None
        if now is not None and now.bundle == digest:
            return
        before = (*now.before, now.bundle) if now else ()
        if store.swap_named(CURRENT, data, canonical_json(Current(bundle=digest, before=before))):
            return


def rollback(store: Store) -> tuple[str, str]:
    """Return to the bundle before the current one; gives (from, to).

    Raises:
        NoReleaseError: there is no earlier bundle.
        MissingObjectError: the earlier bundle is not whole any more; nothing is changed.
    """
    while True:
        data = store.get_named(CURRENT)
        now = _current(data) if data else None
        if now is None or not now.before:
            raise NoReleaseError(f"no earlier bundle to return to in {store.uri}; the release stays; see: worldloom releases")
        earlier = now.before[-1]
        _need_whole(store, earlier)
        if store.swap_named(CURRENT, data, canonical_json(Current(bundle=earlier, before=now.before[:-1]))):
            break
    row = ReleaseRow(
        number=next_number(store), action="rolled back", bundle=earlier, previous=now.bundle, evaluation="", checks="[]"
    )
    append_rows(store, "releases", rows_from([row]))
    return now.bundle, earlier


def next_number(store: Store) -> int:
    """Number of the next decision about a release."""
    return 1 + len(read_rows(store, "releases"))


def _current(data: bytes) -> Current:
    values = json.loads(data)
    return Current(bundle=values["bundle"], before=tuple(values["before"]))


def _need_whole(store: Store, digest: str) -> None:
    bundle = load_bundle(store, digest)
    weights = {row.digest: row.weights_object for row in read_records(store, "checkpoints", Checkpoint)}
    for part in filter(None, (bundle.autoencoder, bundle.denoiser, bundle.denoiser_int8)):
        name = weights.get(part, f"{part}.safetensors")
        if not store.exists(name):
            raise MissingObjectError(f"bundle {digest[:12]} cannot come back: object {name} is gone from {store.uri}; restore it")
