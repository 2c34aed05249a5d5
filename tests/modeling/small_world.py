"""A walk before a wall, and the smallest world model that has every part."""

import dataclasses
import hashlib

import numpy as np

from infra.dynamics import DynamicsConfig, camera_to_world, integrate
from infra.episodes import Recording
from infra.schema import TINY_SEGMENTS, Episode, Frames
from modeling.autoencoder import TINY_AUTOENCODER
from modeling.conditioning import WorldConfig, extra_channels, tiny_denoiser

WIDTH, HEIGHT, FRAMES = 48, 32, 33

SMALL_AUTOENCODER = dataclasses.replace(TINY_AUTOENCODER, encoder_width=16, decoder_width=16, latent_channels=4)
SMALL_WORLD = WorldConfig(
    denoiser=dataclasses.replace(
        tiny_denoiser(4), width=64, ffn_width=64, layers=2, text_tokens=8, extra_channels=extra_channels(4, 4)
    ),
    segments=TINY_SEGMENTS,
    past="channels",
    memory="geometric",
    prediction="residual",
    shift=2.0,
)


def record_walk(seed: int) -> Recording:
    """A camera that walks and turns before a textured wall 4 m away."""
    random = np.random.default_rng(seed)
    keyboard = np.zeros((FRAMES, 6), np.int8)
    keyboard[:, 3] = 1
    mouse = np.zeros((FRAMES, 2), np.float32)
    mouse[: FRAMES // 2, 1] = 0.1
    start = camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(0.0), np.array(0.0))
    c2w = np.concatenate([start[None], integrate(start, keyboard, mouse, DynamicsConfig())[:-1]])
    texture = random.integers(0, 255, (8, 64, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    rgb = np.stack([np.roll(texture, -i, 1)[:HEIGHT, :WIDTH] for i in range(FRAMES)])
    frames = Frames(
        tick=np.arange(FRAMES),
        time=np.arange(FRAMES) * 62_500_000,
        c2w=c2w,
        intrinsics=np.tile([30.0, 30.0, WIDTH / 2, HEIGHT / 2], (FRAMES, 1)),
        raw_pose=np.zeros((FRAMES, 5)),
        keyboard=keyboard,
        mouse=mouse,
        collided=np.zeros(FRAMES, bool),
        rgb_sha256=[hashlib.sha256(frame.tobytes()).hexdigest() for frame in rgb],
    )
    episode = Episode(
        episode_id=f"{seed:064x}",
        source="embedded",
        scene_id=f"wall-{seed}",
        family="park",
        character_id="",
        weather="clear",
        perspective="first",
        walk="explore",
        seed=seed,
        frames=0,
        width=WIDTH,
        height=HEIGHT,
        fps=16.0,
        sync="exact",
        sync_lag_frames=0.0,
        depth_kind="exact",
        scale_known=True,
        action_quality="recorded",
        renderer="egl",
        revisit_share=0.0,
        licence="Apache-2.0",
        redistributable=True,
        commercial_ok=True,
        source_url="",
        split="train",
        frames_object="",
        video_object="",
        depth_object="",
        scene_object="",
    )
    depth = np.full((FRAMES, HEIGHT, WIDTH), 4.0, np.float32)
    return Recording(episode=episode, frames=frames, rgb=rgb, depth=depth, scene={"family": "park"})
