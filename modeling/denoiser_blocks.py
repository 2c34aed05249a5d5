"""The denoiser's transformer block and head, under the released parameter names.

Legend: B batch, L tokens, D width, H heads, K text tokens.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from modeling.action_module import ActionConfig, ActionModule, Actions
from modeling.attention import attention
from modeling.rotary import rotate

Mix = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries (B, L, H, d), keys and values (B, K, H, d) to (B, L, H, d)."""


class Norm(nn.Module):
    """Root-mean-square norm over the whole width with a gain, in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return (F.rms_norm(x.float(), (x.shape[-1],), eps=self.eps) * self.weight.float()).to(x.dtype)


class AttentionLayer(nn.Module):
    """Multi-head attention with normalised queries and keys; serves both self- and cross-attention."""

    def __init__(self, width: int, heads: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.norm_q, self.norm_k = Norm(width, eps), Norm(width, eps)
        self.mix: Mix = attention

    def forward(self, x: Tensor, context: Tensor, table: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Tokens (B, L, D) look at ``context`` (B, K, D); ``table`` turns queries and keys alike."""
        query, key = self._split(self.norm_q(self.q(x))), self._split(self.norm_k(self.k(context)))
        if table is not None:
            query, key = rotate(query, table), rotate(key, table)
        mixed = self.mix(query, key, self._split(self.v(context)))
        return self.o(mixed.flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return rearrange(x, "b l (h d) -> b l h d", h=self.heads)


class Block(nn.Module):
    """Self-attention, camera modulation, text cross-attention, actions, feed-forward."""

    def __init__(self, width: int, ffn: int, heads: int, eps: float, action: ActionConfig | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, eps, elementwise_affine=False)
        self.norm3 = nn.LayerNorm(width, eps)
        self.self_attn = AttentionLayer(width, heads, eps)
        self.cross_attn = AttentionLayer(width, heads, eps)
        self.ffn = nn.Sequential(nn.Linear(width, ffn), nn.GELU(approximate="tanh"), nn.Linear(ffn, width))
        self.modulation = nn.Parameter(torch.randn(1, 6, width) / width**0.5)
        self.cam_injector_layer1, self.cam_injector_layer2 = nn.Linear(width, width), nn.Linear(width, width)
        self.cam_scale_layer, self.cam_shift_layer = nn.Linear(width, width), nn.Linear(width, width)
        self.action_model = ActionModule(width, action) if action else None

    def forward(
        self,
        x: Tensor,  # (B, L, D)
        time: Tensor,  # (B, L, 6, D)
        camera: Tensor | None,  # (B, L, D)
        text: Tensor,  # (B, K, D)
        actions: Actions | None,
        table: tuple[Tensor, Tensor],
        memory: int,
    ) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.modulation + time).unbind(2)
        normed = self.norm1(x) * (1 + scale1) + shift1
        x = x + self.self_attn(normed, normed, table) * gate1
        if camera is not None:
            x = self.modulate_by_camera(x, camera)
        # The released model goes on from the normalised value, not from the stream: keep, or weights do not fit.
        x = self.norm3(x)
        x = x + self.cross_attn(x, text)
        if self.action_model is not None and actions is not None:
            x = self.action_model(x, actions, memory)
        return x + self.ffn(self.norm2(x) * (1 + scale2) + shift2) * gate2

    def modulate_by_camera(self, x: Tensor, camera: Tensor) -> Tensor:
        """Scale and shift each token by what its rays say."""
        scale, shift = self.camera_rows(camera)
        return scale * x + shift

    def camera_rows(self, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Factor and summand (B, L, D) of each token; they depend on the rays alone."""
        hidden = camera + self.cam_injector_layer2(F.silu(self.cam_injector_layer1(camera)))
        return 1 + self.cam_scale_layer(hidden), self.cam_shift_layer(hidden)


class Head(nn.Module):
    """Tokens to latent patches."""

    def __init__(self, width: int, channels: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps, elementwise_affine=False)
        self.head = nn.Linear(width, channels)
        self.modulation = nn.Parameter(torch.randn(1, 2, width) / width**0.5)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Tokens (B, L, D) and time embedding (B, L, D) to (B, L, C)."""
        shift, scale = (self.modulation + time[:, :, None]).unbind(2)
        return self.head(self.norm(x) * (1 + scale) + shift)
