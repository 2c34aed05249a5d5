"""A device that is none: tensors say that they lie on it and compute on the CPU, so that misplaced ones are found.

As on a real device, an operation on tensors of both places is refused, single numbers and the indices of a look-up
excepted, and there is no way to numpy but through ``.cpu()``.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")  # the one device beside the CPU that every build of PyTorch lets autograd work on
_BOTH_PLACES = ("aten::copy_", "aten::_to_copy", "aten::index.Tensor")


class PretendTensor(torch.Tensor):
    """Says that it lies on ``DEVICE``; ``held`` are its numbers on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "PretendTensor":
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=DEVICE
        )
        made.held = held
        return made

    # Torch's stub gives both names types that its own subclasses do not have either.
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return compute(function, args, kwargs or {})


class PretendMode(TorchDispatchMode):
    """Also sees what makes tensors of nothing and what moves them."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(function, args, kwargs or {})


def compute(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Do on the CPU what was asked, and say of each result where it would lie."""
    given = [leaf for leaf in tree_leaves([args, kwargs]) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in given if isinstance(tensor, PretendTensor)]
    here = [tensor for tensor in given if not isinstance(tensor, PretendTensor) and tensor.ndim]
    name = function.name()
    if lost := [tensor for tensor in here if tensor.device.type == DEVICE.type]:
        raise RuntimeError(f"{name} was given {len(lost)} tensor without numbers; index with tensors, not with lists")
    if there and here and name not in _BOTH_PLACES:
        raise RuntimeError(f"{name} was given tensors on {DEVICE} and on the CPU")
    asked = kwargs.get("device")
    placed = bool(there) if asked is None else torch.device(asked).type == DEVICE.type
    plain = {**kwargs, "device": torch.device("cpu")} if asked is not None else kwargs
    known = {id(tensor.held): tensor for tensor in there} | {id(tensor): tensor for tensor in here}
    results = function(*tree_map(_unwrap, args), **tree_map(_unwrap, plain))

    def wrap(result: Any) -> Any:
        if not isinstance(result, torch.Tensor) or id(result) in known:
            return known.get(id(result), result)
        return PretendTensor(result) if placed else result

    return tree_map(wrap, results)


def _unwrap(leaf: Any) -> Any:
    return leaf.held if isinstance(leaf, PretendTensor) else leaf


@contextlib.contextmanager
def pretend_device(patch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """Inside, ``DEVICE`` is one that computes. Autocast is off: it knows real ones only."""
    patch.setattr(torch, "autocast", lambda *arguments, **more: contextlib.nullcontext())
    patch.setattr(torch.__future__, "_overwrite_module_params_on_conversion", True)
    make = torch.tensor  # fills a tensor behind the mode's back, so it is made on the CPU and moved
    patch.setattr(torch, "tensor", lambda data, *, device=None, **more: make(data, **more).to(device or "cpu"))
    with sdpa_kernel(SDPBackend.MATH), PretendMode():
        yield DEVICE
