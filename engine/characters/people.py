"""Which meshes a person is drawn with, and which of them now: those who walk by, and the walker's own body."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from engine.characters.catalogue import assembly_of
from engine.characters.figure import build_figure_mesh
from engine.characters.gait import IDLE, PHASES, stride_of
from engine.embedded.mesh import Mesh
from engine.models import PHASES as PLAIN_PHASES
from engine.models import STRIDE as PLAIN_STRIDE
from engine.models import build_character_mesh
from engine.scenes.scene import Character, Colour, Point

AVATAR_PHASES: Final = PHASES + 1


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The walker's body in one frame."""

    place: Point  # (x, z) in metres
    facing: float  # degrees, + right
    phase: int  # of its stride; PHASES is standing


def phase_count(character: Character) -> int:
    """How many phases the stride of someone who walks by has."""
    return PLAIN_PHASES if character.assembly is None else PHASES


def person_mesh(character: Character, blot: Colour | None, phase: int) -> Mesh:
    """Someone who walks by, in one phase; plain people stand on a blot of this colour, if on any."""
    if character.assembly is None:
        return build_character_mesh(character, phase, blot)
    return build_figure_mesh(character.assembly, phase)


def person_phase(character: Character, walked: float) -> int:
    """Which of the phases shows them after so many metres."""
    if character.assembly is None:
        return int(walked / PLAIN_STRIDE * PLAIN_PHASES) % PLAIN_PHASES
    return walking_phase(character.assembly, walked)


def avatar_mesh(index: int, speed: float, phase: int) -> Mesh:
    """Character ``index`` who must keep up with ``speed``, in one of ``AVATAR_PHASES``, the last of them standing."""
    return build_figure_mesh(index, IDLE if phase == PHASES else phase, speed)


def walking_phase(index: int, walked: float, speed: float = 0.0) -> int:
    """Phase of character ``index`` after so many metres; negative ones are walked backwards."""
    return int(walked / _stride(index, speed) * PHASES // 1) % PHASES


@lru_cache(maxsize=256)
def _stride(index: int, speed: float) -> float:
    return stride_of(assembly_of(index), speed)
