"""What the denoiser needs of a prompt, computed once a prompt: keys and values of every block's text attention."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.fast.cpu_kernels import CpuKernels
from modeling.denoiser import Denoiser
from modeling.denoiser_blocks import Block

_ALIGNED = 8  # key counts that attention kernels like


@dataclass(frozen=True, kw_only=True)
class PromptCache:
    """Keys and values (B, K, H, d) of each block, and what is added to the scores of each key."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    bias: Tensor | None  # (1, 1, 1, K)


@torch.no_grad()
def prepare_prompt(denoiser: Denoiser, text: Tensor) -> PromptCache:
    """Prepare text features (B, K, text width), whose missing rows are zero and take part.

    All padding rows have the same key and value, so on a CPU one row with log(their number) added to its scores stands for
    them: exact. CUDA kernels take that summand in half precision, which is too coarse, so there all rows stay.

    Raises:
        ValueError: the text is too long.
    """
    rows = denoiser.config.text_tokens
    if text.shape[1] > rows:
        raise ValueError(f"text of {text.shape[1]} tokens: the model takes {rows}, shorten the prompt")
    kept = _rows_kept(text, rows) if text.device.type == "cpu" else rows
    bias = None
    if kept < rows:
        bias = torch.zeros(1, 1, 1, kept)
        bias[..., -1] = math.log(rows - kept + 1)
    keys, values = [], []
    with CpuKernels():
        context = _embed_rows(denoiser, text, kept)
        for block in denoiser.blocks:
            assert isinstance(block, Block)
            layer = block.cross_attn
            keys.append(layer.norm_k(layer.k(context)).unflatten(-1, (layer.heads, -1)))
            values.append(layer.v(context).unflatten(-1, (layer.heads, -1)))
    return PromptCache(keys=tuple(keys), values=tuple(values), bias=bias)


def _rows_kept(text: Tensor, rows: int) -> int:
    """Rows up to the last that holds something, one padding row, rounded up."""
    used = text.ne(0).any(-1).any(0).nonzero()
    last = int(used[-1]) + 1 if len(used) else 0
    return min(rows, _ALIGNED * math.ceil((last + 1) / _ALIGNED))


def _embed_rows(denoiser: Denoiser, text: Tensor, kept: int) -> Tensor:
    if kept <= text.shape[1]:
        padded = text[:, :kept]
    else:
        padded = torch.nn.functional.pad(text, (0, 0, 0, kept - text.shape[1]))
    return denoiser.text_embedding(padded)
