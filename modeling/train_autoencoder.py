"""Train the autoencoder on crops: pictures by absolute and gradient error, inverse depth beside them.

Legend: B batch, T frames, H W pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from infra.schema import DatasetClip
from infra.store import Store
from modeling.autoencoder import TINY_AUTOENCODER, Autoencoder, AutoencoderConfig
from modeling.clips import read_clips
from modeling.conditioning import FRAMES
from modeling.device import computing, device_of
from modeling.loop import OptimiserConfig, Trainer, TrainingLog


@dataclass(frozen=True, kw_only=True)
class AutoencoderTrainingConfig:
    """What the autoencoder is and how it is trained."""

    model: AutoencoderConfig = TINY_AUTOENCODER
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=1e-3)
    crop_width: int = 112  # pixels
    crop_height: int = 96
    batch: int = 9
    frames: int = 8  # a crop; one more is taken where the autoencoder carries history
    still_share: float = 0.15  # crops that begin like a video, with one frame in the first latent
    end_weight: float = 1.5  # of the first and the last frame of a latent, which else come out 2.5 dB worse than the others
    max_frames: int = 24_000  # decoded and held in memory
    latent_noise: float = 0.1  # in latent standard deviations; makes the latents smooth
    gradient_weight: float = 0.5
    depth_weight: float = 0.5


@dataclass(frozen=True, kw_only=True)
class _Bank:
    rgb: list[NDArray[np.uint8]]  # (T, H, W, 3) a clip
    inverse_depth: list[NDArray[np.float16] | None]  # (T, H/2, W/2) in 1/metres, below 0 where unknown


def train_autoencoder(
    store: Store,
    clips: Sequence[DatasetClip],
    config: AutoencoderTrainingConfig,
    model: Autoencoder,
    folder: Path,
    report: Callable[[int, int, str], None],
    out_of_time: Callable[[], bool],
) -> TrainingLog:
    """Train ``model`` in place on crops of ``clips`` and calibrate its latent mean and deviation."""
    bank = _load_bank(store, clips, config, report)
    frames = config.frames if model.config.stateless else config.frames + 1

    def loss_function(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        video, depth = _draw(bank, frames, config, generator, device_of(model))
        return autoencoder_loss(model, video, depth, config, generator)

    model.train()
    trainer = Trainer(model, loss_function, config.optimiser, folder)
    log = trainer.run(report, out_of_time)
    trainer.adopt_average()
    model.eval()
    _calibrate(model, bank)
    return log


def autoencoder_loss(
    model: Autoencoder,
    video: Tensor,  # (B, 3, T, H, W)
    inverse_depth: Tensor | None,  # (B, T, H/2, W/2), below 0 where unknown
    config: AutoencoderTrainingConfig,
    generator: torch.Generator,
) -> tuple[Tensor, dict[str, float]]:
    """Reconstruction loss of noised latents, and its parts."""
    goes_on = model.config.stateless
    with computing(video.device):
        latents = model.encode_raw(video, goes_on=goes_on)
        deviation = latents.float().std((0, 2, 3, 4), keepdim=True)
        noise = torch.randn(latents.shape, generator=generator).to(latents.device)
        output = model.decode_raw(latents + config.latent_noise * deviation.detach() * noise, goes_on=goes_on).float()
    picture, weight = output[:, :3], _frame_weights(video.shape[2], model.config.time_stride, config).to(video.device)
    absolute = ((picture - video).abs() * weight).mean()
    gradient = sum(((picture.diff(dim=d) - video.diff(dim=d)).abs() * weight).mean() for d in (-1, -2))
    # Holds the raw latents near unit scale; without it mean and deviation drift.
    anchor = latents.float().mean((0, 2, 3, 4)).square().mean() + (deviation - 1).square().mean()
    loss = absolute + config.gradient_weight * gradient + 0.01 * anchor
    figures = {"psnr": _psnr(picture, video)}
    if inverse_depth is not None and output.shape[1] > 3:
        full = inverse_depth.repeat_interleave(2, -1).repeat_interleave(2, -2)
        known = full >= 0
        error = (output[:, 3] - full).abs()
        depth_error = (error * known).sum() / known.sum().clamp(min=1)
        loss = loss + config.depth_weight * depth_error
        figures["depth"] = depth_error.item()
    return loss, figures


def _frame_weights(frames: int, pack: int, config: AutoencoderTrainingConfig) -> Tensor:
    """Weights (T, 1, 1) with mean 1 over each latent's frames; a first frame that stands alone counts as it is."""
    if pack < 3:
        return torch.ones(frames, 1, 1)
    inner = (pack - 2 * config.end_weight) / (pack - 2)
    weights = torch.tensor([config.end_weight, *[inner] * (pack - 2), config.end_weight])
    return torch.cat([torch.ones(frames % pack), weights.repeat(frames // pack)]).view(-1, 1, 1)


def _psnr(output: Tensor, truth: Tensor) -> float:
    error = (output.detach().clamp(-1, 1) - truth).square().mean().item() / 4
    return float(-10 * np.log10(max(error, 1e-10)))


def _load_bank(
    store: Store, clips: Sequence[DatasetClip], config: AutoencoderTrainingConfig, report: Callable[[int, int, str], None]
) -> _Bank:
    order = np.random.default_rng(config.optimiser.seed).permutation(len(clips))
    bank, held = _Bank(rgb=[], inverse_depth=[]), 0
    for clip in read_clips(store, [clips[i] for i in order], with_depth=config.model.depth):
        inverse = None
        if clip.depth is not None:
            depth = clip.depth[:, ::2, ::2]
            inverse = (1 / np.maximum(depth, 0.1)).astype(np.float16)  # the sky, infinitely far, gives 0
        bank.rgb.append(clip.rgb)
        bank.inverse_depth.append(inverse)
        held += len(clip.rgb)
        report(held, config.max_frames, "frames decoded")
        if held >= config.max_frames:
            break
    return bank


def _draw(
    bank: _Bank, frames: int, config: AutoencoderTrainingConfig, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Random crops (B, 3, T, h, w) in -1..1 and their inverse depth, mirrored half of the time."""
    videos, depths = [], []
    for _ in range(config.batch):
        clip = _randint(len(bank.rgb), generator)
        rgb, inverse = bank.rgb[clip], bank.inverse_depth[clip]
        start = _randint(len(rgb) - frames + 1, generator)
        top = 2 * _randint((rgb.shape[1] - config.crop_height) // 2 + 1, generator)
        left = 2 * _randint((rgb.shape[2] - config.crop_width) // 2 + 1, generator)
        time, rows = slice(start, start + frames), slice(top, top + config.crop_height)
        crop = torch.from_numpy(rgb[time, rows, left : left + config.crop_width].copy())
        depth = torch.full((frames, config.crop_height // 2, config.crop_width // 2), -1.0)
        if inverse is not None:
            half_rows, half_left = slice(top // 2, (top + config.crop_height) // 2), left // 2
            depth = torch.from_numpy(inverse[time, half_rows, half_left : half_left + config.crop_width // 2]).float()
        if _randint(2, generator):
            crop = crop.flip(2)
            depth = F.pad(depth[..., 1:], (0, 1)).flip(2)  # keeps the sampled pixels under the even columns
        if frames % FRAMES == 0 and torch.rand((), generator=generator) < config.still_share:
            crop[:FRAMES], depth[:FRAMES] = crop[0].clone(), depth[0].clone()
        videos.append(to_signed(crop.to(device)))
        depths.append(depth)
    return torch.stack(videos), torch.stack(depths).to(device) if config.model.depth else None


def to_signed(rgb: Tensor) -> Tensor:
    """uint8 (T, H, W, 3) to float (3, T, H, W) in -1..1."""
    return rgb.permute(3, 0, 1, 2).float() / 127.5 - 1


def to_bytes(video: Tensor) -> Tensor:
    """Float (3, T, H, W) in -1..1 to uint8 (T, H, W, 3); the inverse of ``to_signed`` up to rounding."""
    return ((video.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 3, 0)


def _randint(high: int, generator: torch.Generator) -> int:
    return int(torch.randint(high, (), generator=generator))


@torch.no_grad()
def _calibrate(model: Autoencoder, bank: _Bank) -> None:
    """Set the latent mean and deviation to those of whole frames of up to 64 clips."""
    device = device_of(model)
    sums, squares, count = torch.zeros(1, device=device), torch.zeros(1, device=device), 0
    for rgb in bank.rgb[:64]:
        with computing(device):
            latents = model.encode_raw(to_signed(torch.from_numpy(rgb[:17]).to(device))[None]).float()
        flat = latents.transpose(0, 1).flatten(1).double()
        sums, squares, count = sums + flat.sum(1), squares + flat.square().sum(1), count + flat.shape[1]
    mean = sums / count
    model.latent_mean.copy_(mean)
    model.latent_std.copy_((squares / count - mean**2).sqrt())


@torch.no_grad()
def evaluate_autoencoder(store: Store, clips: Sequence[DatasetClip], model: Autoencoder, limit: int = 8) -> float:
    """Mean PSNR in dB of whole held-out frames through the autoencoder, over at most ``limit`` clips."""
    model.eval()
    device, scores = device_of(model), []
    for clip in read_clips(store, clips[:limit], with_depth=False):
        video = to_signed(torch.from_numpy(clip.rgb[:33]).to(device))
        with computing(device):
            output = model.decode(model.encode(video[None]))[0, :3].float()
        scores.append(_psnr(output, video))
    return float(np.mean(scores))
