"""Faster float32 matrix products and attention on CPUs, for whatever runs inside ``with CpuKernels():``.

torch multiplies float32 matrices with MKL, which on CPUs of other makers runs at half of what oneDNN, which torch also
carries, reaches there; both round in float32. Nothing changes on other devices, in other types, or where
``torch.backends.mkldnn`` is switched off. Legend: B batch, H heads, L queries, K keys, d head width.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_ROWS: Final = 256  # queries at a time: their scores stay in the second-level cache
_LEAST_KEYS: Final = 512  # with fewer the fused kernel is faster


class CpuKernels(TorchFunctionMode):
    """Reroutes linear layers and unmasked attention. For inference only: these kernels have no backward."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.linear and not kwargs and _applies(args[0], args[1]):
            return _linear(args[0], args[1], args[2] if len(args) > 2 else None, "none")
        if func is F.scaled_dot_product_attention and not kwargs and _attends(*args):
            return _attention(*args[:3])
        return func(*args, **(kwargs or {}))


@contextmanager
def torch_kernels() -> Iterator[None]:
    """Leave everything to torch's own kernels, also inside ``CpuKernels``: to measure what they bring."""
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # the property accepts a bool, its type does not say so
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = True  # type: ignore[assignment]  # as above


def linear_gelu(layer: nn.Module, x: Tensor) -> Tensor:
    """A linear layer and the tanh form of GELU, as one kernel where there is one."""
    if type(layer) is nn.Linear and _applies(x, layer.weight):
        return _linear(x, layer.weight, layer.bias, "gelu")
    hidden: Tensor = torch.ops.aten.gelu_(layer(x), approximate="tanh")
    return hidden


def _applies(x: Tensor, weight: Tensor) -> bool:
    """Slices of a weight are left to MKL: oneDNN's kernel for them is a hundred times slower."""
    return weight.is_contiguous() and _single(x, weight)


def _single(x: Tensor, other: Tensor) -> bool:
    single = x.dtype == other.dtype == torch.float32 and x.device.type == "cpu"
    return single and bool(torch.backends.mkldnn.enabled) and not torch.is_autocast_enabled("cpu")


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None, after: str) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, after, [], "tanh" if after == "gelu" else "")
    return product


def _attends(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, *more: Any) -> bool:
    return mask is None and not more and key.shape[2] >= _LEAST_KEYS and query.ndim == 4 and _single(query, value)


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention of (B, H, L, d) on (B, H, K, d), as a view of (B, L, H, d)."""
    query, key = (query * query.shape[-1] ** -0.5).contiguous(), key.contiguous()
    value = value.transpose(2, 3).contiguous()
    batch, heads, rows, width = query.shape
    mixed = query.new_empty(batch, rows, heads, width)
    for item in range(batch):
        for head in range(heads):
            for start in range(0, rows, _ROWS):
                part = slice(start, start + _ROWS)
                scores = _linear(query[item, head, part], key[item, head], None, "none")
                torch.softmax(scores, -1, out=scores)
                mixed[item, part, head] = _linear(scores, value[item, head], None, "none")
    return mixed.transpose(1, 2)
