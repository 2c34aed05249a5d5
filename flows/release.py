"""The release gate: a candidate becomes what players get only if its numbers hold."""

import dataclasses
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flows.bundle import read_start_image
from flows.releases import CANDIDATE, Check, point_at, read_current, record_decision
from inference.evaluate.sanity import Sanity, check_sanity
from infra.datasets import put_bundle
from infra.digest import canonical_json
from infra.errors import WorldloomError
from infra.schema import Bundle
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store
from modeling.world_model import load_world_model

VERSION: Final = 1


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


class GateRefusedError(WorldloomError):
    """A candidate did not pass; the previous bundle stays."""

    status = 3


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
        record_decision(
            store,
            "released" if passed else "refused",
            digest,
            now.bundle if now else "",
            evaluation=evaluated.key,
            checks=canonical_json(lines).decode(),
            transaction=f"release-{context.key}{f'-{uuid.uuid4().hex}' if fresh else ''}",  # what is decided anew is a row anew
        )
        if passed:
            point_at(store, digest)
        context.progress(1, 1, "released" if passed else "refused")
        return {"bundle": digest, "released": passed, "checks": lines}

    inputs = {"bundle": digest, "evaluation": evaluated.key}
    judged = run_stage(store, name="release", version=VERSION, inputs=inputs, config=config, work=work, fresh=fresh)
    store.put_named(CANDIDATE, digest.encode())  # also one that was judged before: it is the last that came before the gate
    return judged


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
            f"gate: not released: {'; '.join(failed)}. What plays stays; play the refused candidate with: make play CANDIDATE=1"
        )


def _sanity(candidate: Bundle, config: ReleaseConfig, store: Store) -> Sanity:
    model = load_world_model(store, candidate)
    image = read_start_image(store, candidate.start_images[0])
    return check_sanity(model, image, candidate.start_prompts[0], segments=config.sanity_segments)
