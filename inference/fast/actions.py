"""The action module with its tables, keyboard keys and values and mouse windows prepared once a segment."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from inference.fast.frozen import Kept
from inference.fast.span import Span
from inference.fast.turning import complex_table, unit_and_turn
from modeling.action_module import ActionModule, Actions
from modeling.attention import attention


@dataclass(frozen=True, kw_only=True)
class ActionCache:
    """One block's; memory latents first."""

    weight: Tensor  # (A, D) the first mouse layer's part for tokens, in one piece
    mouse: Tensor  # (B, F, A) what the mouse windows add to the first layer, bias included
    key: Tensor  # (B, F, H, d)
    value: Tensor  # (B, F, H, d)
    table: Tensor  # (F, 1, 1, d / 2) complex


def prepare_actions(module: ActionModule, actions: Actions, memory: int, width: int) -> ActionCache:
    """Compute what depends on the actions alone."""
    stride = module.config.frames_per_latent
    table = module.rotary(memory, -(-actions.keyboard.shape[1] // stride), actions.keyboard.device)
    first = _first(module)
    windows = module.cut_windows(actions.mouse, actions.memory_mouse).flatten(2)
    key, value = module.embed_keys(actions, table)
    return ActionCache(
        weight=first.weight[:, :width].contiguous(),
        mouse=F.linear(windows.to(first.weight.dtype), first.weight[:, width:], first.bias),
        key=key,
        value=value,
        table=complex_table(table)[:, None],
    )


def run_actions(module: ActionModule, x: Tensor, cache: ActionCache, span: Span, kept: Kept | None = None) -> Tensor:
    """Add to x (B, F S, D) what the actions ask for, in place."""
    x.add_(module.proj_mouse(_attend_mouse(module, x, cache, span, kept)))
    return x.add_(module.proj_keyboard(_attend_keys(module, x, cache, span)))


def _attend_mouse(module: ActionModule, x: Tensor, cache: ActionCache, span: Span, kept: Kept | None) -> Tensor:
    heads = module.config.heads
    hidden = F.linear(x, cache.weight).unflatten(1, (-1, span.spots))  # (B, F, S, A)
    hidden = hidden.add_(cache.mouse[:, span.absent :, None])
    for layer in list(module.mouse_mlp)[1:]:
        hidden = layer(hidden)
    both = module.t_qkv(hidden).unflatten(-1, (3, heads, -1))  # (B, F, S, 3, H, d)
    turned = unit_and_turn(both[..., :2, :, :], cache.table[span.absent :, None], module.config.rope_widths[0] // 2)
    query, key, value = turned[..., 0, :, :], turned[..., 1, :, :], both[..., 2, :, :]
    if kept is not None:
        key, value = kept.keep_or_join(key, value, span.clean)
    by_spot = (part.transpose(1, 2).flatten(0, 1) for part in (query, key, value))  # (B S, F, H, d)
    mixed = attention(*by_spot)
    return mixed.flatten(2).unflatten(0, (len(x), span.spots)).transpose(1, 2).flatten(1, 2)


def _attend_keys(module: ActionModule, x: Tensor, cache: ActionCache, span: Span) -> Tensor:
    query = module.mouse_attn_q(x).unflatten(-1, (module.config.heads, -1)).unflatten(1, (-1, span.spots))
    query = unit_and_turn(query, cache.table[span.absent :], module.config.rope_widths[0] // 2).flatten(1, 2)
    return attention(query, cache.key.to(query.dtype), cache.value).flatten(2)


def _first(module: ActionModule) -> nn.Linear:
    first = module.mouse_mlp[0]
    assert isinstance(first, nn.Linear)
    return first
