"""Keys and mouse inferred from the pose track alone, so that video without recorded input can be trained on too.

A walk is read as a hidden Markov chain over nine keys (eight directions and still). What a frame's displacement says is
its emission; that people hold keys is its transition. So hysteresis, walls and confidence come out of one decoding.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from annotation.wsad_response import ChainConfig, read_keys
from annotation.wsad_track import read_movement, turned_degrees
from infra.directions import keys_of
from infra.schema.action import KEYS, UNKNOWN_KEY, UNKNOWN_MOUSE, Keyboard, Mouse

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class WsadConfig:
    """Lengths are in steps, the length of a free displacement, so that no scale need be known."""

    glide_evidence: float = 0.03  # share of the moving frames that must slow down alike to believe that the walker glides
    steady: float = 0.3  # steps of noise that are borne; more is averaged away over neighbouring frames
    moved_length: float = 0.05  # steps: a frame moved if it went further, whoever or whatever moved it
    least_confidence: float = 0.5  # below this the keys are unknown
    degrees_per_mouse_unit: float = 15.0
    chain: ChainConfig = field(default_factory=ChainConfig)


@dataclass(frozen=True, kw_only=True)
class Wsad:
    """What the poses say about the input; row i is the action that leads to frame i + 1, the last row is unknown."""

    keyboard: Keyboard  # (T, 6), jump and interact always unknown: a walk on flat ground cannot show them
    mouse: Mouse  # (T, 2)
    confidence: NDArray[np.float32]  # (T,) probability of the keys, given the whole track
    moved: NDArray[np.bool_]  # (T,) the camera changed its place after this row
    step: float  # length of a free step in the track's own unit; 0 if it never moved


def infer_wsad(c2w: Array, config: WsadConfig) -> Wsad:
    """Infer keys and mouse from poses (T, 4, 4); free of scale, of where yaw starts and of where the track lies.

    Raises:
        ValueError: a pose is not finite.
    """
    if not np.isfinite(c2w).all():
        raise ValueError("poses hold values that are not finite; run the pose estimator again or drop the episode")
    count = len(c2w)
    keyboard = np.full((count, len(KEYS)), UNKNOWN_KEY, np.int8)
    mouse = np.full((count, 2), UNKNOWN_MOUSE, np.float32)
    confidence = np.zeros(count, np.float32)
    moved = np.zeros(count, np.bool_)
    step = 0.0
    if count > 1:
        mouse[:-1] = turned_degrees(c2w) / config.degrees_per_mouse_unit
        track = read_movement(c2w, config.steady, config.glide_evidence)
        if track is None:  # at rest
            chosen, confidence[:-1] = np.zeros(count - 1, np.int64), 1.0
        else:
            keys = read_keys(track, config.chain).keys
            chosen, confidence[:-1] = keys.argmax(1), keys.max(1)
            moved[:-1] = track.length > max(config.moved_length, 4 * track.noise)
            step = track.step
        keyboard[:-1, :4] = keys_of(chosen)
        keyboard[:-1, :4][confidence[:-1] < config.least_confidence] = UNKNOWN_KEY
    return Wsad(keyboard=keyboard, mouse=mouse, confidence=confidence, moved=moved, step=step)
