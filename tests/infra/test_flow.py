"""Optical flow finds the shift of a shifted picture and stays quiet where there is nothing to see."""

import numpy as np

from infra.flow import dense_flow, find_corners, laplacian, shrink, to_grey, track_points


def blobs(seed: int = 0) -> np.ndarray:
    """A grey picture (96, 160) of soft blobs."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:96, :160]
    picture = np.zeros((96, 160))
    for x, y, size in zip(rng.uniform(0, 160, 90), rng.uniform(0, 96, 90), rng.uniform(2, 6, 90), strict=True):
        picture += np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * size**2)) * rng.uniform(40, 160)
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_points_follow_a_shift_both_ways() -> None:
    before = blobs()
    after = np.roll(before, (1, 3), (0, 1))
    points = find_corners(before, 100, 5)
    there, good = track_points(before, after, points, 0.5)
    assert good.mean() > 0.7
    assert np.allclose(np.median((there - points)[good], 0), (3, 1), atol=0.05)


def test_dense_flow_points_where_things_went() -> None:
    before = blobs()
    flow = dense_flow(before, np.roll(before, 2, 1))
    assert flow.shape == (96, 160, 2)
    assert abs(np.median(flow[20:-20, 20:-20, 0]) - 2) < 0.3


def test_a_flat_picture_has_no_corners_and_no_edges() -> None:
    flat = np.full((40, 60), 90, np.uint8)
    points = find_corners(flat, 50, 4)
    assert len(points) == 0
    assert len(track_points(flat, flat, points, 0.5)[1]) == 0
    assert not laplacian(flat).any()


def test_grey_keeps_white_white_and_shrink_keeps_the_mean() -> None:
    white = np.full((2, 8, 8, 3), 255, np.uint8)
    assert (to_grey(white) == 255).all()
    picture = blobs()
    assert abs(float(shrink(picture, 40, 24).mean()) - float(picture.mean())) < 1
