"""A walker's body as an actor: its class, where it stands, and the two functions that such a class has."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.characters.catalogue import assembly_of
from engine.characters.gait import PHASES
from engine.characters.people import AVATAR_PHASES, Placed
from engine.unreal.convention import CENTIMETRES, WORLD
from engine.unreal.wire import number_text, numbers_text

NAME: Final = "walker"  # of the actor that a recorder spawns
_CLASS: Final = re.compile(r"Character_(\d{1,18})")


@dataclass(frozen=True, kw_only=True)
class Walker:
    """A character of the catalogue, on the ground."""

    name: str
    character: int
    place: tuple[float, float] = (0.0, 0.0)  # (x, z) in metres
    facing: float = 0.0  # degrees, + right
    speed: float = 0.0  # metres a second that its stride must keep up with
    phase: int = PHASES  # of its stride; PHASES is standing
    shown: bool = True

    def placed(self) -> Placed | None:
        """As the renderer takes it; None where it is hidden."""
        return Placed(place=self.place, facing=self.facing, phase=self.phase) if self.shown else None

    def call(self, function: str, argument: str) -> "Walker":
        """What a function of its class makes of it: ``KeepUp SPEED`` or ``ShowPhase PHASE``.

        Raises:
            ValueError: no such function, or its argument makes no sense.
        """
        match function:
            case "KeepUp":
                return dataclasses.replace(self, speed=float(argument))
            case "ShowPhase" if 0 <= int(argument) < AVATAR_PHASES:
                return dataclasses.replace(self, phase=int(argument))
            case _:
                raise ValueError(f"Character has no function {function} {argument}")


def character_of_class(name: str) -> int:
    """The character whose class is ``Character_NUMBER``.

    Raises:
        ValueError: no character has this class.
    """
    match = _CLASS.fullmatch(name)
    try:
        assembly_of(int(match[1]) if match else -1)
    except ValueError:
        raise ValueError(f"Can not find a class with name '{name}'") from None
    assert match is not None
    return int(match[1])


def spawning(character: int, speed: float) -> list[str]:
    """Commands that let the body appear, with a stride for ``speed`` metres a second."""
    return [f"vset /objects/spawn Character_{character} {NAME}", f"vexec {NAME} KeepUp {number_text(speed)}"]


def showing(placed: Placed | None) -> list[str]:
    """Commands that place the body, or hide it where the camera is inside it."""
    if placed is None:
        return [f"vset /object/{NAME}/hide"]
    x, z = placed.place
    location = WORLD.T @ np.array([x, 0.0, z]) * CENTIMETRES
    return [
        f"vset /object/{NAME}/location {numbers_text(*location)}",
        f"vset /object/{NAME}/rotation {numbers_text(0.0, placed.facing, 0.0)}",
        f"vexec {NAME} ShowPhase {placed.phase}",
        f"vset /object/{NAME}/show",
    ]
