"""NaN and infinity stop by name: in weights as they are loaded or saved, and in what a model makes of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from infra.errors import WorldloomError

READABLE: Final = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
)
"""Types of floating weights; others are codes that only whoever wrote them can read."""

_CHUNK: Final = 2**22  # values looked at in one go


class NotFiniteError(WorldloomError):
    """A tensor or what a model made holds NaN or infinity."""


def is_finite(values: Tensor) -> bool:
    """Whether no value is NaN or infinite; looked at in chunks, since types of 8 bits must be widened first."""
    if not values.is_floating_point() or values.is_meta or not values.numel():
        return True
    for chunk in values.detach().reshape(-1).split(_CHUNK):
        wide = chunk.float() if chunk.element_size() == 1 else chunk
        if not all(torch.isfinite(end) for end in torch.aminmax(wide)):  # NaN goes through both
            return False
    return True


def check_weights(tensors: Mapping[str, Tensor], where: Path | str) -> None:
    """Refuse weights that no model can play with.

    Raises:
        NotFiniteError: names the first tensor, in alphabetical order, that holds NaN or infinity.
    """
    for name in sorted(tensors):
        if not is_finite(tensors[name]):
            raise NotFiniteError(
                f"{where}: tensor {name} holds NaN or infinity; it was damaged or converted to a type too small for it, "
                "fetch or make it again"
            )


def require_finite(values: Tensor, what: str) -> Tensor:
    """The values that a model made, if they are numbers.

    Raises:
        NotFiniteError: names ``what`` they are.
    """
    if not is_finite(values):
        raise NotFiniteError(
            f"{what} came out as NaN or infinity: weights and model do not fit, as of 8-bit weights without their scales; "
            "use the weights as they were published"
        )
    return values
