"""Test walks over a flat patterned world: turning pans the picture, walking ahead scrolls it down, sideways pans slowly."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from inference.evaluate.actions import OPPOSITE
from inference.evaluate.cases import BRANCHES, Case
from inference.evaluate.rollouts import Playback
from infra.dynamics import DynamicsConfig, camera_to_world, integrate, pitch_and_yaw
from infra.episodes import Recording
from infra.schema import idle_actions, parse_action
from tests.recordings import HEIGHT, WIDTH, make_recording, with_pictures

SIZE = 256  # pixels of the pattern, which repeats
BRANCH_FRAMES, OUT_FRAMES = 17, 16
LONG = {
    "out_and_back": (("W", OUT_FRAMES), ("S", OUT_FRAMES)),
    "turn_and_back": (("R", OUT_FRAMES), ("L", OUT_FRAMES)),
    "spin": (("R", 24),),
    "idle": (("none", 16),),
}
HOLDS = LONG | {walk: (("+".join(walk.removeprefix("key_")), BRANCH_FRAMES - 1),) for walk in BRANCHES}


@functools.cache
def pattern(scene: int) -> NDArray[np.uint8]:
    """Smooth coloured noise (SIZE, SIZE, 3) without seams."""
    rng = np.random.default_rng(scene)
    waves = np.fft.fft2(rng.normal(size=(SIZE, SIZE, 3)), axes=(0, 1))
    down, across = np.fft.fftfreq(SIZE)[:, None, None], np.fft.fftfreq(SIZE)[None, :, None]
    field = np.fft.ifft2(waves * np.exp(-(down**2 + across**2) / 0.05**2), axes=(0, 1)).real
    return np.clip(120 + 55 * field / field.std(), 0, 255).astype(np.uint8)


def render(scene: int, c2w: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pictures (T, HEIGHT, WIDTH, 3) from poses (T, 4, 4)."""
    texture = pattern(scene)
    across = np.round(pitch_and_yaw(c2w)[1] * 2 + c2w[:, 0, 3] * 10).astype(int)
    down = np.round(-c2w[:, 2, 3] * 10).astype(int)
    rows, columns = np.arange(HEIGHT), np.arange(WIDTH)
    return np.stack([texture[(rows + y)[:, None] % SIZE, (columns + x) % SIZE] for x, y in zip(across, down, strict=True)])


def record(scene: int, walk: str, split: str = "test") -> Recording:
    """One walk from the scene's only start."""
    parts = HOLDS.get(walk, (("W+R", 20), ("A", 12)))
    rows = [parse_action(text) for text, frames in parts for _ in range(frames)] + [parse_action("none")]
    keyboard, mouse = idle_actions(len(rows))
    keyboard[:], mouse[:] = np.array([k for k, _ in rows]), np.array([m for _, m in rows])
    start = camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(0.0), np.array(0.0))
    c2w = np.concatenate([start[None], integrate(start, keyboard[:-1], mouse[:-1], DynamicsConfig())])
    blank = make_recording(seed=0, frames=len(rows), scene_id=f"park-{scene}", split=split, walk=walk)  # type: ignore[arg-type]
    shown = with_pictures(blank, lambda _: render(scene, c2w))
    return dataclasses.replace(shown, frames=dataclasses.replace(shown.frames, c2w=c2w, keyboard=keyboard, mouse=mouse))


def make_case(scene: int, walk: str) -> Case:
    """The same walk, ready to be played."""
    recording = record(scene, walk)
    return Case(
        scene_id=recording.episode.scene_id,
        seed=0,
        walk=walk,
        prompt="A patterned plain.",
        frames=recording.rgb,
        keyboard=recording.frames.keyboard,
        mouse=recording.frames.mouse,
        c2w=recording.frames.c2w,
        intrinsics=recording.frames.intrinsics[0],
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replay:
    """Knows the recordings by heart and plays the one that ``wanted`` names for a walk."""

    mirrored: bool = False

    def play(self, case: Case, count: int, seed: int) -> Playback:
        scene = int(case.scene_id.removeprefix("park-"))
        walk = OPPOSITE[case.walk] if self.mirrored else case.walk
        return Playback(frames=record(scene, walk).rgb[: count + 1])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise:
    """Shows other noise for each walk."""

    def play(self, case: Case, count: int, seed: int) -> Playback:
        rng = np.random.default_rng([seed, *case.name.encode()])
        frames = rng.integers(0, 256, (count + 1, *case.frames.shape[1:]), np.uint8)
        return Playback(frames=frames)
