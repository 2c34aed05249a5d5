"""Camera motion from pixels alone: right on a small ray-cast world whose poses are known, silent where nothing is seen."""

import numpy as np
import pytest

from annotation.rotation import MotionConfig, classify_direction, classify_motion, estimate_rotation
from annotation.wsad_track import axes_of, turned_degrees
from infra.directions import DIRECTIONS
from infra.dynamics import DynamicsConfig, camera_to_world, integrate
from infra.schema import idle_actions, parse_action

WIDTH, HEIGHT = 160, 96
INTRINSICS = np.array([110.0, 110.0, WIDTH / 2, HEIGHT / 2])
CONFIG = MotionConfig()


def smooth_noise(seed: int) -> np.ndarray:
    """A 256 x 256 tile without seams."""
    rng = np.random.default_rng(seed)
    waves = np.fft.fft2(rng.normal(size=(256, 256)))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    tile = np.fft.ifft2(waves * np.exp(-((frequency / 0.06) ** 2))).real
    return np.clip(128 + 60 * tile / tile.std(), 0, 255)


def render(c2w: np.ndarray) -> np.ndarray:
    """Frames (T, H, W, 3): patterned ground 1.6 m below the eye, a patterned wall all round, 20 m away."""
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    rays = np.stack([(u - INTRINSICS[2]) / INTRINSICS[0], (v - INTRINSICS[3]) / INTRINSICS[1], np.ones_like(u)], -1)
    ground, wall = smooth_noise(0), smooth_noise(1)
    frames = []
    for pose in c2w:
        x, y, z = np.moveaxis(rays @ pose[:3, :3].T, -1, 0)
        px, py, pz = pose[:3, 3]
        reach = np.where(y > 1e-6, -py / np.maximum(y, 1e-6), 1e9)
        far = 20 / np.hypot(x, z)
        on_ground = sample(ground, (px + x * reach) * 20, (pz + z * reach) * 20)
        on_wall = sample(wall, np.degrees(np.arctan2(x * far + px, z * far + pz)) * 2.5, (py + y * far) * 8)
        frames.append(np.where(reach < far, on_ground, on_wall))
    return np.repeat(np.clip(np.stack(frames), 0, 255).astype(np.uint8)[..., None], 3, -1)


def sample(tile: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Bilinear look-up that wraps round."""
    x, y = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    fx, fy = u - x, v - y
    top = tile[y % 256, x % 256] * (1 - fx) + tile[y % 256, (x + 1) % 256] * fx
    low = tile[(y + 1) % 256, x % 256] * (1 - fx) + tile[(y + 1) % 256, (x + 1) % 256] * fx
    return np.asarray(top * (1 - fy) + low * fy)


def hold(action: str, frames: int = 8, pitch: float = 0.0) -> np.ndarray:
    keyboard, mouse = idle_actions(frames)
    keyboard[:], mouse[:] = parse_action(action)
    start = camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(pitch), np.array(20.0))
    return np.concatenate([start[None], integrate(start, keyboard, mouse, DynamicsConfig())])


@pytest.mark.parametrize("action", ["L", "R", "U", "N", "W+R", "S+L", "A+R", "none"])
def test_turns_are_measured_in_degrees_with_the_right_sign(action: str) -> None:
    c2w = hold(action)
    found = estimate_rotation(render(c2w), INTRINSICS, CONFIG)
    assert np.abs(found - turned_degrees(c2w)).max() < 0.15


@pytest.mark.parametrize(
    ("action", "name"), [("W", "forward"), ("S", "back"), ("A", "left"), ("D", "right"), ("W+D", "forward right")]
)
def test_walks_are_told_apart_by_their_parallax(action: str, name: str) -> None:
    c2w = hold(action)
    motion = classify_motion(render(c2w), INTRINSICS, CONFIG)
    assert [DIRECTIONS[k] for k in motion.direction] == [name] * len(motion.direction)
    walked = np.einsum("tij,tj->ti", axes_of(c2w), np.diff(c2w[:, [0, 2], 3], axis=0))
    assert np.abs(motion.walked - walked).max() < 0.05


def test_a_frame_in_which_nothing_can_be_tracked_has_no_estimate() -> None:
    motion = classify_motion(np.full((3, HEIGHT, WIDTH, 3), 90, np.uint8), INTRINSICS, CONFIG)
    assert np.isnan(motion.turned).all() and (motion.direction == -1).all() and (motion.points == 0).all()


def test_known_depth_replaces_the_guess() -> None:
    c2w = hold("W+R")
    depth = np.full((len(c2w), HEIGHT, WIDTH), np.inf, np.float32)
    motion = classify_motion(render(c2w), INTRINSICS, CONFIG, depth)
    assert np.abs(motion.turned[:, 1] - 1.5).max() < 0.3  # everything far away: no parallax is explained, yaw still is


def test_short_drifts_are_no_walk() -> None:
    walked = np.array([[0.0, 0.01], [0.0, 0.12], [-0.12, 0.0], [np.nan, np.nan]])
    assert classify_direction(walked, CONFIG).tolist() == [0, 1, 7, -1]
