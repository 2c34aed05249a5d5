"""What ``worldloom deploy`` serves in a home, in a file that runs read: no parameter of a run names a place or a setting."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from flows.sign_in import write_private
from flows.workplace import Workplace, open_workplace
from infra.errors import WorldloomError

_FILE: Final = "served.json"

ScheduleName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # of a dataset version
EventName = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
"""All that parameters of a run may be. Who may start runs may not thereby say what they execute, or where they write."""


class NothingServedError(WorldloomError):
    """A run was started by something else than ``worldloom deploy``."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where the runs of a home work, and how often one collects that has no schedule."""

    profile: str
    home: str
    store: str
    overrides: tuple[str, ...]
    every_seconds: float
    folder: str  # that names in the profile and in overrides start from

    @staticmethod
    def at(place: Workplace, profile: str, overrides: tuple[str, ...], every: timedelta) -> "Served":
        """As the command line says it; paths are those of any process, wherever it works."""
        return Served(
            profile=str(Path(profile).resolve()) if profile.endswith(".toml") else profile,
            home=str(place.home.resolve()),
            store=place.store.uri,
            overrides=overrides,
            every_seconds=every.total_seconds(),
            folder=str(Path.cwd()),
        )

    def open(self) -> Workplace:
        """The workplace; the process works in the folder of the command from now on.

        Raises:
            ValueError: the profile does not hold any more; names the key.
        """
        os.chdir(self.folder)
        return open_workplace(self.profile, Path(self.home), self.store, tuple(self.overrides))


def write_served(folder: Path, served: Served) -> None:
    """Say in the server's folder what is served from now on; only the file's owner can read or change it."""
    write_private(folder / _FILE, json.dumps(asdict(served)))


def read_served(folder: Path) -> Served:
    """What is served.

    Raises:
        NothingServedError: nothing.
    """
    try:
        return Served(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise NothingServedError(f"{folder / _FILE} does not say where to work; start runs with: worldloom deploy") from None
