"""Where a command works: profile, home folder and store, from the options that most verbs share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

import click

from flows.commands.options import HOME
from flows.profile_file import read_profile_text
from infra.address import parse_address
from infra.errors import WorldloomError
from infra.local_store import STORE_FOLDERS
from infra.lock import LEASE, LOCK
from infra.store import Store, open_store

if TYPE_CHECKING:  # a profile loads every package; verbs that only look do without
    from flows.profile import Profile

DEFAULT_PROFILE: Final = "tiny"
MAKE_TARGETS: Final = ("run", "play", "stop", "dashboard")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a command works: enough for verbs that only look at what lies there."""

    name: str  # of the profile
    home: Path  # reports, locks, logs; and the store, unless it lies elsewhere
    store: Store

    @property
    def prefect(self) -> Path:
        """Where the dashboard's server keeps its files."""
        return self.home / "prefect"

    def command(self, verb: str) -> str:
        """What a user types to do something with what is here: ``make VERB`` where that does the same."""
        home = "" if self.home == Path("runs") / self.name else f" --home {quote(str(self.home))}"
        store = "" if self.store.address == parse_address(self.home / "store") else f" --store {quote(self.store.uri)}"
        if self.name == DEFAULT_PROFILE and not home and not store and verb in MAKE_TARGETS:
            return f"make {verb}"
        profile = "" if self.name == DEFAULT_PROFILE else f" --profile {self.name}"
        return f"worldloom {verb}{profile}{home}{store}"


@dataclass(frozen=True, kw_only=True)
class Workplace(Place):
    """The same with the profile loaded and overridden."""

    profile: "Profile"

    def without_base_weights(self) -> "Workplace":
        """The same, training from random weights."""
        training = replace(self.profile.train, start="random")
        return replace(self, profile=replace(self.profile, train=training))


def open_place(profile: str, home: Path | None, store: str | None, *, make: bool = False) -> Place:
    """Open the store of a profile; the home is ``runs/<profile>`` unless given.

    Raises:
        ValueError: there is no such profile; the store's address is empty, or it is to be made among other files.
        NothingHereError: there is no store, and none is to be made.
    """
    if store is not None and not store.strip():
        raise ValueError("--store is empty; name a folder or s3://bucket/prefix")
    name, _ = read_profile_text(profile)
    folder = home_of(profile, home)
    place = str(folder / "store") if store is None else store
    there = parse_address(place).folder
    if not make and there is not None and not there.exists():
        begin = f"begin with: worldloom run --profile {name}" if store is None else "is the name right?"
        raise NothingHereError(f"nothing was made in {place} yet; {begin}")
    if make and there is not None:
        _refuse_foreign(there)
    opened = open_store(place)
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    return Place(name=name, home=folder, store=opened)


def home_of(profile: str, home: Path | None) -> Path:
    """The home of a profile: ``runs/<profile>`` unless given."""
    return Path("runs") / read_profile_text(profile)[0] if home is None else home


def _refuse_foreign(folder: Path) -> None:
    """Raise ValueError for a folder of something else: what a store writes would lie scattered in it."""
    there = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")} if folder.is_dir() else set()
    if table := next((place for place in (folder, *folder.parents) if (place / "_delta_log").is_dir()), None):
        raise ValueError(f"{folder} lies in the table {table}, which may delete it; name a folder outside")
    foreign = there - STORE_FOLDERS - {LOCK, LEASE, "lost+found"}
    if foreign and not there & STORE_FOLDERS - {"tmp"}:
        raise ValueError(f"{folder} holds other files and no store; name a folder of its own, for example {folder / 'store'}")


def open_workplace(
    profile: str, home: Path | None, store: str | None, overrides: tuple[str, ...], *, make: bool = True
) -> Workplace:
    """The same with the profile, which is checked first; home and store are made unless ``make`` is off.

    Raises:
        ValueError: the profile or an override is wrong; names the key.
        NothingHereError: there is no store, and none is to be made.
    """
    read_profile_text(profile)  # a wrong name is told before every package is loaded
    from flows.profile import load_profile

    loaded = load_profile(profile, overrides)
    place = open_place(profile, home, store, make=make)
    return Workplace(name=place.name, home=place.home, store=place.store, profile=loaded)


class NothingHereError(WorldloomError):
    """A verb that only reads was pointed at a folder where nothing was made."""


def place_options(command: Callable[..., None], *, overrides: bool = True) -> Callable[..., None]:
    """Give a command the options ``--profile --home --store --set``, the last only where there is something to override."""
    options = [
        click.option("--profile", default=DEFAULT_PROFILE, show_default=True, help="A shipped profile, or a TOML file."),
        click.option("--home", type=HOME, help="Folder of the run.  [default: runs/PROFILE]"),
        click.option("--store", help="Folder or s3://bucket/prefix.  [default: HOME/store]"),
    ]
    if overrides:
        options.append(
            click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, e.g. --set train.seed=3.")
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


def at_found_place(command: Callable[..., None]) -> Callable[..., None]:
    """The same for verbs that look at what others made: no ``--set``, nothing is made, and where nothing is they say so."""

    @functools.wraps(command)
    def wrapped(profile: str, home: Path | None, store: str | None, **options: Any) -> None:
        command(open_place(profile, home, store), **options)

    return place_options(wrapped, overrides=False)
