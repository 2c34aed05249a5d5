"""Sequence parallelism for the denoiser, after DeepSpeed-Ulysses: each of P ranks holds a P-th of every latent's tokens.

Tokens are cut by place, not by time, so that the action module, which looks along time at one place, needs no other
rank. Only self-attention does: there each rank trades its tokens of all heads for all tokens of its heads, and back.
Legend: B batch, C channels, F latents, S tokens a latent, L tokens, H heads, d head width, P ranks.
"""

from dataclasses import dataclass, replace

import torch
import torch.distributed as dist
from einops import rearrange
from torch import Tensor

from inference.released.predictor import ClipInputs, Predict, Predictor
from modeling.attention import attention
from modeling.denoiser import Denoiser, all_spots
from modeling.denoiser_blocks import Block


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The places of one rank: every latent's tokens from ``start`` on, a P-th of them."""

    rank: int
    ranks: int
    patch: int  # cells a token, each way
    height: int  # cells
    width: int

    def __post_init__(self) -> None:
        if self.tokens % self.ranks:
            raise ValueError(
                f"{self.tokens} tokens a latent cannot be shared by {self.ranks} ranks; use a number that divides them"
            )

    @property
    def tokens(self) -> int:
        """Of a whole latent."""
        return self.height * self.width // self.patch**2

    def take(self, x: Tensor) -> Tensor:
        """This rank's part of (B, C, F, h, w): a picture one token high, (B, C, F, patch, patch S / P)."""
        cells = rearrange(x, "b c f (h i) (w j) -> b c f i (h w) j", i=self.patch, j=self.patch)
        return cells.chunk(self.ranks, 4)[self.rank].flatten(4)

    def join(self, part: Tensor) -> Tensor:
        """The whole (B, C, F, h, w) from every rank's part; each rank gets it."""
        parts = [torch.empty_like(part) for _ in range(self.ranks)]
        dist.all_gather(parts, part.contiguous())
        size = {"h": self.height // self.patch, "w": self.width // self.patch, "i": self.patch, "j": self.patch}
        cells = torch.cat([one.unflatten(4, (-1, self.patch)) for one in parts], 4)
        return rearrange(cells, "b c f i (h w) j -> b c f (h i) (w j)", **size)

    def spots(self, rows: int, columns: int) -> Tensor:
        """Row and column (S / P, 2) of this rank's tokens, of whatever size their picture is said to be."""
        whole = all_spots(self.height // self.patch, self.width // self.patch).chunk(self.ranks)[self.rank]
        if rows * columns != len(whole):
            raise ValueError(f"rank {self.rank} has {len(whole)} tokens a latent and was given {rows}x{columns}")
        return whole


class UlyssesPredictor:
    """A predictor whose clips are shared by the ranks of the default process group; all of them must call it alike."""

    def __init__(self, inner: Predictor, denoiser: Denoiser) -> None:
        self._inner, self._denoiser = inner, denoiser

    def prepare(self, inputs: ClipInputs) -> Predict:
        height, width = inputs.past.shape[3:]
        patch = self._denoiser.config.patch
        shard = Shard(rank=dist.get_rank(), ranks=dist.get_world_size(), patch=patch, height=height, width=width)
        self._denoiser.spots = shard.spots
        memory = inputs.memory
        mine = replace(
            inputs,
            past=shard.take(inputs.past),
            rays=shard.take(inputs.rays),
            memory=None if memory is None else replace(memory, latents=shard.take(memory.latents)),
        )
        predict = self._inner.prepare(mine)
        return lambda noisy, time: shard.join(predict(shard.take(noisy), time))


def share_attention(denoiser: Denoiser) -> None:
    """Make every block's self-attention trade tokens for heads with the other ranks, in place.

    Raises:
        ValueError: the ranks do not divide the heads.
    """
    ranks, heads = dist.get_world_size(), denoiser.config.heads
    if heads % ranks:
        raise ValueError(f"{heads} heads cannot be shared by {ranks} ranks; use a number that divides them")
    for block in denoiser.blocks:
        assert isinstance(block, Block)
        block.self_attn.mix = exchanged_attention


def exchanged_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of this rank's queries (B, L / P, H, d) to the keys and values of all ranks.

    The order of tokens is another than on one rank, which attention does not notice: their places are turned in before.
    """
    return _tokens_of_all_heads(attention(*(_heads_of_all_tokens(part) for part in (query, key, value))))


def _heads_of_all_tokens(x: Tensor) -> Tensor:
    """(B, L / P, H, d) to (B, L, H / P, d)."""
    ranks = dist.get_world_size()
    sent = x.unflatten(2, (ranks, -1)).movedim(2, 0).contiguous()  # (P, B, L / P, H / P, d), first axis the receiver
    received = torch.empty_like(sent)
    dist.all_to_all_single(received, sent)
    return received.movedim(0, 1).flatten(1, 2)


def _tokens_of_all_heads(x: Tensor) -> Tensor:
    """(B, L, H / P, d) to (B, L / P, H, d)."""
    ranks = dist.get_world_size()
    sent = x.unflatten(1, (ranks, -1)).movedim(1, 0).contiguous()  # (P, B, L / P, H / P, d), first axis the receiver
    received = torch.empty_like(sent)
    dist.all_to_all_single(received, sent)
    return received.movedim(0, 2).flatten(2, 3)
