"""The one door to attention kernels."""

import torch
import torch.nn.functional as F
from torch import Tensor

try:  # the extra `cuda`
    from flash_attn import flash_attn_func as flash_attn_func
except ImportError:  # SDPA gives the same result
    flash_attn_func = None


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax attention over (B, L, H, D) tensors; ``mask`` (B, 1, 1, K) is true where a key counts, or
    a float32 number added to its scores.

    Uses flash-attn where it is installed and applies (half precision on CUDA, no mask), SDPA otherwise.
    """
    if flash_attn_func is not None and mask is None and query.is_cuda and query.element_size() == 2:
        return flash_attn_func(query, key, value)
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    if query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, mask).transpose(1, 2)
    with torch.autocast("cpu", enabled=False):  # the CPU's half-precision kernel is no faster, and backwards half as fast
        mixed = F.scaled_dot_product_attention(query.float(), key.float(), value.float(), mask)
    return mixed.transpose(1, 2).to(query.dtype)
