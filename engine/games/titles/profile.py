"""Profiles of titles: one TOML file each says all that recording one of them needs to know, and what is unsure about it."""

import dataclasses
import tomllib
import typing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from engine.games.titles.camera import CameraConvention
from infra.errors import NotHereError
from infra.schema.action import KEYS

TITLES: Final = ("gta_v", "red_dead_redemption_2", "palworld", "cyberpunk_2077", "hogwarts_legacy")
_RULES: Final = ConfigDict(extra="forbid")


class TitleMissingError(NotHereError):
    """The game, its plugin or what captures it is not there."""


@dataclass(frozen=True, kw_only=True)
class PluginHost:
    """What runs the telemetry plugin inside the game."""

    name: str
    url: str
    version: str  # what the plugin is written for
    files: tuple[str, ...]  # what is copied, by its path under infra/plugins
    install: str  # where they go, below the game's folder
    telemetry: str  # the file that the plugin appends to, below the game's folder
    draws_marker: bool  # whether it draws the frame number into the picture


@dataclass(frozen=True, kw_only=True)
class Legal:
    """What may be done with recordings. Not legal advice: read the publisher's terms before you record."""

    publisher: str
    terms_url: str
    single_player_only: bool
    redistributable: bool
    commercial_ok: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TitleProfile:
    """One title. ``keys`` holds an X11 key name for each of our six keys, in their order."""

    __pydantic_config__: ClassVar[ConfigDict] = _RULES

    title: str
    process: str  # name of the game's process
    window: str  # regular expression for the window's title
    launch: tuple[str, ...]  # command that starts it
    folder: str  # where Steam puts the game, below steamapps/common
    capture: Literal["x11", "obs"]
    perspective: Literal["first", "third"]
    keys: tuple[str, ...]
    mouse_pixels_per_degree: float  # how far the mouse moves for one degree; depends on the game's settings, measure it
    latency_frames: float  # by which pixels trail telemetry: where the search for the true lag starts
    host: PluginHost
    camera: CameraConvention
    legal: Legal
    settings: tuple[str, ...]  # graphics and control settings that recording needs
    hud_off: tuple[str, ...]  # steps
    unsure: tuple[str, ...]  # what nobody here could check on the real game

    def __post_init__(self) -> None:
        if len(self.keys) != len(KEYS) or len(set(self.keys)) != len(KEYS):
            raise ValueError(f"keys {self.keys} must be {len(KEYS)} different ones: {', '.join(KEYS)}")
        if not 0 < self.mouse_pixels_per_degree < 1000:
            raise ValueError(f"mouse_pixels_per_degree {self.mouse_pixels_per_degree} is not between 0 and 1000")


def load_title(name: str) -> TitleProfile:
    """The profile of a title that ships.

    Raises:
        ValueError: there is none of that name, or its file is wrong; names the key.
    """
    if name not in TITLES:
        raise ValueError(f"no title {name!r}; there are {', '.join(TITLES)}")
    return parse_title((resources.files("engine.games.titles") / "profiles" / f"{name}.toml").read_text(encoding="utf-8"), name)


def parse_title(text: str, source: str) -> TitleProfile:
    """Read and check a profile. Raises as ``load_title``."""
    try:
        profile = TypeAdapter(TitleProfile).validate_python(tomllib.loads(text))
        for name, hint in typing.get_type_hints(TitleProfile).items():  # the records inside forbid extra keys too
            if dataclasses.is_dataclass(hint):
                _forbid_extra(tomllib.loads(text)[name], hint, name)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"title {source}: not valid TOML: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError(f"title {source}: {faults}") from None
    return profile


def _forbid_extra(values: dict[str, Any], record: Any, name: str) -> None:
    extra = set(values) - {field.name for field in dataclasses.fields(record)}
    if extra:
        raise ValueError(f"{name}: unknown keys {sorted(extra)}")


def explain_install(name: str, profile: TitleProfile) -> str:
    """One line: what a machine needs so that this title can be recorded."""
    host = profile.host
    return (
        f"recording {profile.title} needs the game itself, {host.name} {host.version} ({host.url}), and the files "
        f"{', '.join(host.files)} of infra/plugins copied to {host.install} in the game's folder "
        f"({profile.folder}); then name that folder: --set endpoints.titles.game_folder=FOLDER "
        f"(all steps: infra/plugins/README.md, engine/games/titles/profiles/{name}.toml)"
    )


def check_installed(name: str, profile: TitleProfile, game_folder: str) -> Path:
    """The game's folder, if game and plugin are there.

    Raises:
        TitleMissingError: says what to install and where the plugin goes.
    """
    folder = Path(game_folder)
    if not game_folder or not folder.is_dir():
        where = f"no folder {game_folder}" if game_folder else "no folder of the game is named"
        raise TitleMissingError(f"{where}: {explain_install(name, profile)}")
    absent = [file for file in profile.host.files if not (folder / profile.host.install / Path(file).name).is_file()]
    if absent:
        raise TitleMissingError(
            f"{folder / profile.host.install} lacks {', '.join(Path(file).name for file in absent)}: "
            f"{explain_install(name, profile)}"
        )
    return folder
