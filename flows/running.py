"""Running the loop from the command line: one writer a home, a line a stage, and the report, finished or not"""

import contextlib
import functools

import click

from flows.orphans import close_orphans
from flows.pipeline import Loop
from flows.pool import open_pool
from flows.publish import publish_dataset, published_dataset
from flows.release import require_released
from flows.releases import describe_standing, read_current
from flows.server import PrefectServer, read_mark
from flows.sign_in import carrier
from flows.summary import summarise_stage
from flows.triggers import send
from flows.workplace import Place, Workplace
from infra.lock import hold_folder
from infra.progress import Progress
from infra.stage import StageResult


def run_loop(place: Workplace, loop: Loop, until: str, *, observed: bool = False) -> dict[str, StageResult]:
    """Run stages up to ``until``, say what each did, and write the report, finished or not.

    Raises:
        GateRefusedError: the loop went as far as the gate and the candidate did not pass.
        BusyError: another process works in this home.
    """
    with hold_folder(place.home, f"worldloom {until}"), Progress("loop") as progress:
        try:
            if observed:
                _run_observed(place, loop, until, progress)
            else:
                progress.doing("starting the workers")
                with open_pool(place.profile.pool, place.store.uri) as loop.pool:
                    progress.doing(f"on the way to {until}")
                    for result in loop.run(until):
                        say_stage(place, result)
        finally:
            if loop.results:
                click.echo(f"report     {loop.write_report(place.home).resolve()}")
    if "release" in loop.results:
        require_released(loop.results["release"])
        say_released(place, loop.results["release"].outputs["bundle"])
    return loop.results


def say_released(place: Place, passed: str) -> None:
    """Say what plays after a candidate passed; a gate that let it through earlier undoes no decision made since."""
    now = read_current(place.store)
    if now is not None and now.bundle == passed:
        click.echo(f"released   {passed[:12]}")
    else:
        click.echo(f"passed     {passed[:12]} passed the gate earlier; {describe_standing(place.store) or 'nothing plays'}")
        click.echo(f"bring back {place.command('promote')} {passed[:12]}")
    if now is not None:
        click.echo(f"play       {place.command('play')}")


def _run_observed(place: Workplace, loop: Loop, until: str, progress: Progress) -> None:
    """The same as a Prefect flow, with a server of its own in the run's home."""
    progress.doing("starting Prefect's server and the workers")
    pool = open_pool(place.profile.pool, place.store.uri)
    with PrefectServer(place.prefect, place.profile.server) as server, pool as loop.pool:
        server.use()
        click.echo(f"dashboard  {server.url} while this runs; afterwards: {place.command('dashboard')}")
        click.echo(f"sign in    {carrier(place.prefect).as_uri()}")
        close_orphans(server.running, place.home, fresh=server.owned)
        with contextlib.chdir(server.folder):  # Prefect reads its settings when it is imported, also from where that happens
            from flows.observe import run_observed

        progress.doing(f"on the way to {until}")
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
