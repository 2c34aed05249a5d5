"""How keys and mouse reach the denoiser: mouse by temporal self-attention, keys by cross-attention.

A latent sees the actions of a window of three latents, 12 frames, ending with its own. Parameter names are those of
the release; the gains of the query and key norms exist there but are not applied.
Legend: B batch, F latents, S tokens a latent, D width, A action width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from modeling.attention import attention
from modeling.rotary import rotate, time_rotary_table


@dataclass(frozen=True, kw_only=True)
class ActionConfig:
    """Sizes of the action module, and the blocks that have one. The defaults are the release's."""

    blocks: tuple[int, ...] = tuple(range(15))
    heads: int = 16
    keyboard_keys: int = 6
    mouse_axes: int = 2
    key_width: int = 128  # width that one key row is embedded in
    mouse_width: int = 1024
    keyboard_width: int = 1024
    rope_widths: tuple[int, int, int] = (8, 28, 28)
    rope_theta: float = 256.0
    frames_per_latent: int = 4
    window_latents: int = 3

    @property
    def window(self) -> int:
        """Frames of actions that a latent sees."""
        return self.frames_per_latent * self.window_latents


@dataclass(frozen=True, kw_only=True)
class Actions:
    """Conditioning actions: one row a frame of the clip, one row a memory latent."""

    keyboard: Tensor  # (B, T, 6)
    mouse: Tensor  # (B, T, 2)
    memory_keyboard: Tensor | None = None  # (B, M, 6)
    memory_mouse: Tensor | None = None  # (B, M, 2)


class ActionModule(nn.Module):
    """Adds to each token what the actions of its latent's window ask for."""

    def __init__(self, width: int, config: ActionConfig) -> None:
        super().__init__()
        self.config = config
        mouse, keyboard, key = config.mouse_width, config.keyboard_width, config.key_width
        self.keyboard_embed = nn.Sequential(nn.Linear(config.keyboard_keys, key), nn.SiLU(), nn.Linear(key, key))
        self.mouse_mlp = nn.Sequential(
            nn.Linear(config.mouse_axes * config.window + width, mouse),
            nn.GELU(approximate="tanh"),
            nn.Linear(mouse, mouse),
            nn.LayerNorm(mouse),
        )
        self.t_qkv = nn.Linear(mouse, 3 * mouse, bias=False)
        self.img_attn_q_norm = Gain(mouse // config.heads)
        self.img_attn_k_norm = Gain(mouse // config.heads)
        self.proj_mouse = nn.Linear(mouse, width, bias=False)
        self.key_attn_q_norm = Gain(keyboard // config.heads)
        self.key_attn_k_norm = Gain(keyboard // config.heads)
        self.mouse_attn_q = nn.Linear(width, keyboard, bias=False)
        self.keyboard_attn_kv = nn.Linear(key * config.window, 2 * keyboard, bias=False)
        self.proj_keyboard = nn.Linear(keyboard, width, bias=False)

    def forward(self, x: Tensor, actions: Actions, memory: int) -> Tensor:
        """Map tokens (B, F S, D), memory latents first, to tokens of the same shape."""
        latents = actions.keyboard.shape[1] // self.config.frames_per_latent
        latents += memory + (actions.keyboard.shape[1] % self.config.frames_per_latent > 0)
        table = self.rotary(memory, latents - memory, x.device)
        x = x + self.proj_mouse(self._attend_mouse(x, actions, latents, table))
        return x + self.proj_keyboard(self._attend_keys(x, actions, latents, table))

    def _attend_mouse(self, x: Tensor, actions: Actions, latents: int, table: tuple[Tensor, Tensor]) -> Tensor:
        spots = x.shape[1] // latents
        window = self.cut_windows(actions.mouse, actions.memory_mouse)  # (B, F, 12, 2)
        window = repeat(window, "b f w a -> (b s) f (w a)", s=spots).to(x.dtype)
        tokens = rearrange(x, "b (f s) d -> (b s) f d", s=spots)
        hidden = self.mouse_mlp(torch.cat([tokens, window], -1))
        query, key, value = rearrange(self.t_qkv(hidden), "n f (k h d) -> k n f h d", k=3, h=self.config.heads)
        mixed = attention(rotate(unit_rms(query), table), rotate(unit_rms(key), table), value)
        return rearrange(mixed, "(b s) f h d -> b (f s) (h d)", s=spots)

    def _attend_keys(self, x: Tensor, actions: Actions, latents: int, table: tuple[Tensor, Tensor]) -> Tensor:
        spots = x.shape[1] // latents
        key, value = self.embed_keys(actions, table)
        query = rearrange(self.mouse_attn_q(x), "b (f s) (h d) -> b f s h d", s=spots, h=self.config.heads)
        query = rotate(unit_rms(query).transpose(1, 2).flatten(0, 1), table)  # (B S, F, H, d)
        query = rearrange(query, "(b s) f h d -> b (f s) h d", s=spots)  # every token asks the same few keys
        return rearrange(attention(query, key.to(query.dtype), value), "b l h d -> b l (h d)")

    def embed_keys(self, actions: Actions, table: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Key and value (B, M + F, H, d) of each latent's window of keyboard rows; memory first."""
        dtype = self.proj_keyboard.weight.dtype
        memory = None if actions.memory_keyboard is None else self.keyboard_embed(actions.memory_keyboard.to(dtype))
        window = self.cut_windows(self.keyboard_embed(actions.keyboard.to(dtype)), memory)
        pairs = self.keyboard_attn_kv(window.flatten(2))  # (B, F, 2A)
        key, value = rearrange(pairs, "b f (k h d) -> k b f h d", k=2, h=self.config.heads)
        return rotate(unit_rms(key), table), value

    def cut_windows(self, rows: Tensor, memory: Tensor | None) -> Tensor:
        """Cut rows (B, T, C) into one window a latent (B, F, 12, C); a memory latent's window repeats its one row."""
        span, stride = self.config.window, self.config.frames_per_latent
        latents = -(-rows.shape[1] // stride)
        start = stride * (latents + self.config.window_latents - 1) - (rows.shape[1] // stride) * stride
        padded = torch.cat([rows[:, :1].expand(-1, start, -1), rows], 1)
        windows = padded.unfold(1, span, stride)[:, :latents].transpose(2, 3)
        if memory is None:
            return windows
        return torch.cat([repeat(memory, "b m c -> b m w c", w=span), windows], 1)

    def rotary(self, memory: int, clip: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Memory and clip latents are counted separately, each from 0."""
        config = self.config
        cos, sin = time_rotary_table(max(memory, clip), config.rope_widths, config.rope_theta, device)
        return torch.cat([cos[:memory], cos[:clip]]), torch.cat([sin[:memory], sin[:clip]])


class Gain(nn.Module):
    """A gain that the release stores but does not apply; kept so that its files load and save by name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width), requires_grad=False)


def unit_rms(x: Tensor) -> Tensor:
    """Scale the last axis to root mean square 1, in float32, returned in x's type."""
    return F.rms_norm(x.float(), (x.shape[-1],), eps=1e-6).to(x.dtype)
