"""Does the model do what the keys say? Renders of one start under eight actions tell true actions from opposite ones."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.evaluate.metrics import mean_square_error

OPPOSITE: Final = {
    "key_W": "key_S",
    "key_S": "key_W",
    "key_A": "key_D",
    "key_D": "key_A",
    "key_L": "key_R",
    "key_R": "key_L",
    "key_WL": "key_WR",
    "key_WR": "key_WL",
}
SAME_PICTURE: Final = 1.0  # squared grey levels; truths nearer than this (both walks blocked) tell nothing

Pictures = Mapping[str, NDArray[np.uint8]]  # walk to one frame (H, W, 3)


def action_response(generated: Pictures, truth: Pictures) -> dict[str, float]:
    """For each walk: 1 if its frame is nearer to the true action's render than to the opposite's, 0 if not, 0.5 if tied.

    Walks whose two renders look the same are left out. A model that ignores actions makes one hit and one miss of each
    pair, so it scores exactly 0.5 on the mean.
    """
    scores = {}
    for walk, frame in generated.items():
        opposite = OPPOSITE[walk]
        if opposite not in truth or mean_square_error(truth[walk], truth[opposite]) < SAME_PICTURE:
            continue
        right = float(mean_square_error(frame, truth[walk]))
        wrong = float(mean_square_error(frame, truth[opposite]))
        scores[walk] = 0.5 if right == wrong else float(right < wrong)
    return scores


def action_choice(generated: Pictures, truth: Pictures) -> dict[str, float]:
    """For each walk: 1 if the nearest of all renders is the true action's, shared among ties; chance is 1 / len(truth)."""
    scores = {}
    for walk, frame in generated.items():
        errors = {name: float(mean_square_error(frame, picture)) for name, picture in truth.items()}
        best = [name for name, error in errors.items() if error == min(errors.values())]
        scores[walk] = 1 / len(best) if walk in best else 0.0
    return scores
