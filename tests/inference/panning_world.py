"""A stand-in for the world model: pans over the start image as the camera turns, and answers in milliseconds."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.frame_ring import RingShape
from infra.dynamics import DynamicsConfig, camera_to_world, integrate, pitch_and_yaw
from infra.pictures import Picture
from infra.schema import Keyboard, Mouse

WIDTH, HEIGHT, FRAMES, FPS = 48, 32, 8, 64.0  # eight frames take an eighth of a second


@dataclass(frozen=True, kw_only=True)
class Panned:
    """As ``modeling.rollout.Segment``."""

    frames: np.ndarray
    c2w: np.ndarray
    memory_frames: tuple[int, ...]
    timings: dict[str, float]


class PanningSession:
    """One pixel a degree; the seed shifts the picture, the prompt may ask for trouble."""

    def reset(self, image: Picture, prompt: str, seed: int) -> None:
        if prompt == "refuse":
            raise ValueError("this prompt\nis refused")
        time.sleep(0.1 if prompt == "slow" else 0.0)
        self.image, self.prompt = np.roll(image, seed, 1), prompt
        self.c2w, self.frame = camera_to_world(np.zeros(3), np.zeros(()), np.zeros(())), 0

    def step(self, actions: tuple[Keyboard, Mouse]) -> Panned:
        time.sleep({"hang": 600.0, "slow": 0.5}.get(self.prompt, 0.0))
        poses = integrate(self.c2w, *actions, DynamicsConfig())
        self.c2w, self.frame = poses[-1], self.frame + len(poses)
        _, yaw = pitch_and_yaw(poses)
        frames = np.stack([np.roll(self.image, -round(float(turned)), 1) for turned in yaw])
        return Panned(frames=frames, c2w=poses, memory_frames=(0,), timings={"pan": 0.0})


def load_panning() -> Any:
    """What a generator runs in its process."""
    return PanningSession


def load_nothing() -> Any:
    """A model that cannot be loaded."""
    raise FileNotFoundError("weights are gone")


def start_image(number: int) -> Picture:
    """Smooth blobs of colour, other ones for each number."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)


def panning_shape(seats: int = 2) -> RingShape:
    """Room for this world's segments."""
    return RingShape(seats=seats, frames=FRAMES, height=HEIGHT, width=WIDTH)
