"""The contestants: the candidate, what it is compared with, and what each comparison is for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from inference.evaluate.baselines import AutoencoderCeiling, RepeatLast, Truth
from inference.evaluate.cases import LONG_WALKS, REVISIT_WALKS, Case
from inference.evaluate.rollouts import ModelPlayer, Player
from modeling.rollout import RolloutOptions
from modeling.world_model import WorldModel

Origin = Literal["candidate", "int8", "base", "random", "random_denoiser", "baseline"]
Memory = Literal["own", "off", "wrong_scene"]
Part = Literal["branches", "long"]  # the single-key walks, or out-and-back, turn-and-back, spin and idle


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One row of every table."""

    name: str
    title: str
    origin: Origin
    geometry: bool = True  # past frames warped by predicted depth are shown to the network and pasted where valid
    network: bool = True
    memory: Memory = "own"
    branches: bool = True  # plays the single-key walks
    long: bool = False  # plays long walks
    long_walks: tuple[str, ...] = LONG_WALKS  # which of them

    @property
    def parts(self) -> tuple[Part, ...]:
        found: list[tuple[Part, bool]] = [("branches", self.branches), ("long", self.long)]
        return tuple(part for part, is_played in found if is_played)


ARMS: Final = (
    Arm(name="truth", title="Recorded truth (floor of the estimators)", origin="baseline"),
    Arm(name="repeat_last", title="Repeat the last frame", origin="baseline", long=True),
    Arm(name="autoencoder", title="Truth through the autoencoder (ceiling without pasted pixels)", origin="baseline"),
    Arm(name="candidate", title="Candidate", origin="candidate", long=True),
    Arm(
        name="candidate_no_geometry",
        title="Candidate, network alone",
        origin="candidate",
        geometry=False,
        long=True,
    ),
    Arm(name="warp", title="Warp alone, no network", origin="candidate", network=False),
    Arm(name="random", title="Random weights", origin="random"),
    Arm(name="random_no_geometry", title="Random weights, network alone", origin="random", geometry=False),
    Arm(name="random_denoiser", title="Random denoiser, trained autoencoder", origin="random_denoiser"),
    Arm(name="base", title="Base weights as shipped", origin="base"),
    Arm(name="base_no_geometry", title="Base weights, network alone", origin="base", geometry=False),
    Arm(name="memory_off", title="Candidate, memory off", origin="candidate", memory="off", branches=False, long=True),
    Arm(
        name="memory_wrong_scene",
        title="Candidate, memory of another scene",
        origin="candidate",
        memory="wrong_scene",
        branches=False,
        long=True,
    ),
    Arm(
        name="memory_off_no_geometry",
        title="Candidate, network alone, memory off",
        origin="candidate",
        geometry=False,
        memory="off",
        branches=False,
        long=True,
        long_walks=REVISIT_WALKS,
    ),
    Arm(name="int8", title="Candidate in INT8", origin="int8"),
)
"""In the order in which tables show them."""


Models = Callable[[Origin], WorldModel]


def make_player(arm: Arm, models: Models, other: Case | None) -> Player:
    """Build the player of an arm; ``models`` loads a world model by origin, ``other`` is a walk of another scene."""
    match arm.name:
        case "truth":
            return Truth()
        case "repeat_last":
            return RepeatLast()
        case "autoencoder":
            return AutoencoderCeiling(autoencoder=models("candidate").autoencoder)
        case _:
            options = RolloutOptions(memory=arm.memory, geometry=arm.geometry, network=arm.network)
            return ModelPlayer(model=models(arm.origin), options=options, other=other)
