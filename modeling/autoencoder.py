"""The causal video autoencoder: the Wan2.2 VAE with the Matrix-Game 3.0 decoding rule.

``AutoencoderConfig()`` is the released form. Small forms set strides, widths and taps of the same class: with
``time_patch`` 4 and ``taps`` 1 four frames are packed into channels and each latent stands alone, which is what a
CPU can train. Legend: B batch, T frames, F latents, H W pixels.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from modeling.autoencoder_layers import CausalConv3d, ChannelNorm, DownStage, FrameAttention, ResidualBlock, Stream, UpStage


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """Widths are ``width`` times each of ``multipliers``; there is one spatial halving between two stages."""

    encoder_width: int = 160
    decoder_width: int = 256
    latent_channels: int = 48
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2  # residual blocks a stage; the decoder has one more
    halve_time: tuple[bool, ...] = (False, True, True)  # for each spatial halving
    patch: int = 2  # pixels packed into channels, each way
    time_patch: int = 1  # frames packed into channels
    taps: int = 3  # frames that a convolution sees, itself and earlier ones
    depth: bool = False  # the decoder also gives inverse depth, in 1/metres

    @property
    def stride(self) -> int:
        """Pixels a latent cell, each way."""
        return int(self.patch * 2 ** (len(self.multipliers) - 1))

    @property
    def stateless(self) -> bool:
        """Whether each latent stands alone, so that pieces of a video need no history."""
        return self.taps == 1 and not any(self.halve_time)

    @property
    def time_stride(self) -> int:
        """Frames a latent, after the first."""
        return int(self.time_patch * 2 ** sum(self.halve_time))


TINY_AUTOENCODER = AutoencoderConfig(
    encoder_width=64,
    decoder_width=64,
    latent_channels=32,
    multipliers=(1, 2),
    halve_time=(False,),
    patch=4,
    time_patch=4,
    taps=1,
    depth=True,
)


class Encoder(nn.Module):
    """Video in patches (B, C, T, H, W) to twice the latent channels (mean and log variance)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        taps, last = config.taps, len(config.multipliers) - 1
        widths = [config.encoder_width * m for m in (1, *config.multipliers)]
        self.conv1 = CausalConv3d(3 * config.patch**2 * config.time_patch, widths[0], (taps, 3, 3))
        halve = (*config.halve_time, False)
        self.downsamples = nn.ModuleList(
            DownStage(widths[i], widths[i + 1], config.blocks, taps, i < last, halve[i]) for i in range(last + 1)
        )
        self.middle = _middle(widths[-1], taps)
        self.head = _head(widths[-1], 2 * config.latent_channels, taps)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for layer in (*self.downsamples, *self.middle, *self.head):
            x = layer(x)
        return x


class Decoder(nn.Module):
    """Latents (B, C, F, h, w) to video in patches."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        taps, last = config.taps, len(config.multipliers) - 1
        widths = [config.decoder_width * m for m in (config.multipliers[-1], *reversed(config.multipliers))]
        self.conv1 = CausalConv3d(config.latent_channels, widths[0], (taps, 3, 3))
        self.middle = _middle(widths[0], taps)
        double = (*reversed(config.halve_time), False)
        self.upsamples = nn.ModuleList(
            UpStage(widths[i], widths[i + 1], config.blocks + 1, taps, i < last, double[i]) for i in range(last + 1)
        )
        channels = 4 if config.depth else 3
        self.head = _head(widths[-1], channels * config.patch**2 * config.time_patch, taps)

    def forward(self, x: Tensor, stream: Stream | None, first: bool) -> Tensor:
        x = self.conv1(x, stream)
        for layer in self.middle:
            x = layer(x, stream) if isinstance(layer, ResidualBlock) else layer(x)
        for stage in self.upsamples:
            x = stage(x, stream, first)
        for layer in self.head:
            x = layer(x, stream) if isinstance(layer, CausalConv3d) else layer(x)
        return x


class Autoencoder(nn.Module):
    """Video (B, 3, T, H, W) in -1..1 with T = 4k + 1 frames to k + 1 latents, and back.

    The latents that it gives and takes are normalised by ``latent_mean`` and ``latent_std``.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.encoder = Encoder(config)
        self.conv1 = CausalConv3d(2 * channels, 2 * channels, 1)
        self.conv2 = CausalConv3d(channels, channels, 1)
        self.decoder = Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(channels))
        self.register_buffer("latent_std", torch.ones(channels))

    def encode(self, video: Tensor, *, goes_on: bool = False) -> Tensor:
        """Map (B, 3, T, H, W) in -1..1 to normalised latent means (B, C, F, h, w), T = 4k + 1.

        With ``goes_on`` the frames do not start a video: T = 4k, which only a stateless autoencoder takes.

        Raises:
            ValueError: the size is no multiple of the stride, T does not fit, or ``goes_on`` would need history.
        """
        return (self.encode_raw(video, goes_on=goes_on) - self._shaped(self.latent_mean)) / self._shaped(self.latent_std)

    def encode_raw(self, video: Tensor, *, goes_on: bool = False) -> Tensor:
        """As ``encode``, before normalisation."""
        self._check(video, goes_on)
        p, q = self.config.time_patch, self.config.patch
        if not goes_on:  # the first latent holds one frame
            video = torch.cat([video[:, :, :1].expand(-1, -1, p - 1, -1, -1), video], 2)
        x = rearrange(video, "b c (t i) (h j) (w k) -> b (c i k j) t h w", i=p, j=q, k=q)
        mean: Tensor = self.conv1(self.encoder(x)).chunk(2, 1)[0]
        return mean

    def decode(self, latents: Tensor, stream: Stream | None = None, *, goes_on: bool = False) -> Tensor:
        """Map normalised latents (B, C, F, h, w) to video (B, 3 or 4, T, H, W), clamped to -1..1.

        With a ``stream`` the latents go on where the last call with it ended: the first call gives 4F - 3 frames,
        later ones 4F, as with ``goes_on`` where the autoencoder is stateless. Channel 3, where there is one, is
        inverse depth in 1/metres and not clamped.
        """
        video = self.decode_raw(latents * self._shaped(self.latent_std) + self._shaped(self.latent_mean), stream, goes_on=goes_on)
        return torch.cat([video[:, :3].clamp(-1, 1), video[:, 3:]], 1)

    def decode_raw(self, latents: Tensor, stream: Stream | None = None, *, goes_on: bool = False) -> Tensor:
        """As ``decode``, from latents that are not normalised, without the clamp."""
        if goes_on and not self.config.stateless:
            raise ValueError("this autoencoder carries history from latent to latent; pass a stream instead of goes_on")
        first = not goes_on and (stream is None or not stream.started)
        if stream is not None:
            stream.history.setdefault(self, latents[:, :, :0])  # marks the stream as started, also at one tap
        p, q = self.config.time_patch, self.config.patch
        x = self.decoder(self.conv2(latents), stream, first)
        video = rearrange(x, "b (c i k j) t h w -> b c (t i) (h j) (w k)", i=p, j=q, k=q)
        return video[:, :, p - 1 :] if first else video

    def _check(self, video: Tensor, goes_on: bool) -> None:
        if goes_on and not self.config.stateless:
            raise ValueError("this autoencoder carries history from frame to frame; encode the video from its first frame")
        stride, time, over = self.config.stride, self.config.time_stride, 0 if goes_on else 1
        if video.shape[-1] % stride or video.shape[-2] % stride or video.shape[2] % time != over % time:
            need = f"{time}k frames" if goes_on else f"{time}k+1 frames"
            size = f"{video.shape[-1]}x{video.shape[-2]}"
            raise ValueError(f"video of {video.shape[2]} frames of {size}: need {need}, sides multiples of {stride}")

    def _shaped(self, values: Tensor) -> Tensor:
        return values.view(1, -1, 1, 1, 1)


def _middle(width: int, taps: int) -> nn.ModuleList:
    return nn.ModuleList([ResidualBlock(width, width, taps), FrameAttention(width), ResidualBlock(width, width, taps)])


def _head(width: int, channels: int, taps: int) -> nn.ModuleList:
    return nn.ModuleList([ChannelNorm(width), nn.SiLU(), CausalConv3d(width, channels, (taps, 3, 3))])
