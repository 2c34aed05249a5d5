"""Does the picture decay? The fall of quality over a long walk, by its worst stretch and not by its end."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def window_means(quality: Array, windows: int) -> Array:
    """Means of ``windows`` equal stretches of a per-frame quality (T,), (windows,).

    Raises:
        ValueError: there are fewer frames than windows.
    """
    if len(quality) < windows:
        raise ValueError(f"{len(quality)} frames are too few for {windows} windows")
    return np.array([part.mean() for part in np.array_split(quality, windows)])


def drift(quality: Array, windows: int = 10) -> float:
    """(best - worst) / best of the window means: 0 keeps its quality; start against end would miss a collapse halfway."""
    means = window_means(quality, windows)
    return float((means.max() - means.min()) / means.max())


def worst_window(quality: Array, windows: int = 10) -> tuple[int, int, float]:
    """First and last + 1 frame of the worst stretch, and its mean quality."""
    means = window_means(quality, windows)
    worst = int(means.argmin())
    frames = np.array_split(np.arange(len(quality)), windows)[worst]
    return int(frames[0]), int(frames[-1]) + 1, float(means[worst])
