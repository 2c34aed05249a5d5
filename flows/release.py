"""The release gate: a candidate becomes what players get only if its numbers hold; one step back is always possible."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flows.bundle import read_start_image
from inference.evaluate.sanity import Sanity, check_sanity
from infra.datasets import load_bundle, put_bundle
from infra.digest import canonical_json
from infra.errors import WorldloomError
from infra.schema import Bundle
from infra.stage import StageContext, StageResult, run_stage
from infra.store import MissingObjectError, Store
from infra.tables import append_rows, read_rows, rows_from
from modeling.checkpoint import find_checkpoint
from modeling.world_model import load_world_model

VERSION: Final = 1
CURRENT: Final = "releases/current"
CANDIDATE: Final = "releases/candidate"


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """One condition on the evaluation's headline scores, named ``arm.metric@frame``."""

    score: str
    minus: str = ""  # the score of a control that is taken off first
    least: float

    @property
    def name(self) -> str:
        return f"{self.score} - {self.minus}" if self.minus else self.score


@dataclass(frozen=True, kw_only=True)
class ReleaseConfig:
    """What a candidate must show."""

    start_images: int = 8  # that a bundle offers to players
    sanity_segments: int = 3
    thresholds: tuple[Threshold, ...] = ()


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


class GateRefusedError(WorldloomError):
    """A candidate did not pass; the previous bundle stays."""

    status = 3


class NoReleaseError(WorldloomError):
    """There is no bundle to play or to return to."""


def release(
    candidate: Bundle, evaluated: StageResult, config: ReleaseConfig, store: Store, *, fresh: bool = False
) -> StageResult:
    """Judge a candidate by its evaluation and point ``releases/current`` at it if it passes.

    Outputs: ``bundle``, ``released``, ``checks``. A refused candidate is kept and named by ``releases/candidate``.
    """
    digest = put_bundle(store, candidate)

    def work(context: StageContext) -> dict[str, Any]:
        context.progress(0, 1, "gate: sanity of the candidate")
        checks = judge(_sanity(candidate, config, store), evaluated.outputs["headline"], config.thresholds)
        passed = all(check.passed for check in checks)
        lines = [dataclasses.asdict(check) for check in checks]
        now = read_current(store)
        row = ReleaseRow(
            number=next_number(store),
            action="released" if passed else "refused",
            bundle=digest,
            previous=now.bundle if now else "",
            evaluation=evaluated.key,
            checks=canonical_json(lines).decode(),
        )
        append_rows(store, "releases", rows_from([row]), transaction=f"release-{context.key}")
        store.put_named(CANDIDATE, digest.encode())
        if passed:
            point_at(store, digest)
        context.progress(1, 1, "released" if passed else "refused")
        return {"bundle": digest, "released": passed, "checks": lines}

    return run_stage(
        store,
        name="release",
        version=VERSION,
        inputs={"bundle": digest, "evaluation": evaluated.key},
        config=config,
        work=work,
        fresh=fresh,
    )


def judge(sanity: Sanity, headline: Mapping[str, float], thresholds: Sequence[Threshold]) -> list[Check]:
    """All checks of the gate: finite, exact frame count, then every threshold. A missing number fails."""
    checks = [
        Check(name="finite weights, latents and poses", value=float(sanity.finite), least=1, passed=sanity.finite),
        Check(
            name="share of the expected frames",
            value=sanity.frames / sanity.expected_frames,
            least=1,
            passed=sanity.frames == sanity.expected_frames,
        ),
    ]
    for threshold in thresholds:
        parts = [headline.get(threshold.score), headline.get(threshold.minus) if threshold.minus else 0.0]
        known = [part for part in parts if part is not None and math.isfinite(part)]
        value = known[0] - known[1] if len(known) == 2 else None
        passed = value is not None and value >= threshold.least
        checks.append(Check(name=threshold.name, value=value, least=threshold.least, passed=passed))
    return checks


def require_released(result: StageResult) -> None:
    """Do nothing if the gate let the candidate through.

    Raises:
        GateRefusedError: names every number that failed.
    """
    failed = [Check(**line).sentence() for line in result.outputs["checks"] if not line["passed"]]
    if failed:
        raise GateRefusedError(
            f"gate: not released: {'; '.join(failed)}. "
            "The previous bundle stays; play the refused candidate with: make play CANDIDATE=1"
        )


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
        raise NoReleaseError(f"nothing is released in {store.uri} yet; run the loop first: make run PROFILE=name")
    return now.bundle, load_bundle(store, now.bundle)


def candidate_bundle(store: Store) -> tuple[str, Bundle]:
    """Digest and content of the last bundle that came before the gate, released or not.

    Raises:
        NoReleaseError: there was none yet.
    """
    data = store.get_named(CANDIDATE)
    if data is None:
        raise NoReleaseError(f"there is no candidate in {store.uri} yet; run the loop first: make run PROFILE=name")
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
            raise NoReleaseError(f"no earlier bundle to return to in {store.uri}; the release stays as it is")
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
    for part in filter(None, (bundle.autoencoder, bundle.denoiser, bundle.denoiser_int8)):
        weights = find_checkpoint(store, part).weights_object
        if not store.exists(weights):
            raise MissingObjectError(
                f"bundle {digest[:12]} cannot come back: object {weights} is gone from {store.uri}; restore it"
            )


def _sanity(candidate: Bundle, config: ReleaseConfig, store: Store) -> Sanity:
    model = load_world_model(store, candidate)
    image = read_start_image(store, candidate.start_images[0])
    return check_sanity(model, image, candidate.start_prompts[0], segments=config.sanity_segments)
