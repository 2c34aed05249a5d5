"""The published files as what generation needs: prompt features, a predictor for them, and the autoencoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from inference.released.predictor import FastPredictor, PlainPredictor, Predictor
from modeling.autoencoder import Autoencoder
from modeling.denoiser import Denoiser
from modeling.device import NoDeviceError
from modeling.int8 import quantise_linears
from modeling.released.autoencoder import DecoderName, load_autoencoder
from modeling.released.denoiser import load_denoiser
from modeling.released.text_encoder import load_text_encoder
from modeling.weights import WeightsError, read_json

DENOISERS: Final = {False: "base_distilled_model", True: "base_model"}  # by whether the base model is asked for

# The text that guidance leads away from, as published with the Wan2.2 configuration.
NEGATIVE_PROMPT: Final = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，"
    "静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)


@dataclass(frozen=True, kw_only=True)
class PublishedConfig:
    """Which of the published files run, and how."""

    base: bool = False  # base_model in place of base_distilled_model
    int8: bool = False
    decoder: DecoderName = "wan"
    device: str = "cpu"
    plain: bool = False  # the clean path of the denoiser, for comparison

    @property
    def dtype(self) -> torch.dtype:
        """As published on a GPU; a CPU is faster and exact in float32."""
        return torch.bfloat16 if self.device.startswith("cuda") else torch.float32


def encode_prompts(folder: Path, prompts: Sequence[str], config: PublishedConfig) -> Tensor:
    """Features (B, K, W) of prompts; the text encoder, the largest file, is in memory only while this runs.

    Raises:
        WeightsError: a file is missing, damaged or of another model.
        ValueError: a prompt is empty or longer than the model's text.
    """
    path = folder / DENOISERS[config.base] / "config.json"
    tokens = read_json(path).get("text_len")
    if not isinstance(tokens, int) or tokens < 1:
        raise WeightsError(f"{path}: text_len is {tokens!r}, not a number of tokens; fetch the published file")
    encoder = load_text_encoder(folder, tokens=tokens, dtype=config.dtype)
    encoder.encoder.to(config.device)
    return encoder.encode(prompts).to(config.dtype)


def open_autoencoder(folder: Path, config: PublishedConfig) -> Autoencoder:
    """The published autoencoder with the decoder that is asked for. Raises WeightsError as its loader does."""
    return load_autoencoder(folder, config.decoder, dtype=config.dtype).to(config.device).requires_grad_(False)


def open_denoiser(folder: Path, config: PublishedConfig, text: Tensor, channels: int, stride: int) -> Denoiser:
    """The published denoiser, held to fit text features (B, K, W) and an autoencoder of ``channels`` and ``stride``.

    Raises:
        WeightsError: a file is missing, damaged, of another model, or made for other widths than the rest.
    """
    name = DENOISERS[config.base]
    model = load_denoiser(folder / name, dtype=config.dtype).requires_grad_(False)
    widths = {
        "text features": (text.shape[2], model.config.text_width),
        "latent channels": (channels, model.config.latent_channels),
        "ray channels": (6 * stride**2, model.config.ray_channels),
    }
    for what, (given, taken) in widths.items():
        if given != taken:
            raise WeightsError(f"{folder}: {name} takes {taken} {what} where the files beside it give {given}; they do not fit")
    if config.int8:
        quantise_linears(model)
    return model.to(config.device)


def predictor_of(model: Denoiser, text: Tensor, config: PublishedConfig) -> Predictor:
    """A denoiser with the features (1, K, W) of a prompt."""
    return PlainPredictor(model, text) if config.plain else FastPredictor(model, text)


def check_device(name: str, ranks: int = 1) -> None:
    """Raises NoDeviceError where PyTorch does not find the device, or too few of them."""
    if name == "cpu":
        return
    if name != "cuda" or not torch.cuda.is_available():
        raise NoDeviceError(f"PyTorch finds no device {name!r} here; generate with --device cpu")
    if (found := torch.cuda.device_count()) < ranks:
        raise NoDeviceError(f"{ranks} ranks need {ranks} CUDA devices, {found} are here; choose another --layout")
