"""The stage ``evaluate``: scores of the candidate beside baselines and controls, on scenes never trained on."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from inference.evaluate.arms import ARMS, Arm
from inference.evaluate.bootstrap import BootstrapConfig
from inference.evaluate.contest import Contest, Played, Pool, play_rounds
from inference.evaluate.differences import DIFFERENCES
from inference.evaluate.measure import MeasureConfig
from inference.evaluate.plan import PlanConfig, TestPlan, plan_tests
from inference.evaluate.play_arm import read_measurements
from inference.evaluate.rounds import Budget, Coverage, plan_rounds
from inference.evaluate.scores import Measurement, Score, score_arm, score_difference
from inference.evaluate.showcase import PANELS, draw_poster, encode_shown, gather_shown
from inference.evaluate.verdict import Provenance, difference, index_scores, write_verdict
from infra.digest import canonical_json, sha256_of
from infra.schema import Bundle, Checkpoint, EvalScore
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store
from infra.tables import append_rows, read_rows, records_from, rows_from
from modeling.checkpoint import find_checkpoint
from modeling.device import Precision

VERSION: Final = 2  # 2: played in rounds


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """The budget of an evaluation."""

    arms: tuple[str, ...] = tuple(arm.name for arm in ARMS)
    threads: int = 1  # of torch; more gain little at batch 1 and lose much on a busy machine; speed is stated with them
    precision: Precision = "auto"  # of products; what the CPU is fast in
    max_seconds: float = 240.0  # no round is begun that would end later, but for the first of each kind: see rounds.py
    plan: PlanConfig = PlanConfig()
    measure: MeasureConfig = MeasureConfig()
    bootstrap: BootstrapConfig = BootstrapConfig()


def evaluate(
    candidate: Bundle,
    dataset: str,
    config: EvaluateConfig,
    store: Store,
    *,
    base: Bundle | None = None,
    pool: Pool | None = None,
    fresh: bool = False,
) -> StageResult:
    """Score a candidate against ``base`` (the weights as shipped, if there are any), controls and baselines.

    Raises:
        ValueError: no test walks, a test scene in the training set, or an unknown arm in the config.
    """
    plan = plan_tests(store, dataset, config.plan, config.measure)
    arms, left_out = choose_arms(config, plan, candidate, base)
    rounds = plan_rounds(plan, arms)
    inputs = _inputs(candidate, base, dataset, plan)

    def work(context: StageContext) -> dict[str, Any]:
        contest = Contest(store=store.uri, candidate=candidate, base=base, plan=plan, config=config, inputs=inputs, fresh=fresh)
        played, over = play_rounds(contest, rounds, arms, Budget(config.max_seconds), pool, context)
        provenance = find_provenance(store, candidate, base, dataset)
        coverage = Coverage(planned=tuple(rounds), played=tuple(over))
        return _conclude(played, left_out, provenance, coverage, plan, config, store, context)

    return run_stage(store, name="evaluate", version=VERSION, inputs=inputs, config=config, work=work, fresh=fresh)


def choose_arms(
    config: EvaluateConfig, plan: TestPlan, candidate: Bundle, base: Bundle | None
) -> tuple[list[Arm], dict[str, str]]:
    """The config's arms that can be played, in order of importance; and why the others cannot.

    Raises:
        ValueError: names an arm that does not exist.
    """
    known = {arm.name for arm in ARMS}
    if unknown := sorted(set(config.arms) - known):
        raise ValueError(f"evaluate.arms: unknown arm {unknown[0]!r}; use some of {', '.join(sorted(known))}")
    left_out = {}
    for arm in ARMS:
        if arm.origin == "base" and base is None:
            left_out[arm.name] = "training did not start from base weights"
        elif arm.origin == "int8" and not candidate.denoiser_int8:
            left_out[arm.name] = "there is no INT8 checkpoint"
        elif not arm.branches and not plan.long_starts:
            left_out[arm.name] = "no test start has all long walks"
        elif arm.memory == "wrong_scene" and len({start.scene_id for start in plan.long_starts}) < 2:
            left_out[arm.name] = "long walks were recorded in fewer than two test scenes"
    chosen = [arm for arm in ARMS if arm.name in config.arms and arm.name not in left_out]
    return chosen, {name: why for name, why in left_out.items() if name in config.arms}


def _inputs(candidate: Bundle, base: Bundle | None, dataset: str, plan: TestPlan) -> dict[str, str]:
    episodes = sorted({w.episode.episode_id for start in plan.branch_starts + plan.long_starts for w in start.walks.values()})
    inputs = {
        "dataset": dataset,
        "autoencoder": candidate.autoencoder,
        "denoiser": candidate.denoiser,
        "denoiser_int8": candidate.denoiser_int8,
        "tests": sha256_of(canonical_json(episodes)),
    }
    return inputs if base is None else inputs | {"base_autoencoder": base.autoencoder, "base_denoiser": base.denoiser}


def _conclude(
    played: Played,
    left_out: dict[str, str],
    provenance: Provenance,
    coverage: Coverage,
    plan: TestPlan,
    config: EvaluateConfig,
    store: Store,
    context: StageContext,
) -> dict[str, Any]:
    """Scores, verdict and videos; writes the rows of ``eval_scores``, then names everything for the report and the gate."""
    measured = {
        arm: [one for part in parts for one in read_measurements(store, part["measurements"])] for arm, parts in played.items()
    }
    scores = score_all(measured, config.bootstrap)
    denoiser = provenance.lineage[-1].digest
    rows = [
        EvalScore(evaluation=context.key, checkpoint=denoiser, dataset=provenance.dataset, **asdict(score)) for score in scores
    ]
    append_rows(store, "eval_scores", rows_from(rows), transaction=context.key)
    verdict = write_verdict(provenance, index_scores(scores), coverage.told)
    timed = {arm: [part["speed"] for part in parts if part["speed"]] for arm, parts in played.items()}
    return {
        "verdict": [asdict(line) for line in verdict],
        "headline": headline(scores, config.measure),
        "scores": store.put_bytes(json.dumps([asdict(score) for score in scores]).encode(), ".json"),
        "videos": _videos(played, plan, store),
        "speed": {arm: max(found, key=lambda speed: speed["segments"]) for arm, found in timed.items() if found},
        "arms": [arm.name for arm in ARMS if arm.name in played],
        "missing_arms": left_out,
        "scenes": coverage.scenes,
        "starts": coverage.starts,
        "long_walks": coverage.long_walks,
    }


def headline(scores: list[Score], config: MeasureConfig) -> dict[str, float]:
    """The few numbers that gates and tables read, as ``arm.metric@frame``."""
    wanted = {("psnr", h) for h in config.horizons} | {("ssim", h) for h in config.horizons}
    wanted |= {(metric, h) for metric in ("action_response", "action_choice") for h in config.response_horizons}
    wanted |= {("turn_sign", h) for h in config.motion_horizons} | {("revisit_psnr", 0)}
    arms = {arm.name for arm in ARMS}
    return {f"{s.arm}.{s.metric}@{s.horizon}": s.value for s in scores if s.arm in arms and (s.metric, s.horizon) in wanted}


def score_all(measured: dict[str, list[Measurement]], config: BootstrapConfig) -> list[Score]:
    """Scores of all arms, then the paired differences that the verdict and the report speak of."""
    scores = [score for arm, found in measured.items() for score in score_arm(arm, found, config)]
    for first, second in DIFFERENCES:
        if first in measured and second in measured:
            scores += score_difference(difference(first, second), measured[first], measured[second], config)
    return scores


def find_provenance(store: Store, candidate: Bundle, base: Bundle | None, dataset: str) -> Provenance:
    """Follow the candidate's denoiser back through its parents; the first that is not in this store ends the line."""
    rows = {row.digest: row for row in records_from(read_rows(store, "checkpoints"), Checkpoint)}
    lineage = [find_checkpoint(store, candidate.denoiser)]
    seen = {base.denoiser, base.autoencoder} if base is not None else set()
    seen.add(candidate.denoiser)  # weights that no step changed have themselves for a parent
    while parents := [rows[p] for p in lineage[0].parents if p in rows and rows[p].kind != "autoencoder" and p not in seen]:
        lineage.insert(0, parents[0])
        seen.add(parents[0].digest)
    return Provenance(dataset=dataset, lineage=tuple(lineage), base="" if base is None else base.denoiser)


def _videos(played: Played, plan: TestPlan, store: Store) -> list[dict[str, Any]]:
    """Encode the split screens; one entry each for the report."""
    objects = {arm: {case: name for part in parts for case, name in part["shown"].items()} for arm, parts in played.items()}
    if "candidate" not in objects:
        return []
    videos = []
    for case, shown in gather_shown(plan, objects, store).items():
        videos.append(
            {
                "case": case,
                "object": store.put_bytes(encode_shown(shown), ".mp4"),
                "poster": store.put_bytes(draw_poster(shown), ".jpg"),
                "panels": [PANELS[panel] for panel in shown.panels],
                "frames": len(shown.panels["candidate"]),
                "fps": shown.fps,
            }
        )
    return videos
