"""Published autoencoders: Wan2.2_VAE.pth and the pruned MG-LightVAE files, all as one Autoencoder of other widths.

The published player encodes with the full autoencoder whatever decodes, so that ``light50`` and ``light75`` are the
full encoder with a narrower decoder.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from modeling.autoencoder import Autoencoder, AutoencoderConfig
from modeling.weights import WeightsError, load_exactly, read_pth, tensor_of

DecoderName = Literal["wan", "light50", "light75"]
ENCODER_FILE: Final = "Wan2.2_VAE.pth"
DECODER_FILES: Final[dict[DecoderName, str]] = {
    "wan": ENCODER_FILE,
    "light50": "MG-LightVAE.pth",
    "light75": "MG-LightVAE_v2.pth",
}
IGNORED: Final = "dynamic_feature_projection_heads."  # only training used them
DECODER_PARTS: Final = ("decoder.", "conv2.")

# Mean and deviation of each latent channel, as published with the Wan2.2 autoencoder; its file leaves them out.
# fmt: off
LATENT_MEAN: Final = (
    -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891,
    0.1570, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502,
    -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230, -0.0313, -0.1649, 0.0117, 0.0723,
    -0.2839, -0.2083, -0.0520, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667,
)
LATENT_STD: Final = (
    0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901,
    0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659,
    0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944,
    0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
)
# fmt: on

# Names of the pruned files, and what they are called in the full one.
_RENAMED: Final = (
    (r"^quant_conv\.", "conv1."),
    (r"^post_quant_conv\.", "conv2."),
    (r"^(encoder|decoder)\.conv_in\.", r"\1.conv1."),
    (r"^(encoder|decoder)\.norm_out\.", r"\1.head.0."),
    (r"^(encoder|decoder)\.conv_out\.", r"\1.head.2."),
    (r"\.mid_block\.attentions\.0\.", ".middle.1."),
    (r"\.mid_block\.resnets\.0\.", ".middle.0."),
    (r"\.mid_block\.resnets\.1\.", ".middle.2."),
    (r"\.down_blocks\.(\d+)\.resnets\.(\d+)\.", r".downsamples.\1.downsamples.\2."),
    (r"\.up_blocks\.(\d+)\.resnets\.(\d+)\.", r".upsamples.\1.upsamples.\2."),
    (r"(\.middle\.[02]|samples\.\d+)\.norm1\.", r"\1.residual.0."),
    (r"(\.middle\.[02]|samples\.\d+)\.conv1\.", r"\1.residual.2."),
    (r"(\.middle\.[02]|samples\.\d+)\.norm2\.", r"\1.residual.3."),
    (r"(\.middle\.[02]|samples\.\d+)\.conv2\.", r"\1.residual.6."),
    (r"\.conv_shortcut\.", ".shortcut."),
)


def load_autoencoder(folder: Path, decoder: DecoderName = "wan", *, dtype: torch.dtype | None = None) -> Autoencoder:
    """Load the published autoencoder of a folder: the full encoder, and the decoder that is asked for.

    Raises:
        WeightsError: a file or tensor is missing, left over, misshapen or cut short.
    """
    where = folder / DECODER_FILES[decoder]
    tensors = own_names(read_pth(folder / ENCODER_FILE))
    if decoder != "wan":
        pruned = own_names(read_pth(where))
        build_autoencoder(pruned, where)  # checked whole, though only its decoder is used
        tensors = {name: value for name, value in tensors.items() if not name.startswith(DECODER_PARTS)}
        tensors |= {name: value for name, value in pruned.items() if name.startswith(DECODER_PARTS)}
    return build_autoencoder(tensors, where, dtype=dtype)


def build_autoencoder(
    tensors: Mapping[str, Tensor],
    where: Path,
    *,
    latent_mean: Tensor | None = None,  # (C,); as published where absent
    latent_std: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Autoencoder:
    """An autoencoder from its tensors, as wide as they are.

    Raises:
        WeightsError: names the tensor that is missing, left over or misshapen in ``where``.
    """
    mean = torch.tensor(LATENT_MEAN) if latent_mean is None else latent_mean
    std = torch.tensor(LATENT_STD) if latent_std is None else latent_std
    with torch.device("meta"):
        model = Autoencoder(_read_widths(tensors, where))
    load_exactly(model, {**tensors, "latent_mean": mean, "latent_std": std}, where, dtype)
    return model.eval()


def own_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the full autoencoder's names, whichever of the two published namings they come in."""
    return {own: tensors[name] for name, own in internal_names(tensors).items()}


def internal_names(names: Iterable[str]) -> dict[str, str]:
    """Published name to the full autoencoder's; what only training used is left out."""
    names = [name for name in names if not name.startswith(IGNORED)]
    blocks: dict[str, int] = {}  # residual blocks of each stage: its resampler is numbered after them
    for name in names:
        if match := re.match(r"(.+_blocks\.\d+\.)resnets\.(\d+)\.", name):
            blocks[match[1]] = max(blocks.get(match[1], 0), int(match[2]) + 1)
    return {name: _internal_name(name, blocks) for name in names}


def _internal_name(name: str, blocks: Mapping[str, int]) -> str:
    if match := re.match(r"(.+\.)(down|up)(_blocks\.(\d+)\.)\2sampler\.(.+)", name):
        place = blocks.get(f"{match[1]}{match[2]}{match[3]}", 0)
        return f"{match[1]}{match[2]}samples.{match[4]}.{match[2]}samples.{place}.{match[5]}"
    for pattern, ours in _RENAMED:
        name = re.sub(pattern, ours, name)
    return name


def _read_widths(tensors: Mapping[str, Tensor], where: Path) -> AutoencoderConfig:
    published = AutoencoderConfig()
    encoder = tensor_of(tensors, "encoder.conv1.weight", 5, where).shape[0]
    decoder = tensor_of(tensors, "decoder.conv1.weight", 5, where).shape[0]
    if decoder % published.multipliers[-1]:
        raise WeightsError(f"{where}: decoder.conv1.weight has {decoder} channels, no multiple of {published.multipliers[-1]}")
    return AutoencoderConfig(
        encoder_width=encoder,
        decoder_width=decoder // published.multipliers[-1],
        latent_channels=tensor_of(tensors, "conv2.weight", 5, where).shape[0],
    )
