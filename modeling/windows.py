"""Training windows, prepared once for a dataset and an autoencoder: latents, warps, poses and actions.

Encoding and warping cost more than a training step, so training reads them ready-made (one safetensors file a clip,
written atomically, so that a killed preparation goes on).
Legend: T frames, K = (T - 1) / 4 latents after the first, C channels, h w cells, W windows of two new latents.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from infra.geometry import view_overlap
from infra.schema import DatasetClip
from infra.store import Store
from modeling.autoencoder import Autoencoder
from modeling.clips import ClipFrames, read_clips
from modeling.conditioning import FRAMES, Window, WorldConfig, pool_valid, window_rays
from modeling.device import computing, device_of
from modeling.text import encode_prompt
from modeling.train_autoencoder import to_signed
from modeling.warp import Sources, WarpConfig, warp_frames


@dataclass(frozen=True, kw_only=True)
class WindowsConfig:
    """Which windows are prepared."""

    every: int = 2  # latents between the starts of two windows
    warp: WarpConfig = WarpConfig()
    recalled: int = 1  # older frames that may help a warp, beside the last one
    recall_share: float = 0.5  # of the windows that get them
    recall_gap: int = 24  # frames that a recalled one is older, at least


def prepare_windows(
    store: Store,
    clips: Sequence[DatasetClip],
    autoencoder: Autoencoder,
    world: WorldConfig,
    config: WindowsConfig,
    folder: Path,
    report: Callable[[int, int, str], None],
) -> list[Path]:
    """Write one file a clip into ``folder`` and return their paths, in the order of ``clips``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{clip.episode_id}-{clip.start}.safetensors" for clip in clips]
    missing = [clip for clip, path in zip(clips, paths, strict=True) if not path.exists()]
    report(done := len(clips) - len(missing), len(clips), "clips encoded and warped")
    for clip in read_clips(store, missing, with_depth=False):
        path = folder / f"{clip.clip.episode_id}-{clip.clip.start}.safetensors"
        tensors = prepare_clip(clip, autoencoder, world, config)
        save_file(tensors, path.with_suffix(".part"), {"weight": json.dumps(clip.clip.weight)})
        os.replace(path.with_suffix(".part"), path)
        done += 1
        report(done, len(clips), "clips encoded and warped")
    return paths


@torch.no_grad()
def prepare_clip(clip: ClipFrames, autoencoder: Autoencoder, world: WorldConfig, config: WindowsConfig) -> dict[str, Tensor]:
    """All that training needs of one clip; latents in float16, actions and rays as they are."""
    frames, device = len(clip.rgb) - (len(clip.rgb) - 1) % FRAMES, device_of(autoencoder)
    video = to_signed(torch.from_numpy(clip.rgb[:frames]).to(device))  # (3, T, H, W)
    c2w = torch.from_numpy(clip.frames.c2w[:frames]).to(device)
    intrinsics = torch.from_numpy(clip.frames.intrinsics[0]).to(device)
    latents = encode(autoencoder, video[None])[0]  # (C, K + 1, h, w)
    new = world.segments.new_latents
    starts = list(range(0, latents.shape[1] - new, config.every))
    images = video[:, torch.tensor(starts, device=device) * FRAMES].transpose(0, 1)
    tensors = {"latents": latents, "stills": encode(autoencoder, images[:, :, None])}  # (W, C, 1, h, w)
    height, width = clip.rgb.shape[1:3]
    rays = [
        window_rays(c2w[targets], c2w[last], intrinsics, width, height, autoencoder.config.stride)
        for last, targets in _spans(starts, new)
    ]
    if world.warps:
        tensors |= _warp_windows(clip, video, latents, c2w, intrinsics, _spans(starts, new), autoencoder, config)
    half = {name: value.half().cpu().contiguous() for name, value in tensors.items()}
    return half | {
        "rays": torch.stack(rays).half().cpu(),
        "starts": torch.tensor(starts),
        "keyboard": torch.from_numpy(clip.frames.keyboard[:frames].astype(np.float32)),
        "mouse": torch.from_numpy(np.nan_to_num(clip.frames.mouse[:frames])),
        "text": encode_prompt(clip.clip.prompt, world.denoiser.text_tokens).half(),
    }


def _spans(starts: Sequence[int], new: int) -> list[tuple[int, slice]]:
    """The last frame that each window knows, and the frames that it leads to."""
    return [(start * FRAMES, slice(start * FRAMES + 1, (start + new) * FRAMES + 1)) for start in starts]


def _warp_windows(
    clip: ClipFrames,
    video: Tensor,  # (3, T, H, W)
    latents: Tensor,  # (C, K + 1, h, w) of the same
    c2w: Tensor,
    intrinsics: Tensor,
    spans: Sequence[tuple[int, slice]],
    autoencoder: Autoencoder,
    config: WindowsConfig,
) -> dict[str, Tensor]:
    """What the frames that each window may look back at show from where it goes; depth is decoded of those alone."""
    height, width = video.shape[-2:]
    random = np.random.default_rng(int(clip.clip.episode_id[:8], 16) + clip.clip.start)
    chosen = []
    for last, targets in spans:
        recalls = random.random() < config.recall_share
        chosen.append([*(recall(c2w, last, c2w[targets], intrinsics, width, height, config) if recalls else ()), last])
    needed = sorted({frame for frames in chosen for frame in frames})
    depth = dict(zip(needed, depth_of_frames(autoencoder, latents, needed), strict=True))
    warps, valids = [], []
    for (_, targets), frames in zip(spans, chosen, strict=True):
        picked = torch.tensor(frames, device=video.device)
        seen = torch.stack([depth[frame] for frame in frames])
        sources = Sources(rgb=video[:, picked].transpose(0, 1), depth=seen, c2w=c2w[picked])
        warped = warp_frames(sources, c2w[targets], intrinsics, config.warp)
        warps.append(warped.rgb)
        valids.append(pool_valid(warped.valid, autoencoder.config.stride))
    return {"warps": encode_frames(autoencoder, torch.stack(warps).transpose(1, 2)), "valids": torch.stack(valids)}


def depth_of_frames(autoencoder: Autoencoder, latents: Tensor, frames: Sequence[int]) -> Tensor:
    """Metres (S, H, W) of the last frames of latents, ``frames`` being multiples of 4; latents (C, F, h, w) begin a video.

    Where each latent stands alone only those latents are decoded that hold such a frame.
    """
    if not autoencoder.config.stateless:
        return decode_depth(autoencoder, latents)[torch.tensor(frames, device=latents.device)]
    holding = latents[:, torch.tensor([frame // FRAMES for frame in frames], device=latents.device)]
    return to_metres(decode_frames(autoencoder, holding)[3, FRAMES - 1 :: FRAMES])


def encode(autoencoder: Autoencoder, video: Tensor) -> Tensor:
    """Normalised latents (B, C, F, h, w) of video (B, 3, T, H, W), T = 4k + 1."""
    with computing(video.device):
        return autoencoder.encode(video).float()


def encode_frames(autoencoder: Autoencoder, video: Tensor) -> Tensor:
    """Latents (B, C, N, h, w) of 4 N frames (B, 3, 4 N, H, W) that do not start a video.

    An autoencoder with history gets the first of them once more as the frame before; that latent is dropped.
    """
    if not autoencoder.config.stateless:
        return encode(autoencoder, torch.cat([video[:, :, :1], video], 2))[:, :, 1:]
    with computing(video.device):
        return autoencoder.encode(video, goes_on=True).float()


def decode_frames(autoencoder: Autoencoder, latents: Tensor) -> Tensor:
    """Frames (3 or 4, 4 N, H, W) of latents (C, N, h, w) that do not start a video; as in ``encode_frames``."""
    with computing(latents.device):
        if autoencoder.config.stateless:
            return autoencoder.decode(latents[None], goes_on=True)[0].float()
        return autoencoder.decode(torch.cat([latents[None, :, :1], latents[None]], 2))[0, :, 1:].float()


def decode_depth(autoencoder: Autoencoder, latents: Tensor) -> Tensor:
    """Metres (T, H, W) that the autoencoder sees in latents (C, F, h, w)."""
    with computing(latents.device):
        inverse = autoencoder.decode(latents[None])[0, 3].float()
    return to_metres(inverse)


def to_metres(inverse: Tensor) -> Tensor:
    """Depth in metres from the decoder's inverse depth; a kilometre where it sees the sky."""
    return 1 / inverse.clamp(min=1e-3)


def recall(
    c2w: Tensor, last: int, targets: Tensor, intrinsics: Tensor, width: int, height: int, config: WindowsConfig
) -> list[int]:
    """Older frames that see most of where the camera goes, at most ``config.recalled``."""
    candidates = torch.arange(0, max(0, last - config.recall_gap) + 1, FRAMES, device=c2w.device)
    if last < config.recall_gap:
        return []
    overlap = view_overlap(targets[-1:], c2w[candidates], intrinsics, width, height, near=0.5, far=20.0, samples=6)[0]
    best = overlap.argsort(descending=True)[: config.recalled]
    return [int(candidates[i]) for i in best if overlap[i] > 0.2]


class WindowSet:
    """Prepared windows in the memory of ``device``, drawn with the clips' weights."""

    def __init__(self, paths: Sequence[Path], world: WorldConfig, device: torch.device) -> None:
        self.world, self.device = world, device
        self.clips = [_place(load_file(path), device) for path in paths]
        weights = [_weight(path) * len(clip["starts"]) for path, clip in zip(paths, self.clips, strict=True)]
        self.weights = torch.tensor(weights, dtype=torch.float64)

    def draw(self, batch: int, image_share: float, generator: torch.Generator) -> tuple[Window, Tensor]:
        """A batch of windows and the clean latents (B, C, N, h, w) that they should lead to."""
        picks = torch.multinomial(self.weights, batch, replacement=True, generator=generator)
        items = []
        for pick in picks.tolist():
            clip = self.clips[pick]
            index = int(torch.randint(len(clip["starts"]), (), generator=generator))
            image = bool(torch.rand((), generator=generator) < image_share)
            items.append(self.item(clip, index, image))
        return stack_windows([window for window, _ in items]), torch.stack([target for _, target in items])

    def item(self, clip: dict[str, Tensor], index: int, image: bool) -> tuple[Window, Tensor]:
        """Window ``index`` of a clip without a batch axis; ``image`` starts from the one frame before it."""
        start, past, new = int(clip["starts"][index]), self.world.segments.past_latents, self.world.segments.new_latents
        latents = clip["latents"]
        target = latents[:, start + 1 : start + 1 + new].float()
        if image:
            history, count = clip["stills"][index].float(), 1
        else:
            history = latents[:, max(0, start + 1 - past) : start + 1].float()
            count = history.shape[1]
        known = (torch.arange(past, device=self.device) >= past - count).float()
        history = torch.nn.functional.pad(history, (0, 0, 0, 0, past - count, 0))
        rows = slice(start * FRAMES, (start + new) * FRAMES)
        warped = "warps" in clip
        window = Window(
            past=history,
            past_known=known,
            warp=clip["warps"][index].float() if warped else torch.zeros_like(target),
            warp_valid=clip["valids"][index].float() if warped else target.new_zeros(FRAMES, *target.shape[1:]),
            warp_known=target.new_full((), float(warped)),
            rays=clip["rays"][index].float(),
            keyboard=clip["keyboard"][rows],
            mouse=clip["mouse"][rows],
            text=clip["text"].float(),
        )
        return window, target


def stack_windows(windows: Sequence[Window]) -> Window:
    """Give windows without a batch axis one."""
    names = [name for name in Window.__dataclass_fields__ if name != "memory"]
    columns: dict[str, Any] = {name: torch.stack([getattr(window, name) for window in windows]) for name in names}
    return Window(**columns)


def _place(clip: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Move a clip, but for the window starts: they are read one by one as plain numbers, for which a device would wait."""
    return {name: value if name == "starts" else value.to(device) for name, value in clip.items()}


def _weight(path: Path) -> float:
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return float(json.loads(json.loads(file.read(size))["__metadata__"]["weight"]))
