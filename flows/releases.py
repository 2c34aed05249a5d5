"""What is released: the pointer to the bundle that plays, the table of decisions, and the ways back and forth."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from infra.datasets import load_bundle
from infra.digest import canonical_json
from infra.errors import WorldloomError
from infra.schema import Bundle, Checkpoint
from infra.schema.release import ReleaseRow as ReleaseRow
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
class Current:
    """What the pointer holds: the bundle that plays, and those before it, newest last."""

    bundle: str
    before: tuple[str, ...] = ()


class NoReleaseError(WorldloomError):
    """There is no bundle to play or to return to."""


class NotPassedError(WorldloomError):
    """A bundle that never passed the gate was to become the one that plays."""

    status = 3


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
    record_decision(store, "rolled back", earlier, now.bundle)
    return now.bundle, earlier


def promote(store: Store, prefix: str) -> tuple[str, str]:
    """Bring back a bundle that passed the gate once, whatever plays now; gives (from, to), the same where it plays already.

    Raises:
        MissingObjectError: no decision names such a bundle, several do, or it is not whole any more.
        NotPassedError: it never passed; names the numbers that failed.
    """
    digest = _match_decided(store, prefix)
    _need_passed(store, digest)
    _need_whole(store, digest)
    now = read_current(store)
    left = now.bundle if now else ""
    if left != digest:
        point_at(store, digest)
        record_decision(store, "promoted", digest, left)
    return left, digest


def record_decision(
    store: Store,
    action: str,
    bundle: str,
    previous: str,
    *,
    evaluation: str = "",
    checks: str = "[]",
    transaction: str | None = None,
) -> None:
    """Append a row of table ``releases``, dated now; a second one under the same ``transaction`` name does nothing."""
    row = ReleaseRow(
        number=1 + len(read_rows(store, "releases")),
        action=action,
        bundle=bundle,
        previous=previous,
        evaluation=evaluation,
        checks=checks,
        decided=time.time(),
    )
    append_rows(store, "releases", rows_from([row]), transaction=transaction)


def read_decisions(store: Store) -> list[ReleaseRow]:
    """Every decision, newest first."""
    return sorted(read_records(store, "releases", ReleaseRow), key=lambda row: (row.number, row.decided), reverse=True)


def playing_since(store: Store) -> ReleaseRow | None:
    """The decision by which the current bundle plays; None where nothing plays or no row says."""
    now = read_current(store)
    return next((row for row in read_decisions(store) if now and row.bundle == now.bundle and row.action != "refused"), None)


def describe_standing(store: Store) -> str:
    """Which bundle plays, and since which decision; empty where nothing does."""
    now, since = read_current(store), playing_since(store)
    if now is None:
        return ""
    if since is None:
        return f"{now.bundle[:12]} plays"
    decision = {"rolled back": "the rollback", "promoted": "the promotion"}.get(since.action, "its release")
    when = f" of {datetime.fromtimestamp(since.decided):%Y-%m-%d %H:%M}" if since.decided else ""
    return f"{now.bundle[:12]} plays since {decision}{when}"


def _current(data: bytes) -> Current:
    values = json.loads(data)
    return Current(bundle=values["bundle"], before=tuple(values["before"]))


def _match_decided(store: Store, prefix: str) -> str:
    """The bundle whose digest begins with ``prefix``, 4 digits or more, of those that anything was decided about."""
    now = read_current(store)
    known = {row.bundle for row in read_decisions(store)} | ({now.bundle, *now.before} if now else set())
    found = sorted(bundle for bundle in known if bundle.startswith(prefix)) if len(prefix) >= 4 else []
    if len(found) == 1:
        return found[0]
    if found:
        raise MissingObjectError(f"{prefix} may be any of {', '.join(one[:16] for one in found)}; give more digits")
    raise MissingObjectError(f"no bundle in {store.uri} that begins with {prefix!r} came before the gate; see worldloom releases")


def _need_passed(store: Store, digest: str) -> None:
    now = read_current(store)
    decided = [row for row in read_decisions(store) if row.bundle == digest]
    if (now and digest in (now.bundle, *now.before)) or any(row.action != "refused" for row in decided):
        return
    failed = [Check(**line) for line in json.loads(decided[0].checks) if not line["passed"]]
    numbers = "; ".join(check.sentence() for check in failed) or "no check of it is known"
    raise NotPassedError(f"bundle {digest[:12]} never passed the gate: {numbers}; what plays stays")


def _need_whole(store: Store, digest: str) -> None:
    bundle = load_bundle(store, digest)
    weights = {row.digest: row.weights_object for row in read_records(store, "checkpoints", Checkpoint)}
    for part in filter(None, (bundle.autoencoder, bundle.denoiser, bundle.denoiser_int8)):
        name = weights.get(part, f"{part}.safetensors")
        if not store.exists(name):
            raise MissingObjectError(f"bundle {digest[:12]} cannot come back: object {name} is gone from {store.uri}; restore it")
