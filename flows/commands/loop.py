"""The whole loop, and each stage by its own verb."""

import contextlib
from collections.abc import Iterator

import click

from flows.publish import match_dataset
from flows.verbs import VERBS
from flows.workplace import Workplace, at_workplace
from infra.progress import Progress

_BEFORE = (
    "Runs what comes before, where that is not finished. All episodes of the store are annotated and curated, whoever "
    "recorded them; the profile's plan is recorded first where it was begun or the store is empty."
)

FROM_SCRATCH = "train.start='random'"

dataset_option = click.option(
    "--dataset", default="", help="Begin with training, on this version: 4 digits or more of one that `worldloom datasets` lists."
)


@contextlib.contextmanager
def _loading() -> Iterator[None]:
    """Around imports of every stage: they take seconds, so that who asks for help does without, and who waits is told."""
    with Progress("loop") as progress:
        progress.doing("loading every stage")
        yield


@click.command(epilog="Example: worldloom run --profile tiny --set pool.actors=2")
@at_workplace
@click.option("--fresh", is_flag=True, help="Do finished stages again.")
@click.option("--from-scratch", is_flag=True, help=f"Train without the base weights; same as --set {FROM_SCRATCH}.")
@dataset_option
@click.option("--plain", is_flag=True, help="Without Prefect: nothing for the dashboard, seconds saved.")
def run(place: Workplace, fresh: bool, from_scratch: bool, dataset: str, plain: bool) -> None:
    """Run the whole loop, collect to release; killed and run again, it goes on where it stopped."""
    with _loading():
        from flows.pipeline import Loop
        from flows.running import run_loop

    place = place.without_base_weights() if from_scratch else place
    version = match_dataset(place.store, dataset) if dataset else ""
    loop = Loop(profile=place.profile, store=place.store, fresh=fresh, dataset=version)
    run_loop(place, loop, "release", observed=not plain)


def _stage_command(stage: str, *, trains: bool = True) -> click.Command:
    @click.command(
        name=stage,
        help=f"{VERBS[stage][1]} {_BEFORE}",
        epilog=f"Example: worldloom {stage} --profile smoke",
    )
    @at_workplace
    @click.option("--fresh", is_flag=True, help="Do finished stages again.")
    def command(place: Workplace, fresh: bool, dataset: str = "") -> None:
        with _loading():
            from engine.collect import plan_comes_first
            from flows.pipeline import Loop
            from flows.running import run_loop

        version = match_dataset(place.store, dataset) if dataset else ""
        as_found = not version and not plan_comes_first(place.profile.collect, place.store)
        loop = Loop(profile=place.profile, store=place.store, fresh=fresh, dataset=version, as_found=as_found)
        run_loop(place, loop, stage)

    return dataset_option(command) if trains else command


annotate = _stage_command("annotate", trains=False)
curate = _stage_command("curate", trains=False)
train = _stage_command("train")
distil = _stage_command("distil")
compress = _stage_command("compress")
evaluate = _stage_command("evaluate")
release = _stage_command("release")
