"""The device that training runs on. Random numbers are always drawn on the CPU, so that every device sees the same batches."""

from typing import Literal

import torch
from torch import nn

from infra.errors import WorldloomError

DeviceName = Literal["cpu", "cuda"]


class NoDeviceError(WorldloomError):
    """The device that a config names is not there."""


def training_device(name: DeviceName) -> torch.device:
    """The device of that name.

    Raises:
        NoDeviceError: it is "cuda" and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise NoDeviceError("train.device is 'cuda', but PyTorch finds no CUDA device here; train with --set train.device=cpu")
    return torch.device(name)


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie."""
    return next(module.parameters()).device
