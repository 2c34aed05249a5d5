"""The verbs of the command line, one clear line for what a user can mend, and exit statuses.

0 done, 1 a parity case failed, 2 something to mend, 3 the release gate refused, 130 interrupted, 143 told to end. Only what
nobody expected shows a traceback.
"""

import difflib
import importlib
from collections.abc import Sequence
from typing import Final

import click

from infra.errors import WorldloomError
from infra.interrupt import LINE

VERBS: Final = {
    "setup": ("machine:setup", "Make this machine ready: EGL rendering, or how to get it."),
    "run": ("loop:run", "Run the whole loop; killed and run again, it goes on where it stopped."),
    "collect": ("collect:collect", "Record what the store lacks: the profile's plan, or hours of a source."),
    "episodes": ("artefacts:episodes", "List recorded episodes."),
    "show": ("show:show", "Show one episode on a page: video, keys, path, depth, sync."),
    "world": ("world:world", "The embedded worlds: serve them to UnrealCV clients, catalogue, sheets."),
    "annotate": ("loop:annotate", "Write poses, inferred input and captions of new episodes."),
    "curate": ("loop:curate", "Cut, score, reject with reasons; make a dataset version."),
    "datasets": ("artefacts:datasets", "List dataset versions, and which one is published."),
    "publish": ("artefacts:publish", "Make a dataset version the one that retraining takes."),
    "train": ("loop:train", "Train autoencoder and denoiser on a dataset version."),
    "distil": ("loop:distil", "Make the few-step student."),
    "compress": ("loop:compress", "Write the INT8 checkpoint."),
    "evaluate": ("loop:evaluate", "Score the candidate on scenes never trained on."),
    "release": ("loop:release", "Put the candidate through the gate."),
    "releases": ("artefacts:releases", "List what the gate decided, and which bundle plays."),
    "rollback": ("artefacts:rollback", "Return to the bundle released before."),
    "promote": ("artefacts:promote", "Bring back a bundle that passed the gate once."),
    "lineage": ("artefacts:lineage", "Print what an artefact was made from, or all that holds it."),
    "play": ("play:play", "Serve the released model on a page where keys and mouse steer it."),
    "stop": ("play:stop", "Stop what play, dashboard and deploy left running."),
    "dashboard": ("dashboard:dashboard", "Show what ran, in the Prefect UI."),
    "deploy": ("dashboard:deploy", "Collect on a schedule; retrain and release on every published dataset."),
    "bench": ("bench:bench", "Measure a part on this machine: bench denoiser."),
    "generate": ("generate:generate", "Make a video with the published Matrix-Game 3.0 weights."),
    "parity": ("parity:parity", "Compare this code with a folder of the reference implementation's numbers."),
    "doctor": ("machine:doctor", "Say what works on this machine and what does not."),
}
"""Verb to the command behind it and what it does; a verb's module in flows/commands is imported when it is called."""


_OS_FAULTS: Final[dict[type[OSError], str]] = {
    FileExistsError: "a file stands where a folder is needed; move it or name another place",
    NotADirectoryError: "a file stands where a folder is needed; move it or name another place",
    IsADirectoryError: "a folder stands where a file is needed; name a file",
    PermissionError: "this user may not write or read here; mend its rights or name another place",
    FileNotFoundError: "there is no such file or folder; mend the name",
}


class Verbs(click.Group):
    """Commands that are imported when asked for, so that ``--help`` does not load the model."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"flows.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and (near := difflib.get_close_matches(args[0], VERBS, 1)):
            ctx.fail(f"there is no verb {args[0]!r}; did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, says) for verb, (_, says) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="worldloom")
def worldloom() -> None:
    """Make interactive world models: record, train, prove and play. Begin with: worldloom run"""


def run_settled(arguments: Sequence[str] | None = None) -> int:
    """Run one command in surroundings that are put in order; its exit status."""
    from infra.openmp import let_threads_sleep
    from infra.surroundings import SurroundingsError, settle

    try:
        for line in settle():
            click.echo(f"worldloom: {line}", err=True)
    except SurroundingsError as error:
        return _fail(str(error), error.status)
    let_threads_sleep()
    return run_command(arguments)


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    try:
        status = worldloom.main(args=arguments, prog_name="worldloom", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        verb = error.ctx.command_path if error.ctx else "worldloom"
        return _fail(f"{error.format_message().rstrip('.')}; see: {verb} --help", 2)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        return _fail(LINE, 130)
    except WorldloomError as error:
        return _fail(str(error), error.status)
    except ValueError as error:
        return _fail(str(error), 2)
    except OSError as error:
        if error.filename is None:
            raise
        return _fail(f"{_OS_FAULTS.get(type(error), error.strerror or str(error))}: {error.filename2 or error.filename}", 2)
    return status if isinstance(status, int) else 0  # what a command gave to context.exit


def _fail(message: str, status: int) -> int:
    click.echo(f"worldloom: {' '.join(message.split())}", err=True)
    return status
