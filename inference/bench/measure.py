"""Clock, FLOP counter and a description of the machine: what every figure of a benchmark comes with."""

import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from infra.allowance import cores
from infra.lineage import code_commit
from modeling.device import describe_processor


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of repeated runs of one thing: on the wall, and those that this process spent on CPU cores."""

    median: float
    min: float
    all: tuple[float, ...]
    cpu: float  # the least of a run; what others do on the same cores hardly changes it

    @classmethod
    def of(cls, runs: list[tuple[float, float]]) -> "Times":
        """From the wall and CPU seconds of each run."""
        wall, cpu = zip(*runs, strict=True)
        return cls(median=statistics.median(wall), min=min(wall), all=wall, cpu=min(cpu))


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Counted operations, two a multiplication."""

    products: int  # linear layers and convolutions
    attention: int

    @property
    def total(self) -> int:
        return self.products + self.attention

    def __add__(self, other: "Flops") -> "Flops":
        return Flops(products=self.products + other.products, attention=self.attention + other.attention)

    def __mul__(self, times: int) -> "Flops":
        return Flops(products=self.products * times, attention=self.attention * times)

    def as_json(self) -> dict[str, int]:
        return {**asdict(self), "total": self.total}


def interleave(variants: Mapping[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, Times]:
    """Time the variants in turn, in alternating order, after one run each that does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    for turn in range(repeats + 1):
        names = list(variants) if turn % 2 else list(variants)[::-1]
        for name in names:
            seconds = time_once(variants[name], device)
            if turn:
                taken[name].append(seconds)
    return {name: Times.of(seconds) for name, seconds in taken.items()}


def time_once(work: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Wall and CPU seconds of one call, the device's queue drained before and after."""
    synchronise(device)
    began, used = time.perf_counter(), time.process_time()
    work()
    synchronise(device)
    return time.perf_counter() - began, time.process_time() - used


def time_often(work: Callable[[], object], device: torch.device, repeats: int) -> Times:
    """Wall seconds of repeated calls after one that does not count."""
    work()
    return Times.of([time_once(work, device) for _ in range(repeats)])


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def count_flops(work: Callable[[], object]) -> Flops:
    """Operations of one call, as ``torch.utils.flop_counter`` counts them, with the attention kernels that it lacks."""
    counter = FlopCounterMode(display=False, custom_mapping=_attention_kernels())
    with counter:
        work()
    parts = {"attention": 0, "products": 0}
    for kernel, flops in counter.get_flop_counts()["Global"].items():
        parts["attention" if "attention" in str(kernel) or "attn" in str(kernel) else "products"] += int(flops)
    return Flops(**parts)


def _attention_kernels() -> dict[Any, Callable[..., int]]:
    def by_heads(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return int(sdpa_flop_count(query, key, value))

    def by_tokens(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        swapped = ((shape[0], shape[2], shape[1], shape[3]) for shape in (query, key, value))
        return int(sdpa_flop_count(*swapped))

    kernels: dict[Any, Callable[..., int]] = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: by_heads}
    if hasattr(torch.ops.flash_attn, "_flash_attn_forward"):
        kernels[torch.ops.flash_attn._flash_attn_forward] = by_tokens
    return kernels


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Hardware, versions and the moment."""
    machine: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": code_commit(),
        "cpu": describe_processor(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": device.type,
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        machine |= {"gpu": properties.name, "gpu_memory_gib": round(properties.total_memory / 2**30, 1)}
        machine |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return machine
