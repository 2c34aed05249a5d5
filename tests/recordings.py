"""Small recordings made without a renderer: a patterned panorama that pans as the walker turns, and exact poses."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from infra.dynamics import DynamicsConfig, camera_to_world, integrate, pitch_and_yaw
from infra.episodes import Recording
from infra.schema import Episode, Frames, idle_actions, parse_action

WIDTH, HEIGHT = 96, 64

SCENE: dict[str, Any] = {
    "family": "park",
    "indoor": False,
    "weather": "clear",
    "time_of_day": "evening",
    "objects": [
        {"name": "red pillar", "kind": "pillar", "position": [0.0, 0.0, 6.0], "size": [1.0, 3.0, 1.0], "yaw": 0.0},
        {"name": "blue hut", "kind": "hut", "position": [0.0, 0.0, -6.0], "size": [3.0, 3.0, 3.0], "yaw": 30.0},
    ],
    "characters": [],
}


def panorama(seed: int) -> NDArray[np.uint8]:
    """A colourful strip (HEIGHT, 720, 3) without a seam: two columns a degree."""
    rng = np.random.default_rng(seed)
    waves = np.fft.fft2(rng.normal(size=(HEIGHT, 720, 3)), axes=(0, 1))
    down, across = np.fft.fftfreq(HEIGHT)[:, None, None], np.fft.fftfreq(720)[None, :, None]
    strip = np.fft.ifft2(waves * np.exp(-(down**2 + across**2) / 0.09**2), axes=(0, 1)).real
    return np.clip(120 + 55 * strip / strip.std(), 0, 255).astype(np.uint8)


def make_recording(
    seed: int = 0,
    *,
    frames: int = 70,
    actions: str = "W+R",
    scene_id: str = "park-0",
    split: Literal["train", "val", "test"] = "train",
    walk: str = "explore",
    source: str = "embedded",
    renderer: str = "egl",
    depth_metres: float | None = 9.0,
) -> Recording:
    """A walk that repeats ``actions`` (as in ``parse_action``), in pictures of 96x64."""
    keyboard, mouse = idle_actions(frames)
    keyboard[:], mouse[:] = parse_action(actions)
    start = camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(0.0), np.array(0.0))
    c2w = np.concatenate([start[None], integrate(start, keyboard[:-1], mouse[:-1], DynamicsConfig())])
    strip = panorama(seed)
    columns = np.round(pitch_and_yaw(c2w)[1] * 2).astype(int)[:, None] + np.arange(WIDTH)
    rgb = np.stack([strip[:, column % 720] for column in columns])
    depth = None if depth_metres is None else np.full((frames, HEIGHT, WIDTH), depth_metres, np.float32)
    rows = Frames(
        tick=np.arange(frames),
        time=np.arange(frames) * 62_500_000,
        c2w=c2w,
        intrinsics=np.tile([60.0, 60.0, WIDTH / 2, HEIGHT / 2], (frames, 1)),
        raw_pose=np.zeros((frames, 1)),
        keyboard=keyboard,
        mouse=mouse,
        collided=np.zeros(frames, np.bool_),
        rgb_sha256=[hashlib.sha256(picture.tobytes()).hexdigest() for picture in rgb],
    )
    name = f"{seed}/{frames}/{actions}/{scene_id}/{split}/{walk}/{source}/{renderer}/{depth_metres}"
    episode = Episode(
        episode_id=hashlib.sha256(name.encode()).hexdigest(),
        source=source,
        scene_id=scene_id,
        family="park",
        character_id="",
        weather="clear",
        perspective="first",
        walk=walk,
        seed=seed,
        frames=frames,
        width=WIDTH,
        height=HEIGHT,
        fps=16.0,
        sync="exact",
        sync_lag_frames=0.0,
        depth_kind="none" if depth is None else "exact",
        scale_known=True,
        action_quality="recorded",
        renderer=renderer,
        revisit_share=0.0,
        licence="CC0-1.0",
        redistributable=True,
        commercial_ok=True,
        source_url="",
        split=split,
        frames_object="",
        video_object="",
        depth_object="",
        scene_object="",
    )
    return Recording(episode=episode, frames=rows, rgb=rgb, depth=depth, scene=SCENE)


def with_pictures(recording: Recording, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Recording:
    """The same recording with other pictures, named by their own hashes."""
    rgb = np.ascontiguousarray(change(recording.rgb), np.uint8)
    hashes = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in rgb]
    return dataclasses.replace(recording, rgb=rgb, frames=dataclasses.replace(recording.frames, rgb_sha256=hashes))
