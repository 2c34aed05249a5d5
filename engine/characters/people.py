"""Which meshes a person is drawn with, and which of them now: those who walk by, and the walker's own body."""

from dataclasses import dataclass
from functools import lru_cache

from engine.characters.catalogue import assembly_of
from engine.characters.figure import build_figure_mesh
from engine.characters.gait import IDLE, PHASES, stride_of
from engine.mesh import Mesh
from engine.models import PHASES as PLAIN_PHASES
from engine.models import STRIDE as PLAIN_STRIDE
from engine.models import build_character_mesh
from engine.scenes.scene import Character, Colour, Point


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The walker's body in one frame."""

    place: Point  # (x, z) in metres
    facing: float  # degrees, + right
    phase: int  # of its stride; PHASES is standing


def person_meshes(character: Character, ground: Colour) -> list[Mesh]:
    """One mesh a phase of the stride of someone who walks by."""
    if character.assembly is None:
        return [build_character_mesh(character, phase, ground) for phase in range(PLAIN_PHASES)]
    return [build_figure_mesh(character.assembly, phase, ground) for phase in range(PHASES)]


def person_phase(character: Character, walked: float) -> int:
    """Which of ``person_meshes`` shows them after so many metres."""
    if character.assembly is None:
        return int(walked / PLAIN_STRIDE * PLAIN_PHASES) % PLAIN_PHASES
    return walking_phase(character.assembly, walked)


def avatar_meshes(index: int, ground: Colour) -> list[Mesh]:
    """Character ``index`` in every phase of its stride and, last, standing."""
    return [build_figure_mesh(index, phase, ground) for phase in (*range(PHASES), IDLE)]


def walking_phase(index: int, walked: float) -> int:
    """Phase of character ``index`` after so many metres; negative ones are walked backwards."""
    return int(walked / _stride(index) * PHASES // 1) % PHASES


@lru_cache(maxsize=256)
def _stride(index: int) -> float:
    return stride_of(assembly_of(index))
