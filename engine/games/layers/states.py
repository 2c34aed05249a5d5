"""States, actions and facts as JSON values; arrays of a frame go through the ring."""

import dataclasses
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.games.layers.ring import FrameRing, Picture
from engine.recorder import SourceFacts, State

NO_PICTURE: Final[Picture] = (np.zeros((0, 0, 3), np.uint8), None, None)

Action = tuple[NDArray[np.int8], NDArray[np.float32]]


def put_state(ring: FrameRing, sequence: int, state: State) -> dict[str, Any]:
    """Write the frame into the ring, if there is a picture yet; the rest as JSON values."""
    if state.rgb.size:
        ring.write(sequence, state.tick, state.rgb, state.depth, state.mask)
    return {
        "sequence": sequence,
        "tick": state.tick,
        "seconds": state.seconds,
        "c2w": state.c2w.tolist(),
        "intrinsics": state.intrinsics.tolist(),
        "raw_pose": state.raw_pose.tolist(),
        "collided": state.collided,
        "pictured": state.rgb.size > 0,
        "over": state.over,
    }


def take_state(ring: FrameRing, values: dict[str, Any]) -> State:
    """The state again, bit by bit. Raises ``TornFrameError``."""
    rgb, depth, mask = ring.read(values["sequence"], values["tick"]) if values["pictured"] else NO_PICTURE
    return State(
        tick=values["tick"],
        seconds=values["seconds"],
        rgb=rgb,
        depth=depth,
        c2w=np.array(values["c2w"], np.float64),
        intrinsics=np.array(values["intrinsics"], np.float64),
        raw_pose=np.array(values["raw_pose"], np.float64),
        collided=values["collided"],
        mask=mask,
        over=values["over"],
    )


def put_action(action: Action | None) -> Any:
    """JSON values of an action; None ends the episode."""
    return None if action is None else [action[0].tolist(), [float(value) for value in action[1]]]


def take_action(values: Any) -> Action | None:
    """The action again."""
    return None if values is None else (np.array(values[0], np.int8), np.array(values[1], np.float32))


def put_facts(facts: SourceFacts) -> dict[str, Any]:
    """JSON values of what an episode's row says of its source."""
    return dataclasses.asdict(facts)
