"""The denoiser: a video diffusion transformer with actions, camera rays and memory latents.

``DenoiserConfig()`` is the released 5B form. What goes beyond it is off there: ``extra_channels`` takes past latents
and warped frames (geometric memory) as input channels beside the noisy ones.
Legend: B batch, C channels, F latents, M memory latents, h w latent cells, L tokens, D width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from modeling.action_module import ActionConfig, Actions
from modeling.denoiser_blocks import Block, Head
from modeling.rotary import rotary_table


@dataclass(frozen=True, kw_only=True)
class DenoiserConfig:
    """Sizes of the denoiser; the defaults are the release's."""

    width: int = 3072
    ffn_width: int = 14336
    heads: int = 24
    layers: int = 30
    latent_channels: int = 48
    patch: int = 2  # latent cells a token, each way
    text_tokens: int = 512
    text_width: int = 4096
    time_width: int = 256
    ray_channels: int = 1536  # 6 for each pixel of a latent cell
    sigma_theta: float = 0.8
    eps: float = 1e-6
    extra_channels: int = 0
    action: ActionConfig = ActionConfig()


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Clean latents of earlier times that the new ones may look at."""

    latents: Tensor  # (B, C, M, h, w)
    positions: Tensor  # (M,) latent numbers
    time: Tensor | None = None  # (B, M) or (B, tokens); 0 where absent


class Denoiser(nn.Module):
    """Predicts the flow velocity (noise minus clean latent) of each latent of a clip."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width, patch = config.width, config.patch
        channels = config.latent_channels + config.extra_channels
        self.patch_embedding = nn.Conv3d(channels, width, (1, patch, patch), (1, patch, patch))
        self.patch_embedding_wancamctrl = nn.Linear(config.ray_channels * patch**2, width)
        self.c2ws_hidden_states_layer1, self.c2ws_hidden_states_layer2 = nn.Linear(width, width), nn.Linear(width, width)
        gelu = nn.GELU(approximate="tanh")
        self.text_embedding = nn.Sequential(nn.Linear(config.text_width, width), gelu, nn.Linear(width, width))
        self.time_embedding = nn.Sequential(nn.Linear(config.time_width, width), nn.SiLU(), nn.Linear(width, width))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(
            Block(width, config.ffn_width, config.heads, config.eps, config.action if i in config.action.blocks else None)
            for i in range(config.layers)
        )
        self.head = Head(width, config.latent_channels * patch**2, config.eps)
        self.spots = all_spots  # where the tokens of a latent lie: a device that has some of them says which

    def forward(
        self,
        x: Tensor,  # (B, C, F, h, w) noisy latents, clean ones where their time is 0
        time: Tensor,  # (B,), (B, F) or (B, F tokens): 0 clean to 1000 noise
        text: Tensor,  # (B, K, text width), padding rows are zero and take part
        *,
        rays: Tensor | None = None,  # (B, R, M + F, h, w), memory first
        actions: Actions | None = None,
        memory: Memory | None = None,
        positions: Tensor | None = None,  # (F,) latent numbers; 0.. where absent
        extra: Tensor | None = None,  # (B, E, F, h, w)
    ) -> Tensor:
        """Return the prediction (B, C, F, h, w) for the clip's latents.

        Raises:
            ValueError: the latent sides are no multiple of the patch, or the text is too long.
        """
        self._check(x, text)
        count = 0 if memory is None else memory.latents.shape[2]
        tokens, spots = self._embed_latents(x, extra, memory), x.shape[3] * x.shape[4] // self.config.patch**2
        stamp = self.embed_time(self._join_time(time, memory, x.shape[2], spots))  # (B, L or 1, D)
        modulation = self.time_projection(stamp).unflatten(-1, (6, -1))
        camera = None if rays is None else self.embed_rays(rays)
        context = self.embed_text(text)
        clip = torch.arange(x.shape[2]) if positions is None else positions
        numbers = clip if memory is None else torch.cat([memory.positions.to(clip.device), clip])
        table = self.rotary(numbers.to(x.device), x.shape[3], x.shape[4])
        for block in self.blocks:
            tokens = block(tokens, modulation, camera, context, actions, table, count)
        return self.join_patches(self.head(tokens, stamp)[:, count * spots :], x.shape[2], x.shape[3])

    def join_patches(self, tokens: Tensor, latents: int, height: int) -> Tensor:
        """The head's output (B, L, patches) as latents (B, C, F, h, w)."""
        patch = self.config.patch
        size = {"f": latents, "h": height // patch, "i": patch, "j": patch}
        return rearrange(tokens, "b (f h w) (i j c) -> b c f (h i) (w j)", **size)

    def embed_text(self, text: Tensor) -> Tensor:
        """Text features (B, K, text width) to (B, text tokens, D); missing rows become zero features."""
        padded = F.pad(text, (0, 0, 0, self.config.text_tokens - text.shape[1]))
        return self.text_embedding(padded)

    def _embed_latents(self, x: Tensor, extra: Tensor | None, memory: Memory | None) -> Tensor:
        x = x if extra is None else torch.cat([x, extra.to(x.dtype)], 1)
        if memory is not None:
            past = F.pad(memory.latents, (0, 0, 0, 0, 0, 0, 0, self.config.extra_channels))
            x = torch.cat([past, x], 2)
        return rearrange(self.patch_embedding(x), "b d f h w -> b (f h w) d")

    def embed_rays(self, rays: Tensor) -> Tensor:
        """Rays (B, R, F, h, w) to (B, F tokens, D)."""
        patch, weight = self.config.patch, self.patch_embedding_wancamctrl.weight
        cells = rearrange(rays, "b c f (h i) (w j) -> b (f h w) (c i j)", i=patch, j=patch)
        embedded = self.patch_embedding_wancamctrl(cells.to(weight.dtype))
        hidden = self.c2ws_hidden_states_layer2(F.silu(self.c2ws_hidden_states_layer1(embedded)))
        return embedded + hidden

    def _join_time(self, time: Tensor, memory: Memory | None, latents: int, spots: int) -> Tensor:
        """One time a sample (B, 1) where that says it all, else one a token (B, L)."""
        if memory is None and time.ndim == 1:
            return time[:, None]
        time = time[:, None].expand(-1, latents) if time.ndim == 1 else time
        if memory is None:
            return time if time.shape[1] != latents else time.repeat_interleave(spots, 1)
        past = memory.time if memory.time is not None else time.new_zeros(len(time), memory.latents.shape[2])
        past, time = (
            part.repeat_interleave(spots, 1) if part.shape[1] == n else part
            for part, n in ((past, memory.latents.shape[2]), (time, latents))
        )
        return torch.cat([past, time], 1)

    def embed_time(self, time: Tensor) -> Tensor:
        """Times (B, L) of 0 to 1000 to (B, L, D)."""
        half = self.config.time_width // 2
        frequency = 10000 ** (-torch.arange(half, device=time.device, dtype=torch.float64) / half)
        angle = time.double()[..., None] * frequency
        wave = torch.cat([angle.cos(), angle.sin()], -1).to(self.patch_embedding.weight.dtype)
        return self.time_embedding(wave)

    def rotary(self, numbers: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines of every token of the latents ``numbers`` (M + F,) of ``height`` x ``width`` cells."""
        config = self.config
        spots = self.spots(height // config.patch, width // config.patch).to(numbers.device)
        grid = torch.cat([numbers.repeat_interleave(len(spots))[:, None], spots.repeat(len(numbers), 1)], 1)  # (L, 3)
        return rotary_table(grid, config.width // config.heads, heads=config.heads, sigma=config.sigma_theta)

    def _check(self, x: Tensor, text: Tensor) -> None:
        if x.shape[3] % self.config.patch or x.shape[4] % self.config.patch:
            raise ValueError(f"latents of {x.shape[4]}x{x.shape[3]} cells: sides must be multiples of {self.config.patch}")
        if text.shape[1] > self.config.text_tokens:
            raise ValueError(f"text of {text.shape[1]} tokens: the model takes {self.config.text_tokens}, shorten the prompt")


def all_spots(rows: int, columns: int) -> Tensor:
    """Row and column (S, 2) of every token of a latent."""
    return torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
