"""The whole loop, and each stage by its own verb."""

import functools

import click

from flows.cli import VERBS
from flows.pipeline import STAGES, Loop
from flows.pool import open_pool
from flows.publish import publish_dataset, published_dataset
from flows.release import require_released
from flows.server import PrefectServer, read_mark
from flows.summary import summarise_stage
from flows.triggers import send
from flows.workplace import Workplace, at_workplace
from infra.lineage import trace
from infra.lock import hold_folder
from infra.stage import StageResult

FROM_SCRATCH = "train.start='random'"


def run_loop(place: Workplace, loop: Loop, until: str, *, observed: bool = False) -> dict[str, StageResult]:
    """Run stages up to ``until``, say what each did, and write the report, finished or not.

    Raises:
        GateRefusedError: the loop went as far as the gate and the candidate did not pass.
        BusyError: another process works in this home.
    """
    with hold_folder(place.home, f"worldloom {until}"):
        try:
            if observed:
                _run_observed(place, loop, until)
            else:
                with open_pool(place.profile.pool) as loop.pool:
                    for result in loop.run(until):
                        say_stage(place, result)
        finally:
            if loop.results:
                click.echo(f"report     {loop.write_report(place.home).resolve()}")
    if "release" in loop.results:
        require_released(loop.results["release"])
    return loop.results


def _run_observed(place: Workplace, loop: Loop, until: str) -> None:
    """The same as a Prefect flow, with a server of its own in the run's home."""
    with PrefectServer(place.prefect, place.profile.server) as server, open_pool(place.profile.pool) as loop.pool:
        server.use()
        click.echo(f"dashboard  {server.url} while this runs; afterwards: {place.command('dashboard')}")
        from flows.observe import run_observed  # Prefect reads its settings when it is imported

        run_observed(loop, until, functools.partial(say_stage, place))


def say_stage(place: Workplace, result: StageResult) -> None:
    """Say what a stage did; a dataset version that it made becomes the published one."""
    click.echo(summarise_stage(result))
    if result.stage == "curate" and not (result.reused and published_dataset(place.store)):
        _publish(place, result.outputs["dataset"])


def _publish(place: Workplace, version: str) -> None:
    """Publish a version and tell the Prefect server of this home, where there is one.

    Nobody need take the news here: ``deploy`` asks for what it missed when it starts.
    """
    server = read_mark(place.prefect) if publish_dataset(place.store, version) else None
    if server is None:
        return
    try:
        send(server, place.store, version)
    except OSError as error:
        click.echo(f"published  {version[:12]}; the Prefect server at {server.url} was not told: {error}", err=True)


@click.command(epilog="Example: worldloom run --profile tiny --set pool.actors=2")
@at_workplace
@click.option("--fresh", is_flag=True, help="Do finished stages again.")
@click.option("--from-scratch", is_flag=True, help=f"Train without the base weights; same as --set {FROM_SCRATCH}.")
@click.option("--dataset", default="", help="Begin with training, on this published dataset version.")
@click.option("--plain", is_flag=True, help="Without Prefect: nothing for the dashboard, seconds saved.")
def run(place: Workplace, fresh: bool, from_scratch: bool, dataset: str, plain: bool) -> None:
    """Run the whole loop, collect to release; killed and run again, it goes on where it stopped."""
    place = place.without_base_weights() if from_scratch else place
    loop = Loop(profile=place.profile, store=place.store, fresh=fresh, dataset=_whole_digest(place, dataset))
    released = run_loop(place, loop, "release", observed=not plain)["release"]
    click.echo(f"released   {released.outputs['bundle'][:12]}")
    click.echo(f"play       {place.command('play')}")


def _whole_digest(place: Workplace, dataset: str) -> str:
    """The dataset version that begins with ``dataset``; empty stays empty."""
    return trace(place.store, dataset).digest if dataset else ""


def _stage_command(stage: str) -> click.Command:
    @click.command(
        name=stage,
        help=f"{VERBS[stage][1]} Runs what comes before, where that is not finished.",
        epilog=f"Example: worldloom {stage} --profile smoke",
    )
    @at_workplace
    @click.option("--fresh", is_flag=True, help="Do finished stages again.")
    def command(place: Workplace, fresh: bool, dataset: str = "") -> None:
        version = _whole_digest(place, dataset)
        run_loop(place, Loop(profile=place.profile, store=place.store, fresh=fresh, dataset=version), stage)

    if STAGES.index(stage) < STAGES.index("train"):
        return command
    return click.option("--dataset", default="", help="Begin with training, on this published dataset version.")(command)


annotate = _stage_command("annotate")
curate = _stage_command("curate")
train = _stage_command("train")
distil = _stage_command("distil")
compress = _stage_command("compress")
evaluate = _stage_command("evaluate")
release = _stage_command("release")
