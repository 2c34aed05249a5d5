"""Where a command works: profile, home folder and store, from the options that most verbs share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from flows.profile import Profile, load_profile
from infra.errors import WorldloomError
from infra.store import Store, open_store


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What the shared options say."""

    profile: Profile
    home: Path  # reports, locks, logs; and the store, unless it lies elsewhere
    store: Store

    def without_base_weights(self) -> "Workplace":
        """The same, training from random weights."""
        training = replace(self.profile.train, start="random")
        return replace(self, profile=replace(self.profile, train=training))

    @property
    def prefect(self) -> Path:
        """Where the dashboard's server keeps its files."""
        return self.home / "prefect"

    def command(self, verb: str) -> str:
        """What a user types to do something with what is here: ``make VERB`` where that does the same."""
        standard = self.home == Path("runs") / self.profile.name
        if standard and self.profile.name == "tiny":
            return f"make {verb}"
        return f"worldloom {verb} --profile {self.profile.name}" + ("" if standard else f" --home {self.home}")


def open_workplace(
    profile: str, home: Path | None, store: str | None, overrides: tuple[str, ...], *, make: bool = True
) -> Workplace:
    """Load the profile and open its store; the home is ``runs/<profile>`` unless given, and made unless ``make`` is off.

    Raises:
        ValueError: the profile or an override is wrong; names the key.
        NothingHereError: there is no home, nor a store elsewhere, and none is to be made.
    """
    loaded = load_profile(profile, overrides)
    folder = Path("runs") / loaded.name if home is None else home
    place = store or str(folder / "store")
    if not make and "://" not in place and not Path(place).is_dir():
        raise NothingHereError(f"nothing was made in {place} yet; begin with: worldloom run --profile {loaded.name}")
    folder.mkdir(parents=True, exist_ok=True)
    return Workplace(profile=loaded, home=folder, store=open_store(place))


class NothingHereError(WorldloomError):
    """A verb that only reads was pointed at a folder where nothing was made."""


def place_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options ``--profile --home --store --set``."""
    options = (
        click.option("--profile", default="tiny", show_default=True, help="A shipped profile, or a TOML file."),
        click.option("--home", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/PROFILE]"),
        click.option("--store", help="Folder or s3://bucket/prefix.  [default: HOME/store]"),
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, e.g. --set train.seed=3."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def at_workplace(command: Callable[..., None], *, make: bool = True) -> Callable[..., None]:
    """Give a command these options and pass it the workplace first."""

    @place_options
    @functools.wraps(command)
    def wrapped(profile: str, home: Path | None, store: str | None, overrides: tuple[str, ...], **options: Any) -> None:
        command(open_workplace(profile, home, store, overrides, make=make), **options)

    return wrapped


def at_found_workplace(command: Callable[..., None]) -> Callable[..., None]:
    """The same for verbs that read what others made: without that they make nothing and say what to run."""
    return at_workplace(command, make=False)
