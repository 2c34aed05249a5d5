"""The denoiser's fast path: prepares what a prompt and a segment fix, then steps with the same module and weights.

Equal to ``Denoiser.forward`` up to rounding for clips that begin with clean latents; a test holds it so.
Legend: B batch, C channels, M memory, P past, N noisy latents, F = P + N, h w latent cells, L tokens, D width.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from inference.fast.actions import prepare_actions
from inference.fast.block import BlockCache, Stage, run_block
from inference.fast.cpu_kernels import CpuKernels
from inference.fast.frozen import Frozen
from inference.fast.prompt import PromptCache
from inference.fast.span import Span
from inference.fast.turning import complex_table
from modeling.action_module import Actions
from modeling.denoiser import Denoiser, Memory
from modeling.denoiser_blocks import Block


@dataclass(frozen=True, kw_only=True)
class SegmentInputs:
    """What stays the same over the steps of a segment, beside the prompt."""

    noisy: int  # latents
    height: int  # latent cells
    width: int
    past: Tensor | None = None  # (B, C, P, h, w) clean latents at the start of the clip
    memory: Memory | None = None  # clean
    rays: Tensor | None = None  # (B, R, M + F, h, w)
    actions: Actions | None = None
    positions: Tensor | None = None  # (F,) latent numbers; 0.. where absent
    extra: Tensor | None = None  # (B, E, F, h, w)


@dataclass(frozen=True, kw_only=True)
class SegmentCache:
    """What ``FastDenoiser.prepare`` made of them."""

    span: Span
    height: int
    clean: Tensor | None  # (B, clean tokens, D) embedded
    extra: Tensor | None  # (B, noisy tokens, D) what extra channels add
    clean_time: Tensor  # (1, 1, 6, D)
    table: Tensor  # (L, H, d / 2) complex
    blocks: tuple[BlockCache, ...]


class FastDenoiser:
    """A ``Denoiser``, faster: it holds the module itself and no weights of its own."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self._blocks: list[Block] = [block for block in denoiser.blocks if isinstance(block, Block)]

    @torch.no_grad()
    def prepare(self, inputs: SegmentInputs, prompt: PromptCache) -> SegmentCache:
        """Compute everything that the noisy latents and their time do not change.

        Raises:
            ValueError: sides that are no multiple of the patch, or memory that is not clean.
        """
        patch = self.denoiser.config.patch
        if inputs.height % patch or inputs.width % patch:
            raise ValueError(f"latents of {inputs.width}x{inputs.height} cells: sides must be multiples of {patch}")
        if inputs.memory is not None and inputs.memory.time is not None and bool(inputs.memory.time.any()):
            raise ValueError("the fast path takes clean memory latents only; use Denoiser for memory at another time")
        memory = 0 if inputs.memory is None else inputs.memory.latents.shape[2]
        past = 0 if inputs.past is None else inputs.past.shape[2]
        span = Span(clean=memory + past, noisy=inputs.noisy, spots=inputs.height * inputs.width // patch**2)
        with CpuKernels():
            return SegmentCache(
                span=span,
                height=inputs.height,
                clean=self._embed_clean(inputs, past),
                extra=self._embed_extra(inputs, past),
                clean_time=self._time(prompt.keys[0].new_zeros(1, dtype=torch.float32)),
                table=self._table(inputs, past, prompt.keys[0].device),
                blocks=self._prepare_blocks(inputs, prompt, memory),
            )

    @torch.no_grad()
    def step(self, noisy: Tensor, time: Tensor, cache: SegmentCache, frozen: Frozen | None = None) -> Tensor:
        """Predict (B, C, N, h, w) for ``noisy`` latents of that shape at ``time`` (B,), 0 to 1000.

        With ``frozen`` the clean tokens run in its first step only: approximate.
        """
        with CpuKernels():
            stamp = self.denoiser.embed_time(time[:, None])
            skip = frozen is not None and frozen.filled
            stage = Stage(
                span=replace(cache.span, absent=cache.span.clean) if skip else cache.span,
                clean_time=cache.clean_time,
                noisy_time=self._project(stamp),
                table=cache.table,
                frozen=frozen,
            )
            tokens = self._run_blocks(self._tokens(noisy, cache, skip).to(stage.noisy_time.dtype), cache, stage)
            return self.denoiser.join_patches(self.denoiser.head(tokens, stamp), cache.span.noisy, cache.height)

    def _tokens(self, noisy: Tensor, cache: SegmentCache, skip: bool) -> Tensor:
        """Embedded tokens (B, L, D) that the blocks may overwrite, without clean ones where they are to be skipped."""
        x = self._embed(noisy, 0, bias=True)
        if cache.extra is not None:
            x.add_(cache.extra)
        return x if cache.clean is None or skip else torch.cat([cache.clean.expand(len(x), -1, -1), x], 1)

    def _run_blocks(self, x: Tensor, cache: SegmentCache, stage: Stage) -> Tensor:
        for number, block in enumerate(self._blocks):
            x = run_block(block, x, cache.blocks[number], stage, number, last=number == len(self._blocks) - 1)
        return x

    def _prepare_blocks(self, inputs: SegmentInputs, prompt: PromptCache, memory: int) -> tuple[BlockCache, ...]:
        camera = None if inputs.rays is None else _Camera(self.denoiser, inputs.rays)
        blocks = []
        for number, block in enumerate(self._blocks):
            scale = shift = None
            if camera is not None:
                scale, shift = (camera.spread(rows) for rows in block.camera_rows(camera.embedded))
            actions = None
            if inputs.actions is not None and block.action_model is not None:
                actions = prepare_actions(block.action_model, inputs.actions, memory, self.denoiser.config.width)
            blocks.append(
                BlockCache(
                    scale=scale,
                    shift=shift,
                    text_key=prompt.keys[number],
                    text_value=prompt.values[number],
                    text_bias=prompt.bias,
                    actions=actions,
                )
            )
        return tuple(blocks)

    def _embed_clean(self, inputs: SegmentInputs, past: int) -> Tensor | None:
        parts = []
        if inputs.memory is not None:
            parts.append(self._embed(inputs.memory.latents, 0, bias=True))
        if inputs.past is not None and past:
            parts.append(self._embed(inputs.past, 0, bias=True))
            if inputs.extra is not None:
                parts[-1] = parts[-1] + self._embed(inputs.extra[:, :, :past], self.denoiser.config.latent_channels, bias=False)
        return torch.cat(parts, 1) if parts else None

    def _embed_extra(self, inputs: SegmentInputs, past: int) -> Tensor | None:
        if inputs.extra is None:
            return None
        return self._embed(inputs.extra[:, :, past:], self.denoiser.config.latent_channels, bias=False)

    def _embed(self, latents: Tensor, channel: int, *, bias: bool) -> Tensor:
        """The part of the patch embedding that channels from ``channel`` on have, as a matrix product."""
        layer, patch = self.denoiser.patch_embedding, self.denoiser.config.patch
        cells = rearrange(latents, "b c f (h i) (w j) -> b (f h w) (c i j)", i=patch, j=patch)
        weight = layer.weight.flatten(1)[:, channel * patch**2 :][:, : cells.shape[-1]]
        return F.linear(cells.to(weight.dtype), weight, layer.bias if bias else None)

    def _time(self, time: Tensor) -> Tensor:
        return self._project(self.denoiser.embed_time(time[:, None]))

    def _project(self, stamp: Tensor) -> Tensor:
        """Time embedding (B, 1, D) to modulation (B, 1, 6, D)."""
        return self.denoiser.time_projection(stamp).unflatten(-1, (6, -1))

    def _table(self, inputs: SegmentInputs, past: int, device: torch.device) -> Tensor:
        numbers = torch.arange(past + inputs.noisy) if inputs.positions is None else inputs.positions
        if inputs.memory is not None:
            numbers = torch.cat([inputs.memory.positions.to(numbers.device), numbers])
        return complex_table(self.denoiser.rotary(numbers.to(device), inputs.height, inputs.width))


class _Camera:
    """Embedded rays of the different ray images only: a steady motion gives the same one for most latents."""

    def __init__(self, denoiser: Denoiser, rays: Tensor) -> None:
        images = rays.transpose(1, 2).flatten(0, 1)  # (B F, R, h, w)
        same = first_equal(images)
        different = sorted(set(same))
        self._batch = len(rays)
        self._index = None
        if len(different) < len(images):
            self._index = torch.tensor([different.index(number) for number in same], device=rays.device)
            images = images[torch.tensor(different, device=rays.device)]
        self.embedded = denoiser.embed_rays(images[:, :, None])  # (U, S, D)

    def spread(self, rows: Tensor) -> Tensor:
        """Rows (U, S, D) of the different images to those of each token (B, F S, D)."""
        rows = rows if self._index is None else rows[self._index]
        return rows.unflatten(0, (self._batch, -1)).flatten(1, 2)


def first_equal(images: Tensor) -> list[int]:
    """For each of N images the number of the first one that is the same, bit for bit."""
    flat = images.flatten(1)
    probe = flat[:, :: max(1, flat.shape[1] // 64)]
    alike = (probe[:, None] == probe[None]).all(-1).cpu().tolist()
    first = list(range(len(flat)))
    for image in range(len(flat)):
        for earlier in range(image):
            if first[earlier] == earlier and alike[image][earlier] and torch.equal(flat[image], flat[earlier]):
                first[image] = earlier
                break
    return first
