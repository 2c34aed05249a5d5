"""The world model as a whole: autoencoder, denoiser, text encoder and how they fit together."""

import dataclasses
import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from infra.schema import Bundle, Checkpoint, SegmentConfig
from infra.store import Store
from modeling.autoencoder import Autoencoder, AutoencoderConfig
from modeling.checkpoint import find_checkpoint
from modeling.conditioning import WorldConfig
from modeling.denoiser import Denoiser
from modeling.finite import check_weights
from modeling.int8 import quantise_linears
from modeling.text import encode_prompt
from modeling.weights import check_tensors


class WorldModel:
    """Everything that generation needs, on one device, in evaluation mode."""

    def __init__(
        self, autoencoder: Autoencoder, denoiser: Denoiser, world: WorldConfig, *, width: int, height: int, fps: float, steps: int
    ) -> None:
        self.autoencoder, self.denoiser, self.world = autoencoder.eval(), denoiser.eval(), world
        self.width, self.height, self.fps, self.steps = width, height, fps, steps
        self._prompts: dict[str, Tensor] = {}

    @property
    def segments(self) -> SegmentConfig:
        return self.world.segments

    @property
    def device(self) -> torch.device:
        return self.denoiser.head.modulation.device

    def default_intrinsics(self) -> NDArray[np.float64]:
        """fx, fy, cx, cy of a view 80 degrees wide, the embedded world's."""
        focal = self.width / 2 / np.tan(np.radians(40.0))
        return np.array([focal, focal, self.width / 2, self.height / 2])

    def encode_prompt(self, prompt: str) -> Tensor:
        """Token features (K, W) of a prompt; the last few are remembered."""
        if prompt not in self._prompts:
            if len(self._prompts) >= 16:
                self._prompts.clear()
            self._prompts[prompt] = encode_prompt(prompt, self.world.denoiser.text_tokens).to(self.device)
        return self._prompts[prompt]


def world_to_json(world: WorldConfig, **more: Any) -> str:
    """A config as the JSON that checkpoints carry."""
    return json.dumps({"world": dataclasses.asdict(world), **more}, sort_keys=True)


def world_from_json(text: str) -> tuple[WorldConfig, dict[str, Any]]:
    """The inverse of ``world_to_json``: the config, and what else was stored.

    Raises:
        pydantic.ValidationError: names the key that is unknown or wrong.
    """
    values = json.loads(text)
    return TypeAdapter(WorldConfig).validate_python(values.pop("world")), values


def load_world_model(store: Store, bundle: Bundle, *, int8: bool = False, device: str = "cpu") -> WorldModel:
    """Load what a bundle names.

    Raises:
        MissingObjectError: a checkpoint object was deleted.
        ValueError: a checkpoint's tensors do not fit its config, or the bundle has no INT8 checkpoint.
    """
    if int8 and not bundle.denoiser_int8:
        raise ValueError(f"bundle {bundle.name} has no int8 checkpoint; run `worldloom compress` or play without --int8")
    autoencoder = load_autoencoder(store, find_checkpoint(store, bundle.autoencoder))
    row = find_checkpoint(store, bundle.denoiser_int8 if int8 else bundle.denoiser)
    denoiser, world, more = load_denoiser(store, row)
    model = WorldModel(
        autoencoder, denoiser, world, width=bundle.width, height=bundle.height, fps=bundle.fps, steps=int(more["steps"])
    )
    model.autoencoder.to(device)
    model.denoiser.to(device)
    return model


def load_autoencoder(store: Store, row: Checkpoint) -> Autoencoder:
    """Rebuild an autoencoder from its checkpoint, in float32."""
    model = Autoencoder(TypeAdapter(AutoencoderConfig).validate_python(json.loads(row.config)))
    _load_strictly(model, store.get_bytes(row.weights_object), row)
    return model.eval()


def load_denoiser(store: Store, row: Checkpoint) -> tuple[Denoiser, WorldConfig, dict[str, Any]]:
    """Rebuild a denoiser from its checkpoint, in float32, or with 8-bit layers where the checkpoint has them."""
    world, more = world_from_json(row.config)
    model = Denoiser(world.denoiser)
    if row.kind == "int8":
        quantise_linears(model)
    _load_strictly(model, store.get_bytes(row.weights_object), row)
    return model.eval(), world, more


def _load_strictly(model: nn.Module, data: bytes, row: Checkpoint) -> None:
    wanted = model.state_dict()
    try:
        tensors = load_safetensors(data)
    except Exception as error:
        raise ValueError(f"checkpoint {row.digest[:12]} is no readable safetensors file: {error}") from error
    check_tensors(wanted, tensors, f"checkpoint {row.digest[:12]} ({row.kind})")
    check_weights(tensors, f"checkpoint {row.digest[:12]} ({row.kind})")
    model.load_state_dict({name: value.to(wanted[name].dtype) for name, value in tensors.items()})


def random_world_model(
    world: WorldConfig, autoencoder: AutoencoderConfig, *, width: int, height: int, seed: int, fps: float = 16.0, steps: int = 1
) -> WorldModel:
    """A model with random weights: the control that every gate must refuse."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return WorldModel(
            Autoencoder(autoencoder), Denoiser(world.denoiser), world, width=width, height=height, fps=fps, steps=steps
        )
