"""Playing the rounds: an arm's walks of a round are a stage of their own, done in this process or by a pool's workers."""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import torch

from inference.evaluate.arms import Arm, Models, Origin
from inference.evaluate.plan import TestPlan
from inference.evaluate.play_arm import play_arm
from inference.evaluate.rounds import Budget, Round, playing_order
from infra.schema import Bundle
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store, open_store
from modeling.device import Precision, set_precision
from modeling.world_model import WorldModel, load_world_model, random_world_model

VERSION: Final = 2  # of an arm's round

Played = dict[str, list[dict[str, Any]]]  # outputs of the played rounds by arm


class Pool(Protocol):
    """Workers, each of which does one job at a time."""

    def map_unordered(self, function: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Any]: ...


class Computing(Protocol):
    """What playing needs of an evaluation's config; all of it goes into the key of what is played."""

    @property
    def threads(self) -> int: ...

    @property
    def precision(self) -> Precision: ...


@dataclass(frozen=True, kw_only=True)
class Contest:
    """What a worker must know to play any arm of any round."""

    store: str  # URI
    candidate: Bundle
    base: Bundle | None
    plan: TestPlan
    config: Computing
    inputs: dict[str, str]  # of the evaluation
    fresh: bool


def play_rounds(
    contest: Contest, rounds: Sequence[Round], arms: Sequence[Arm], budget: Budget, pool: Pool | None, context: StageContext
) -> tuple[Played, list[Round]]:
    """Outputs by arm, and the rounds played: each is finished once begun, so that all arms have the same walks.

    What a killed evaluation finished is not played again.
    """
    played: Played = {arm.name: [] for arm in playing_order(arms)}  # in this order, whoever finishes first
    over: list[Round] = []
    done, total = 0, sum(len(turn.walks_of(arm)) for turn in rounds for arm in arms)
    for turn in rounds:
        if not budget.allows(turn):
            context.stopped_early = True
            continue
        began = time.monotonic()
        jobs = [(arm, turn) for arm in playing_order(arms) if turn.walks_of(arm)]
        context.progress(done, total, f"{turn.name}: {len(jobs)} arms")
        play_one = functools.partial(play_job, contest)
        for arm, result in map(play_one, jobs) if pool is None else pool.map_unordered(play_one, jobs):
            played[arm.name].append(dict(result.outputs))
            done += len(turn.walks_of(arm))
            context.progress(done, total, f"{turn.name}: {arm.title}")
        budget.spend(turn, time.monotonic() - began)
        over.append(turn)
    context.progress(total, total, "scores")
    return {arm: outputs for arm, outputs in played.items() if outputs}, over


def play_job(contest: Contest, job: tuple[Arm, Round]) -> tuple[Arm, StageResult]:
    """Play an arm's walks of a round, or find that they were played."""
    arm, turn = job
    torch.set_num_threads(contest.config.threads)
    set_precision(contest.config.precision)
    store = open_store(contest.store)
    models = load_models(contest.store, contest.candidate, contest.base)
    result = run_stage(
        store,
        name="evaluate_arm",
        version=VERSION,
        inputs=contest.inputs | {"arm": arm.name, "round": turn.name},
        config=contest.config,
        work=lambda _: play_arm(arm, turn, contest.plan, models, store),
        fresh=contest.fresh,
        silent=True,
    )
    return arm, result


@functools.lru_cache(1)
def load_models(store_uri: str, candidate: Bundle, base: Bundle | None) -> Models:
    """Give a loader of world models by origin that keeps what it has loaded."""
    store: Store = open_store(store_uri)

    @functools.cache
    def load(origin: Origin) -> WorldModel:
        match origin:
            case "candidate":
                return load_world_model(store, candidate)
            case "int8":
                return load_world_model(store, candidate, int8=True)
            case "base":
                assert base is not None  # arms of an absent base are not played
                return load_world_model(store, base)
            case "random" | "random_denoiser":
                model = load("candidate")
                control = random_world_model(
                    model.world,
                    model.autoencoder.config,
                    width=model.width,
                    height=model.height,
                    fps=model.fps,
                    steps=model.steps,
                    seed=0,
                )
                if origin == "random_denoiser":
                    control.autoencoder = model.autoencoder
                return control
            case "baseline":
                raise ValueError("a baseline has no model")

    return load
