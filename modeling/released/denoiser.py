"""A published denoiser folder (``base_model``, ``base_distilled_model``): config.json and safetensors shards."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from modeling.action_module import ActionConfig
from modeling.denoiser import Denoiser, DenoiserConfig
from modeling.weights import WeightsError, load_exactly, read_json, read_shards, tensor_of

# What the published architecture always has; a config that says otherwise is of another model.
FIXED: Final[dict[str, Any]] = {
    "model_type": "ti2v",
    "window_size": [-1, -1],
    "qk_norm": True,
    "cross_attn_norm": True,
    "use_memory": True,
    "use_text_crossattn": True,
    "is_action_model": True,
}
FIXED_ACTION: Final[dict[str, Any]] = {"enable_keyboard": True, "enable_mouse": True, "qk_norm": True, "qkv_bias": False}
SIZES: Final = {
    "dim": "width",
    "ffn_dim": "ffn_width",
    "num_heads": "heads",
    "num_layers": "layers",
    "out_dim": "latent_channels",
    "text_len": "text_tokens",
    "freq_dim": "time_width",
    "sigma_theta": "sigma_theta",
    "eps": "eps",
}
ACTION_SIZES: Final = {
    "blocks": "blocks",
    "heads_num": "heads",
    "keyboard_dim_in": "keyboard_keys",
    "mouse_dim_in": "mouse_axes",
    "hidden_size": "key_width",
    "mouse_hidden_dim": "mouse_width",
    "keyboard_hidden_dim": "keyboard_width",
    "rope_dim_list": "rope_widths",
    "rope_theta": "rope_theta",
    "vae_time_compression_ratio": "frames_per_latent",
    "windows_size": "window_latents",
}
REPEATED: Final = ("in_dim", "text_dim", "patch_size", "action_config")  # read elsewhere, or from the tensors' shapes
REPEATED_ACTION: Final = ("img_hidden_size", "mouse_qk_dim_list", "patch_size")


def load_denoiser(folder: Path, *, dtype: torch.dtype | None = None) -> Denoiser:
    """Load the denoiser of a published folder, in evaluation mode, on the CPU, as ``dtype`` or as it is stored.

    Raises:
        WeightsError: a file or tensor is missing, left over, misshapen or cut short, or the config does not fit.
    """
    values, tensors = read_json(folder / "config.json"), read_shards(folder, dtype)
    config = read_config(values, tensors, folder)
    with torch.device("meta"):
        model = Denoiser(config)
    load_exactly(model, tensors, folder, dtype)
    return model.eval()


def read_config(values: Mapping[str, Any], tensors: Mapping[str, Tensor], where: Path) -> DenoiserConfig:
    """Our config from the published one; patch and input widths, which it leaves out, come from the tensors' shapes.

    Raises:
        WeightsError: names the entry that is missing, or that says what the published model is not.
    """
    _check_fixed(values, FIXED, where)
    _name_unknown(values, {*FIXED, *SIZES, *REPEATED}, where)
    patches = tensor_of(tensors, "patch_embedding.weight", 5, where)
    rays = tensor_of(tensors, "patch_embedding_wancamctrl.weight", 2, where)
    text = tensor_of(tensors, "text_embedding.0.weight", 2, where)
    sizes: dict[str, Any] = {ours: _entry(values, theirs, where) for theirs, ours in SIZES.items()}
    patch = patches.shape[-1]
    stated = {"patch_size": [1, patch, patch], "in_dim": sizes["latent_channels"], "text_dim": text.shape[1]}
    _check_fixed(values, stated, where)
    action = values.get("action_config") or {}
    try:
        return DenoiserConfig(
            **sizes,
            patch=patch,
            text_width=text.shape[1],
            ray_channels=rays.shape[1] // patch**2,
            action=_read_action(action, int(sizes["width"]), where) if action else ActionConfig(blocks=()),
        )
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{where / 'config.json'}: {error}; fetch the published file") from None


def _read_action(values: Mapping[str, Any], width: int, where: Path) -> ActionConfig:
    _check_fixed(values, FIXED_ACTION | {"img_hidden_size": width}, where)
    _name_unknown(values, {*FIXED_ACTION, *ACTION_SIZES, *REPEATED_ACTION}, where)
    sizes: dict[str, Any] = {ours: _entry(values, theirs, where) for theirs, ours in ACTION_SIZES.items()}
    _check_fixed(values, {"mouse_qk_dim_list": sizes["rope_widths"]}, where)
    sizes |= {name: tuple(value) for name, value in sizes.items() if isinstance(value, list)}
    return ActionConfig(**sizes)


def _entry(values: Mapping[str, Any], name: str, where: Path) -> Any:
    if name not in values:
        raise WeightsError(f"{where / 'config.json'} lacks {name}; fetch the published file")
    value = values[name]
    numbers = value if isinstance(value, list) else [value]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and one >= 0 for one in numbers):
        raise WeightsError(f"{where / 'config.json'}: {name} is {value!r}, not a number of 0 or more; fetch the published file")
    return value


def _check_fixed(values: Mapping[str, Any], fixed: Mapping[str, Any], where: Path) -> None:
    """What the config leaves out is as published; what it states must be."""
    for name, expected in fixed.items():
        if values.get(name, expected) != expected:
            found = f"{name} is {values[name]!r}, the published model has {expected!r}"
            raise WeightsError(f"{where / 'config.json'}: {found}; it is of another model")


def _name_unknown(values: Mapping[str, Any], known: set[str], where: Path) -> None:
    if unknown := sorted(name for name in values.keys() - known if not name.startswith("_")):
        warnings.warn(
            f"{where / 'config.json'}: entries {', '.join(unknown)} are not known here and have no effect", stacklevel=2
        )
