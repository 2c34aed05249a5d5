"""Optical flow and image filters: the only door to OpenCV, shared by annotation, curation and evaluation."""

import functools
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (H, W)
Points = NDArray[np.float32]  # (N, 2) u, v in pixels; OpenCV's convention, the centre of the first pixel is 0, 0

_WINDOW: Final = (13, 13)  # pixels, of the neighbourhood that is matched


@functools.cache
def _use_one_thread() -> None:
    """Workers are many; OpenCV's own pool would fight them for the cores."""
    cv2.setNumThreads(1)


def to_grey(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BT.601 luma (..., H, W) of RGB frames (..., H, W, 3)."""
    *rest, width, _ = frames.shape
    grey = cv2.cvtColor(np.ascontiguousarray(frames).reshape(-1, width, 3), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8).reshape(*rest, width)


def dense_flow(before: Grey, after: Grey) -> NDArray[np.float32]:
    """Displacement (H, W, 2) in pixels that carries each pixel of ``before`` to its place in ``after`` (Farneback)."""
    _use_one_thread()
    flow = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 3, 13, 3, 5, 1.1, 0)  # type: ignore[call-overload]
    return np.asarray(flow, np.float32)


def find_corners(grey: Grey, most: int, spacing: float) -> Points:
    """Up to ``most`` well-textured points, at least ``spacing`` pixels apart; none in a flat picture."""
    found = cv2.goodFeaturesToTrack(grey, most, 0.005, spacing, blockSize=5)
    return np.zeros((0, 2), np.float32) if found is None else np.asarray(found, np.float32).reshape(-1, 2)


def track_points(before: Grey, after: Grey, points: Points, tolerance: float) -> tuple[Points, NDArray[np.bool_]]:
    """Follow ``points`` to ``after`` and back again; good (N,) are those that return to within ``tolerance`` pixels."""
    if len(points) == 0:
        return points, np.zeros(0, np.bool_)
    _use_one_thread()
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points[:, None], None, winSize=_WINDOW)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None, winSize=_WINDOW)  # type: ignore[call-overload]
    error = np.linalg.norm(back[:, 0] - points, axis=1)
    good = (found[:, 0] == 1) & (returned[:, 0] == 1) & (error < tolerance)
    return np.asarray(there[:, 0], np.float32), good


def laplacian(grey: Grey) -> NDArray[np.float32]:
    """Second derivative (H, W) of the brightness: strong where a picture is sharp."""
    return np.asarray(cv2.Laplacian(grey, cv2.CV_32F), np.float32)


def shrink(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Area-averaged copy of an RGB or grey frame at WIDTHxHEIGHT."""
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
