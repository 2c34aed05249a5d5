"""Generation, segment by segment: what the player sees and what the evaluation measures.

A segment asks the denoiser for N new latents given past latents, commanded poses and, with geometric memory, earlier
frames warped to those poses. Where a warp is valid its pixels are shown; the network fills the rest.
Legend: F new frames of the segment, H W pixels, h w latent cells.
"""

import time
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from infra.dynamics import DynamicsConfig, camera_to_world, integrate
from infra.geometry import view_overlap
from infra.schema import Keyboard, Mouse
from modeling.conditioning import FRAMES, Window, pool_valid, predict_clean, window_rays
from modeling.device import computing
from modeling.finite import require_finite
from modeling.sampler import noise_levels, sample
from modeling.train_autoencoder import to_bytes, to_signed
from modeling.warp import Sources, WarpConfig, Warped, warp_frames
from modeling.windows import decode_depth, decode_frames, encode, encode_frames, to_metres
from modeling.world_model import WorldModel

Image = NDArray[np.uint8]  # (H, W, 3)


@dataclass(frozen=True, kw_only=True)
class RolloutOptions:
    """What generation may use; the defaults are how the model plays."""

    memory: Literal["off", "own", "wrong_scene"] = "own"
    geometry: bool = True  # warped frames as input and in the picture
    network: bool = True  # without it the warp alone is shown: a baseline
    steps: int = 0  # sampling steps; 0 takes the model's own
    recalled: int = 2  # older frames beside the last one
    recall_gap: int = 16  # frames that a recalled one is older, at least
    bank: int = 64  # key frames remembered; the first always stays
    warp: WarpConfig = WarpConfig()


@dataclass(frozen=True, kw_only=True)
class KeyFrame:
    """A frame that memory may recall."""

    frame: int
    rgb: Tensor  # (3, H, W) in -1..1
    depth: Tensor  # (H, W) metres
    c2w: Tensor  # (4, 4) float64


@dataclass(frozen=True, kw_only=True)
class RolloutState:
    """Where generation stands; a new one is made by each segment, the old one stays valid."""

    options: RolloutOptions
    seed: int
    frame: int  # number of the last frame
    segment: int  # number of the next segment
    past: Tensor  # (C, P, h, w)
    past_known: Tensor  # (P,)
    c2w: Tensor  # (4, 4) of the last frame
    intrinsics: Tensor  # (4,)
    text: Tensor  # (K, W)
    keys: tuple[KeyFrame, ...]  # the last entry is the last frame
    foreign: tuple[KeyFrame, ...] = ()  # key frames of another scene, for the control wrong_scene


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What one segment brought."""

    frames: NDArray[np.uint8]  # (F, H, W, 3)
    c2w: NDArray[np.float64]  # (F, 4, 4) commanded poses
    memory_frames: tuple[int, ...]  # frame numbers that memory recalled
    timings: dict[str, float] = field(default_factory=dict)  # seconds by step


@torch.no_grad()
def start_rollout(
    model: WorldModel,
    image: Image,
    prompt: str,
    *,
    seed: int,
    c2w: NDArray[np.float64] | None = None,
    intrinsics: NDArray[np.float64] | None = None,
    depth: NDArray[np.float32] | None = None,
    options: RolloutOptions = RolloutOptions(),
    wrong_scene: RolloutState | None = None,
) -> RolloutState:
    """Begin at ``image``. Pose and intrinsics default to level at eye height and 80 degrees of view.

    Raises:
        ValueError: the image has another size than the model's, or ``wrong_scene`` memory has no other scene.
    """
    if image.shape != (model.height, model.width, 3) or image.dtype != np.uint8:
        found = f"{image.dtype} of shape {image.shape}"
        raise ValueError(f"start image is {found}; the model needs uint8 RGB of {model.width}x{model.height}, resize it")
    if options.memory == "wrong_scene" and wrong_scene is None:
        raise ValueError("memory 'wrong_scene' needs a rollout of another scene; pass wrong_scene")
    device = model.device
    pose = torch.as_tensor(camera_to_world(np.zeros(3), np.zeros(()), np.zeros(())) if c2w is None else c2w)
    lens = torch.as_tensor(model.default_intrinsics() if intrinsics is None else intrinsics)
    rgb = to_signed(torch.from_numpy(image.copy())[None]).to(device)  # (3, 1, H, W)
    latent = encode(model.autoencoder, rgb[None])[0]  # (C, 1, h, w)
    metres = torch.as_tensor(depth).to(device) if depth is not None else decode_depth(model.autoencoder, latent)[-1]
    past = model.world.segments.past_latents
    return RolloutState(
        options=options,
        seed=seed,
        frame=0,
        segment=0,
        past=F.pad(latent, (0, 0, 0, 0, past - 1, 0)),
        past_known=torch.cat([torch.zeros(past - 1), torch.ones(1)]).to(device),
        c2w=pose.double().to(device),
        intrinsics=lens.double().to(device),
        text=model.encode_prompt(prompt),
        keys=(KeyFrame(frame=0, rgb=rgb[:, 0], depth=metres, c2w=pose.double().to(device)),),
        foreign=wrong_scene.keys if wrong_scene is not None else (),
    )


@torch.no_grad()
def rollout_segment(model: WorldModel, state: RolloutState, keyboard: Keyboard, mouse: Mouse) -> tuple[Segment, RolloutState]:
    """Generate the frames that the actions lead to: keyboard (F, 6) and mouse (F, 2), F = the model's new frames.

    Raises:
        ValueError: another number of action rows, or a value that is not finite.
        NotFiniteError: the model made NaN or infinity.
    """
    expected = model.world.segments.new_frames
    if keyboard.shape != (expected, 6) or mouse.shape != (expected, 2) or not np.isfinite(mouse).all():
        raise ValueError(f"actions are {keyboard.shape} and {mouse.shape}; give finite ({expected}, 6) and ({expected}, 2)")
    clock = _Clock()
    poses = torch.from_numpy(integrate(state.c2w.cpu().numpy(), keyboard, mouse, DynamicsConfig())).to(model.device)
    recalled = _recall(model, state, poses)
    warped = _warp(model, state, poses, recalled) if state.options.geometry else None
    clock.lap("warp")
    window = _window(model, state, poses, keyboard, mouse, warped)
    clock.lap("condition")
    made = _generate(model, state, window, warped, clock)
    require_finite(made.latents, f"the latents of segment {state.segment}")
    require_finite(made.frames, f"the frames of segment {state.segment}")
    segment = Segment(
        frames=to_bytes(made.frames).cpu().numpy(),
        c2w=poses.cpu().numpy(),
        memory_frames=tuple(key.frame for key in recalled),
        timings=clock.laps,
    )
    return segment, _remember(state, made, poses)


def _recall(model: WorldModel, state: RolloutState, poses: Tensor) -> list[KeyFrame]:
    """Key frames that see most of the segment's last view; with ``wrong_scene`` their pictures are another scene's."""
    options = state.options
    old = [key for key in state.keys if key.frame <= state.frame - options.recall_gap]
    if options.memory == "off" or not old or not options.geometry:
        return []
    candidates = torch.stack([key.c2w for key in old])
    views = poses[[len(poses) // 2 - 1, -1]]
    overlap = view_overlap(views, candidates, state.intrinsics, model.width, model.height, near=0.5, far=20.0, samples=6)
    best = overlap.mean(0).argsort(descending=True)[: options.recalled]
    chosen = [old[i] for i in best.tolist() if overlap[:, i].mean() > 0.2]
    if options.memory == "wrong_scene":
        return [replace(key, rgb=state.foreign[i % len(state.foreign)].rgb) for i, key in enumerate(chosen)]
    return chosen


def _warp(model: WorldModel, state: RolloutState, poses: Tensor, recalled: list[KeyFrame]) -> Warped:
    keys = [*sorted(recalled, key=lambda key: key.frame), state.keys[-1]]
    sources = Sources(
        rgb=torch.stack([key.rgb for key in keys]),
        depth=torch.stack([key.depth for key in keys]),
        c2w=torch.stack([key.c2w for key in keys]),
    )
    return warp_frames(sources, poses, state.intrinsics, state.options.warp)


def _window(
    model: WorldModel, state: RolloutState, poses: Tensor, keyboard: Keyboard, mouse: Mouse, warped: Warped | None
) -> Window:
    segments, stride = model.world.segments, model.autoencoder.config.stride
    cells = model.height // stride, model.width // stride
    channels, new, device = model.world.denoiser.latent_channels, segments.new_latents, model.device
    if warped is None:
        warp = torch.zeros(1, channels, new, *cells, device=device)
        valid = torch.zeros(1, FRAMES, new, *cells, device=device)
    else:
        warp = encode_frames(model.autoencoder, warped.rgb.transpose(0, 1)[None])
        valid = pool_valid(warped.valid, stride)[None]
    rays = window_rays(poses, state.c2w, state.intrinsics, model.width, model.height, stride)
    return Window(
        past=state.past[None],
        past_known=state.past_known[None],
        warp=warp,
        warp_valid=valid,
        warp_known=torch.full((1,), float(warped is not None), device=device),
        rays=rays[None],
        keyboard=torch.from_numpy(np.asarray(keyboard, np.float32))[None].to(device),
        mouse=torch.from_numpy(np.asarray(mouse, np.float32))[None].to(device),
        text=state.text[None],
    )


def _generate(model: WorldModel, state: RolloutState, window: Window, warped: Warped | None, clock: "_Clock") -> "_Generated":
    if not state.options.network:
        if warped is None:
            raise ValueError("without the network there must be geometry; set geometry or network")
        return _show_warp(model, warped.rgb.transpose(0, 1), clock)
    generator = torch.Generator().manual_seed(state.seed * 1_000_003 + state.segment)
    noise = torch.randn(window.warp.shape, generator=generator).to(model.device)
    levels = noise_levels(state.options.steps or model.steps, model.world.shift)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        with computing(model.device):
            return predict_clean(model.denoiser, model.world, x, t, window).float()

    latents = sample(predict, noise, levels)
    clock.lap("denoise")
    decoded = decode_frames(model.autoencoder, latents[0])
    clock.lap("decode")
    frames = decoded[:3]
    if warped is not None:
        share = trust(warped.valid).transpose(0, 1)
        frames = (share * warped.rgb.transpose(0, 1) + (1 - share) * frames).clamp(-1, 1)
    # Past and depth are the network's own, also where warped pixels are shown: encoding and decoding the picture once more
    # takes half of a segment's time and scores the same (PSNR within 0.15 dB up to frame 95).
    return _Generated(frames=frames, latents=latents[0], depth=to_metres(decoded[3, -1]))


def _show_warp(model: WorldModel, frames: Tensor, clock: "_Clock") -> "_Generated":
    """The baseline without the network: the warp as it is, and what the autoencoder sees in it."""
    frames = frames.clamp(-1, 1)
    latents = encode_frames(model.autoencoder, frames[None])[0]
    depth = decode_depth(model.autoencoder, latents[:, -1:])[-1]
    clock.lap("decode")
    return _Generated(frames=frames, latents=latents, depth=depth)


def trust(valid: Tensor) -> Tensor:
    """Share of warped pixels in the picture, from their validity (T, 1, H, W): 1 where valid, falling into large holes.

    What was filled in from around is sharper than the network in cracks and along edges; deep in a hole it is a smear.
    """
    rows = F.avg_pool2d(F.pad(valid, (8, 8, 0, 0), mode="replicate"), (1, 17), 1)
    around = F.avg_pool2d(F.pad(rows, (0, 0, 8, 8), mode="replicate"), (17, 1), 1)  # one way, then the other: less work
    return torch.maximum(valid, ((around - 0.2) / 0.5).clamp(0, 1))


def _remember(state: RolloutState, made: "_Generated", poses: Tensor) -> RolloutState:
    new = made.latents.shape[1]
    last = state.frame + made.frames.shape[1]
    key = KeyFrame(frame=last, rgb=made.frames[:, -1], depth=made.depth, c2w=poses[-1])
    keys = (*state.keys, key)
    if len(keys) > state.options.bank:
        keys = (keys[0], *keys[2:])
    return replace(
        state,
        frame=last,
        segment=state.segment + 1,
        past=torch.cat([state.past, made.latents], 1)[:, new:],
        past_known=torch.cat([state.past_known, torch.ones(new, device=made.latents.device)])[new:],
        c2w=poses[-1],
        keys=keys,
    )


@dataclass(frozen=True)
class _Generated:
    frames: Tensor  # (3, F, H, W) in -1..1
    latents: Tensor  # (C, N, h, w)
    depth: Tensor  # (H, W) metres of the last frame


class _Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
