"""The loop on one page: what follows what, and what each stage is given."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from annotation.annotate import annotate
from curation.curate import curate
from engine.collect import collect, collect_request
from engine.plan import CollectConfig
from engine.request import CollectionRequest
from flows.bundle import assemble_bundle, shipped_bundle
from flows.pool import RayPool, check_actors
from flows.profile import Profile
from flows.release import release
from flows.schedule import ScheduleConfig
from inference.evaluate.evaluate import evaluate
from inference.evaluate.report import write_report
from infra.stage import StageResult
from infra.store import Store
from modeling.compress import compress
from modeling.distil import distil
from modeling.train import train

STAGES: Final = ("collect", "annotate", "curate", "train", "distil", "compress", "evaluate", "release")


@dataclass(kw_only=True)
class Loop:
    """A profile on its way through the loop; ``results`` grows stage by stage."""

    profile: Profile
    store: Store
    pool: RayPool | None = None  # where episodes are recorded, annotated and scored; None is this process
    fresh: bool = False  # work again although there are finished results
    dataset: str = ""  # a published version to start from; the stages before training are left out then
    as_found: bool = False  # nothing is recorded first: what lies in the store is annotated
    schedule: ScheduleConfig | None = None  # whose request is collected in place of the profile's plan
    results: dict[str, StageResult] = field(default_factory=dict)

    def names(self, until: str = "release") -> list[str]:
        """The stages that ``run`` goes through."""
        first = STAGES.index("train") if self.dataset else int(self.as_found)
        return list(STAGES[first : STAGES.index(until) + 1])

    def run(self, until: str = "release") -> Iterator[StageResult]:
        """Run stage after stage up to ``until``; each result is yielded as it comes.

        What is finished already is found again by its key, so a killed loop goes on where it stopped.
        """
        for result in self._stages():
            self.results[result.stage] = result
            yield result
            if result.stage == until:
                return

    def _stages(self) -> Iterator[StageResult]:
        profile, store, fresh = self.profile, self.store, self.fresh
        pool, dataset = self.pool, self.dataset
        if not dataset:
            if not self.as_found:
                yield self._collect()
            yield (annotated := annotate(profile.annotate, store, pool=pool, fresh=fresh))
            yield (curated := curate(annotated.outputs, profile.curate, store, pool=pool, fresh=fresh))
            dataset = curated.outputs["dataset"]
        yield (trained := train(dataset, profile.train, store, fresh=fresh))
        yield (distilled := distil(trained, profile.train, profile.distil, store, fresh=fresh))
        yield (compressed := compress(distilled, profile.compress, store, fresh=fresh))
        candidate = assemble_bundle(store, profile.name, profile.release.start_images, trained, distilled, compressed)
        shipped = shipped_bundle(store, candidate, profile.train, profile.distil)
        yield (evaluated := evaluate(candidate, dataset, profile.evaluate, store, base=shipped, pool=pool, fresh=fresh))
        yield release(candidate, evaluated, profile.release, store, fresh=fresh)

    def _collect(self) -> StageResult:
        profile, schedule = self.profile, self.schedule
        if schedule is None:
            return collect(profile.collect, self.store, endpoints=profile.endpoints, pool=self.pool, fresh=self.fresh)
        check_actors(schedule.request.source, profile.endpoints.unreal, profile.pool.actors)
        held_out = walks_to_judge_by(profile.collect, schedule.request)
        collect(held_out, self.store, endpoints=profile.endpoints, pool=self.pool)  # once; later rounds find them
        return collect_request(
            schedule.request,
            self.store,
            name=schedule.name,
            endpoints=profile.endpoints,
            pool=self.pool,
            fresh=self.fresh,
        )

    def write_report(self, home: Path) -> Path:
        """Write the report of what is finished so far."""
        return write_report(self.store, home, {stage: result.key for stage, result in self.results.items()})


def walks_to_judge_by(plan: CollectConfig, request: CollectionRequest) -> CollectConfig:
    """The test walks of a profile's plan alone, in the format of a request: what is trained on its episodes is judged there."""
    families = request.families if request.source == "embedded" and request.families else plan.families
    held_out = replace(plan, families=families, width=request.width, height=request.height, fps=request.fps)
    return replace(held_out, train_scenes=0, val_scenes=0, vizdoom_episodes=0)
