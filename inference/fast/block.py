"""One block's step on prepared inputs, in place where it can be.

Time modulation comes in two rows, one for clean and one for noisy tokens, instead of one a token. The last block
computes noisy tokens only, but for keys and values. Legend: B batch, L tokens, D width, H heads.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.fast.actions import ActionCache, run_actions
from inference.fast.cpu_kernels import linear_gelu
from inference.fast.frozen import Frozen
from inference.fast.span import Span
from inference.fast.turning import norm_and_turn
from modeling.attention import attention
from modeling.denoiser_blocks import AttentionLayer, Block


@dataclass(frozen=True, kw_only=True)
class BlockCache:
    """What a block needs beside its tokens."""

    scale: Tensor | None  # (B, L, D) from the camera rays
    shift: Tensor | None  # (B, L, D)
    text_key: Tensor  # (B, K, H, d)
    text_value: Tensor
    text_bias: Tensor | None  # (1, 1, 1, K)
    actions: ActionCache | None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step's part that all blocks share."""

    span: Span
    clean_time: Tensor  # (1, 1, 6, D)
    noisy_time: Tensor  # (B, 1, 6, D)
    table: Tensor  # (clean and noisy tokens, H, d / 2) complex
    frozen: Frozen | None


class Rows:
    """A block's modulation: shift, 1 + scale and gate, twice, for clean tokens and for noisy ones."""

    def __init__(self, modulation: Tensor, stage: Stage) -> None:
        self.parts = []
        for time in (stage.clean_time, stage.noisy_time):
            rows = list((modulation + time).unbind(2))  # six of (B, 1, D)
            rows[1], rows[4] = 1 + rows[1], 1 + rows[4]
            self.parts.append(rows)

    def normalise(self, norm: nn.LayerNorm, x: Tensor, first: int, split: int) -> Tensor:
        """Layer norm of x, shifted and scaled by rows ``first`` and the one after it."""
        normed = F.layer_norm(x, norm.normalized_shape, eps=norm.eps)
        for part, rows in self._cut(normed, split):
            torch.addcmul(rows[first], part, rows[first + 1], out=part)
        return normed

    def add_gated(self, x: Tensor, branch: Tensor, gate: int, split: int) -> Tensor:
        """x plus the gated branch, in place."""
        for (part, rows), (added, _) in zip(self._cut(x, split), self._cut(branch, split), strict=True):
            part.addcmul_(added, rows[gate])
        return x

    def _cut(self, x: Tensor, split: int) -> list[tuple[Tensor, list[Tensor]]]:
        clean, noisy = self.parts
        return [(x[:, :split], clean), (x[:, split:], noisy)] if split else [(x, noisy)]


def run_block(block: Block, x: Tensor, cache: BlockCache, stage: Stage, number: int, *, last: bool) -> Tensor:
    """Map tokens (B, L, D), which are overwritten, to tokens; in the last block to the noisy ones only."""
    span, rows = stage.span, Rows(block.modulation, stage)
    normed = rows.normalise(block.norm1, x, 0, span.split)
    if last and cache.actions is None:  # an action module still needs the clean tokens, for their mouse keys
        x, branch = x[:, span.split :], _attend(block.self_attn, normed, stage, number, span.split)
        span = replace(span, absent=span.clean)
    else:
        branch = _attend(block.self_attn, normed, stage, number, 0)
    x = rows.add_gated(x, branch, 2, span.split)
    if cache.scale is not None and cache.shift is not None:
        x = torch.addcmul(cache.shift[:, span.skipped :], x, cache.scale[:, span.skipped :])
    x = block.norm3(x)
    x.add_(_read_text(block.cross_attn, x, cache))
    if cache.actions is not None and block.action_model is not None:
        kept = stage.frozen.of_mouse(number) if stage.frozen is not None else None
        x = run_actions(block.action_model, x, cache.actions, span, kept)
    if last:
        x, span = x[:, span.split :], replace(span, absent=span.clean)
    normed = rows.normalise(block.norm2, x, 3, span.split)
    return rows.add_gated(x, block.ffn[2](linear_gelu(block.ffn[0], normed)), 5, span.split)


def _attend(layer: AttentionLayer, x: Tensor, stage: Stage, number: int, asking: int) -> Tensor:
    """Self-attention of the tokens from ``asking`` on; all tokens are looked at."""
    table = stage.table[stage.span.skipped :]
    query = norm_and_turn(layer.q(x[:, asking:]), layer.norm_q, layer.heads, table[asking:])
    key = norm_and_turn(layer.k(x), layer.norm_k, layer.heads, table)
    value = layer.v(x).unflatten(-1, (layer.heads, -1))
    if stage.frozen is not None:
        key, value = stage.frozen.of_tokens(number).keep_or_join(key, value, stage.span.split)
    return layer.o(layer.mix(query, key, value).flatten(2))


def _read_text(layer: AttentionLayer, x: Tensor, cache: BlockCache) -> Tensor:
    query = layer.norm_q(layer.q(x)).unflatten(-1, (layer.heads, -1))
    return layer.o(attention(query, cache.text_key, cache.text_value, cache.text_bias).flatten(2))
