"""Layers of the causal video autoencoder, under the parameter names of the public Wan2.2 VAE.

Legend: B batch, C channels, T frames, H W pixels. A ``Stream`` carries what each causal layer must remember
between calls, so that a video decoded in pieces equals the video decoded at once.
"""

from typing import Final

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from modeling.attention import attention


class Stream:
    """History of the causal layers of one video, keyed by layer. Empty means: this is the first piece."""

    def __init__(self) -> None:
        self.history: dict[nn.Module, Tensor] = {}

    @property
    def started(self) -> bool:
        return bool(self.history)


class CausalConv3d(nn.Conv3d):
    """A 3-D convolution that looks only back in time: zero history before the first frame.

    It runs as one 2-D convolution over stacked time taps, which CPUs do many times faster than 3-D ones;
    a test holds it equal to ``torch.nn.functional.conv3d``.
    """

    def forward(self, x: Tensor, stream: Stream | None = None) -> Tensor:
        """Map (B, C, T, H, W) to (B, C', T, H', W'), T' = T whatever the kernel."""
        taps = self.kernel_size[0]
        if taps > 1:
            past = stream.history.get(self) if stream is not None else None
            if past is None:
                past = x.new_zeros(*x.shape[:2], taps - 1, *x.shape[3:])
            x = torch.cat([past, x], 2)
            if stream is not None:
                stream.history[self] = x[:, :, -(taps - 1) :]
        return self.valid(x)

    def valid(self, x: Tensor) -> Tensor:
        """Convolve without padding in time: (B, C, T, H, W) to (B, C', T - taps + 1, H', W') at stride 1."""
        taps, stride = self.kernel_size[0], self.stride[0]
        if x.is_cuda:
            return F.conv3d(x, self.weight, self.bias, self.stride, (0, *self._spatial_padding))
        count = (x.shape[2] - taps) // stride + 1
        stacked = torch.cat([x[:, :, tap : tap + stride * (count - 1) + 1 : stride] for tap in range(taps)], 1)
        frames = rearrange(stacked, "b c t h w -> (b t) c h w").contiguous(memory_format=torch.channels_last)
        weight = rearrange(self.weight, "o c t h w -> o (t c) h w")
        frames = F.conv2d(frames, weight, self.bias, self.stride[1:], self._spatial_padding)
        return rearrange(frames, "(b t) c h w -> b c t h w", b=len(x))

    @property
    def _spatial_padding(self) -> tuple[int, int]:
        return (self.kernel_size[1] // 2, self.kernel_size[2] // 2)


class ChannelNorm(nn.Module):
    """Scale each position's channel vector to root mean square 1, times a learned gain."""

    EPS: Final = 1e-6  # the reference's: where channels almost vanish it is felt

    def __init__(self, channels: int, dims: int = 3) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *[1] * dims))

    def forward(self, x: Tensor) -> Tensor:
        mean_square = torch.linalg.vector_norm(x, dim=1, keepdim=True).square() / x.shape[1]
        return x * torch.rsqrt(mean_square + self.EPS).expand_as(x) * self.gamma


class ResidualBlock(nn.Module):
    """Norm, SiLU, convolution, twice, beside a shortcut."""

    def __init__(self, width_in: int, width_out: int, taps: int) -> None:
        super().__init__()
        first = CausalConv3d(width_in, width_out, (taps, 3, 3))
        second = CausalConv3d(width_out, width_out, (taps, 3, 3))
        # Places 1, 4 and 5 hold nothing with parameters; they keep the published numbering of the others.
        self.residual = nn.ModuleList(
            [ChannelNorm(width_in), nn.SiLU(), first, ChannelNorm(width_out), nn.SiLU(), nn.Identity(), second]
        )
        self.shortcut = CausalConv3d(width_in, width_out, 1) if width_in != width_out else nn.Identity()

    def forward(self, x: Tensor, stream: Stream | None = None) -> Tensor:
        shortcut = self.shortcut(x)
        for layer in self.residual:
            x = layer(x, stream) if isinstance(layer, CausalConv3d) else layer(x)
        return x + shortcut


class FrameAttention(nn.Module):
    """Single-head self-attention inside each frame."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(width, 2)
        self.to_qkv = nn.Conv2d(width, 3 * width, 1)
        self.proj = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, _, height, _ = x.shape
        frames = rearrange(x, "b c t h w -> (b t) c h w")
        query, key, value = rearrange(self.to_qkv(self.norm(frames)), "n (s c) h w -> s n (h w) 1 c", s=3)
        mixed = rearrange(attention(query, key, value), "n (h w) 1 c -> n c h w", h=height)
        return x + rearrange(self.proj(mixed), "(b t) c h w -> b c t h w", b=batch)


class Downsample(nn.Module):
    """Halve height and width, and the frame rate too where ``time`` is set; the first frame stays one frame."""

    def __init__(self, width: int, time: bool) -> None:
        super().__init__()
        # Place 0 is the published model's padding layer.
        self.resample = nn.ModuleList([nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(width, width, 3, stride=2)])
        self.time_conv = CausalConv3d(width, width, (3, 1, 1), stride=(2, 1, 1)) if time else None

    def forward(self, x: Tensor) -> Tensor:
        frames = rearrange(x, "b c t h w -> (b t) c h w")
        for layer in self.resample:
            frames = layer(frames)
        x = rearrange(frames, "(b t) c h w -> b c t h w", b=len(x))
        if self.time_conv is None or x.shape[2] == 1:
            return x
        return torch.cat([x[:, :, :1], self.time_conv.valid(x)], 2)


class Upsample(nn.Module):
    """Double height and width, and the frame rate too where ``time`` is set.

    The video's first frame passes the time convolution with zero history and only its second half is kept: the
    Matrix-Game 3.0 rule, in which the stock Wan2.2 decoder differs.
    """

    def __init__(self, width: int, time: bool) -> None:
        super().__init__()
        # Place 0 is the published model's nearest-neighbour upsampling.
        self.resample = nn.ModuleList(
            [nn.Upsample(scale_factor=(2.0, 2.0), mode="nearest-exact"), nn.Conv2d(width, width, 3, padding=1)]
        )
        self.time_conv = CausalConv3d(width, 2 * width, (3, 1, 1)) if time else None

    def forward(self, x: Tensor, stream: Stream | None, first: bool) -> Tensor:
        if self.time_conv is not None:
            x = rearrange(self.time_conv(x, stream), "b (s c) t h w -> b c (t s) h w", s=2)
            x = x[:, :, 1:] if first else x
        frames = rearrange(x, "b c t h w -> (b t) c h w")
        for layer in self.resample:
            frames = layer(frames)
        return rearrange(frames, "(b t) c h w -> b c t h w", b=len(x))


class DownStage(nn.Module):
    """Residual blocks and a downsampling, beside a parameter-free average of the same factor."""

    def __init__(self, width_in: int, width_out: int, blocks: int, taps: int, down: bool, time: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [ResidualBlock(width_in if i == 0 else width_out, width_out, taps) for i in range(blocks)]
        self.downsamples = nn.ModuleList([*layers, Downsample(width_out, time)] if down else layers)
        self.width_out, self.space, self.time = width_out, 2 if down else 1, 2 if time else 1

    def forward(self, x: Tensor) -> Tensor:
        shortcut = average_down(x, self.width_out, self.time, self.space)
        for layer in self.downsamples:
            x = layer(x)
        return x + shortcut


class UpStage(nn.Module):
    """Residual blocks and an upsampling, beside a parameter-free repetition of the same factor."""

    def __init__(self, width_in: int, width_out: int, blocks: int, taps: int, up: bool, time: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [ResidualBlock(width_in if i == 0 else width_out, width_out, taps) for i in range(blocks)]
        self.upsamples = nn.ModuleList([*layers, Upsample(width_out, time)] if up else layers)
        self.width_out, self.up, self.time = width_out, up, 2 if time else 1

    def forward(self, x: Tensor, stream: Stream | None, first: bool) -> Tensor:
        shortcut = repeat_up(x, self.width_out, self.time, 2, first) if self.up else None
        for layer in self.upsamples:
            x = layer(x, stream, first) if isinstance(layer, Upsample) else layer(x, stream)
        return x if shortcut is None else x + shortcut


def average_down(x: Tensor, width: int, time: int, space: int) -> Tensor:
    """Fold (B, C, T, H, W) by the factors into channels and average (or repeat) them to ``width`` channels."""
    x = F.pad(x, (0, 0, 0, 0, -x.shape[2] % time, 0))
    x = rearrange(x, "b c (t i) (h j) (w k) -> b (c i j k) t h w", i=time, j=space, k=space)
    if x.shape[1] < width:
        return x.repeat_interleave(width // x.shape[1], 1)
    return rearrange(x, "b (c g) t h w -> b c g t h w", c=width).mean(2)


def repeat_up(x: Tensor, width: int, time: int, space: int, first: bool) -> Tensor:
    """Unfold channels of (B, C, T, H, W), repeated as needed, into the factors; drop the first frame's early half."""
    x = x.repeat_interleave(width * time * space * space // x.shape[1], 1)
    x = rearrange(x, "b (c i j k) t h w -> b c (t i) (h j) (w k)", i=time, j=space, k=space)
    return x[:, :, time - 1 :] if first else x
