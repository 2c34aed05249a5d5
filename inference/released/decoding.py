"""From latents to frames: here, or in a process of its own that decodes a clip while the next one is made."""

import contextlib
import queue
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.released.published import PublishedConfig, open_autoencoder
from infra.errors import WorldloomError
from infra.interrupt import end_with_parent
from modeling.autoencoder_layers import Stream
from modeling.finite import require_finite

Frame = NDArray[np.uint8]  # (H, W, 3)

AT_ONCE: Final = 4  # latents, as published; how many makes no difference to the frames
_LOOK_SECONDS: Final = 1.0  # between looks whether the process lives


class DecodingError(WorldloomError):
    """The decoding process failed."""


class ClipDecoder:
    """Turns clips into frames; the decoder's history goes on from clip to clip."""

    def __init__(self, decode: Callable[[Tensor, Stream], Tensor], at_once: int = AT_ONCE) -> None:
        self._decode, self._at_once = decode, at_once
        self._stream = Stream()

    def decode(self, latents: Tensor) -> Iterator[Frame]:
        """The frames of the next clip's latents (1, C, N, h, w), ``at_once`` of them at a time.

        Raises:
            NotFiniteError: the decoder made NaN.
        """
        for piece in latents.split(self._at_once, 2):
            video = require_finite(self._decode(piece, self._stream)[0, :3], "the decoder's frames")
            frames = ((video.float() + 1) * 127.5).round().to(torch.uint8)
            yield from frames.permute(1, 2, 3, 0).cpu().numpy()


def decode_clips(weights: Path, config: PublishedConfig, clips: Iterable[Tensor]) -> Generator[Frame, None, None]:
    """The frames of clips (1, C, N, h, w), decoded here between one clip and the next."""
    decoder = open_decoder(weights, config)
    for latents in clips:
        yield from decoder.decode(latents)


def decode_clips_apart(weights: Path, config: PublishedConfig, clips: Iterable[Tensor]) -> Generator[Frame, None, None]:
    """The same frames from a process of its own, which decodes while ``clips`` makes the next one. At most two are under way.

    Raises:
        DecodingError: the process failed or ended.
    """
    context = get_context("spawn")
    tasks: Queue[Any] = context.Queue()
    results: Queue[Any] = context.Queue()
    process = context.Process(target=_serve, args=(weights, config, tasks, results), daemon=True)
    process.start()
    try:
        under_way = 0
        for latents in clips:
            tasks.put(latents.float().cpu().numpy())
            if under_way:
                yield from _receive(process, results)
            under_way = 1
        if under_way:
            yield from _receive(process, results)
    finally:
        tasks.put(None)
        process.join(5)
        process.terminate()
        process.join()


def open_decoder(weights: Path, config: PublishedConfig) -> ClipDecoder:
    """The published decoder that ``config`` asks for, from float32 latents of any device."""
    autoencoder = open_autoencoder(weights, config)

    def decode(latents: Tensor, stream: Stream) -> Tensor:
        return autoencoder.decode(latents.to(config.device, config.dtype), stream)

    return ClipDecoder(decode)


def decoder_device(config: PublishedConfig, ranks: int) -> PublishedConfig:
    """The same files with the decoder on the device after those of the ranks, where there is one."""
    apart = config.device.startswith("cuda") and torch.cuda.device_count() > ranks
    return replace(config, device=f"cuda:{ranks}") if apart else config


def _receive(process: Any, results: "Queue[Any]") -> Iterator[Frame]:
    """The frames of one clip, as they come."""
    while True:
        try:
            result = results.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if not process.is_alive():
                raise DecodingError(
                    f"the decoding process ended with status {process.exitcode}; was memory short? decode in the main one"
                ) from None
            continue
        if result is None:
            return
        if isinstance(result, str):
            raise DecodingError(f"decoding failed: {result}")
        yield from result


@torch.no_grad()
def _serve(weights: Path, config: PublishedConfig, tasks: "Queue[Any]", results: "Queue[Any]") -> None:
    """Decode clips until None comes; after each clip a None goes back, after a failure its reason in one line."""
    end_with_parent()
    with contextlib.suppress(KeyboardInterrupt):  # the main process says what was interrupted
        try:
            torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # the rest is the denoiser's
            decoder = open_decoder(weights, config)
            while (latents := tasks.get()) is not None:
                for piece in _pieces(decoder.decode(torch.from_numpy(latents))):
                    results.put(piece)
                results.put(None)
        except Exception as error:  # whatever it is, the other side must not wait for ever
            results.put(" ".join(str(error).split()) or type(error).__name__)


def _pieces(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Frames stacked (up to 16, H, W, 3): one message for many."""
    held: list[Frame] = []
    for frame in frames:
        held.append(frame)
        if len(held) == 16:
            yield np.stack(held)
            held = []
    if held:
        yield np.stack(held)
