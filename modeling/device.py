"""The device that a model computes on, and in which type.

The type is asked of the device, not assumed: where a processor has no products in bfloat16, PyTorch emulates them, dozens of
times slower than in float32. Random numbers are always drawn on the CPU, so that every device sees the same batches.
"""

import platform
from pathlib import Path
from typing import Final, Literal

import torch
from torch import nn

from infra.errors import WorldloomError

DeviceName = Literal["cpu", "cuda"]
Precision = Literal["auto", "bfloat16", "float32"]  # "auto" is what ``native_type`` says of the device

_TYPES: Final = {"bfloat16": torch.bfloat16, "float32": torch.float32}
_CPUINFO: Final = Path("/proc/cpuinfo")
_BFLOAT16_CUDA: Final = (8, 0)  # the first compute capability with products in bfloat16

_precision: Precision = "auto"  # of this process, as torch keeps its number of threads


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


def set_precision(precision: Precision) -> None:
    """From now on this process computes in that type; each stage that computes says it once, beside its threads."""
    global _precision
    _precision = precision


def compute_type(device: torch.device) -> torch.dtype:
    """The type in which matrix products and convolutions run on ``device``; weights that are trained stay in float32."""
    return native_type(device) if _precision == "auto" else _TYPES[_precision]


def type_name(device: torch.device) -> str:
    """The same as a word, for checkpoints and reports: "bfloat16" or "float32"."""
    return str(compute_type(device)).removeprefix("torch.")


def native_type(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies in it, float32 elsewhere."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= _BFLOAT16_CUDA
    else:
        native = device.type == "cpu" and _cpu_multiplies_bfloat16()
    return torch.bfloat16 if native else torch.float32


def _cpu_multiplies_bfloat16() -> bool:
    """AVX512-BF16 or AMX in the processor, and neither ATen nor oneDNN told to do without.

    Both can be told: by ATEN_CPU_CAPABILITY and by ONEDNN_MAX_CPU_ISA.
    """
    allowed = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return allowed and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def describe_processor() -> str:
    """The processor's name, the instruction set that PyTorch uses of it, and the type that it computes in."""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}, {type_name(torch.device('cpu'))}"


def computing(device: torch.device) -> torch.autocast:
    """The one autocast: inside, products on ``device`` run in its type."""
    kind = compute_type(device)
    return torch.autocast(device.type, kind if kind.itemsize == 2 else None, enabled=kind.itemsize == 2)
