"""Several processes, one device each, that make every clip together: this one is rank 0, those it starts follow it."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor

from inference.released.loop import ClipLoop
from inference.released.published import open_denoiser, predictor_of
from inference.released.settings import GenerateConfig
from inference.ulysses import UlyssesPredictor, share_attention
from infra.errors import WorldloomError
from infra.interrupt import end_with_parent

LONGEST_WAIT: Final = timedelta(minutes=30)  # of a rank for the others: loading 13 GB from a slow disk takes minutes

ClipArguments = tuple[Tensor, Tensor, Tensor]
"""Keyboard, mouse and noise of a clip."""


class RankError(WorldloomError):
    """A rank failed or ended."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a rank needs to make clips; tensors lie on the CPU."""

    weights: Path
    config: GenerateConfig
    text: Tensor  # (1 or 2, K, W) of the prompt and, with guidance, of what it leads away from
    latent: Tensor  # (1, C, 1, h, w) of the picture
    stride: int  # pixels of a cell

    def device_of(self, rank: int) -> str:
        device = self.config.published.device
        return f"cuda:{rank}" if device == "cuda" and self.config.layout.ranks > 1 else device

    def open_loop(self, rank: int = 0) -> ClipLoop:
        """The clip loop of a rank with the denoiser on its device. Raises as ``open_denoiser``."""
        published = replace(self.config.published, device=self.device_of(rank))
        text = self.text.to(published.device, published.dtype)
        model = open_denoiser(self.weights, published, text, self.latent.shape[1], self.stride)
        predictors = [predictor_of(model, text[row : row + 1], published) for row in range(len(text))]
        if self.config.layout.ranks > 1:
            share_attention(model)
            predictors = [UlyssesPredictor(predictor, model) for predictor in predictors]
        unconditional = predictors[1] if len(predictors) > 1 else None
        latent = self.latent.to(published.device)
        return ClipLoop(latent, predictors[0], unconditional, self.config.sampling, stride=self.stride)


@contextlib.contextmanager
def lead(beginning: Beginning) -> Iterator[Callable[[ClipArguments], None]]:
    """Start the other ranks and meet them; yields what tells them of the next clip. They end when this does.

    Raises:
        RankError: a rank ended early, with its reason.
    """
    ranks = beginning.config.layout.ranks
    if ranks == 1:
        yield lambda _: None
        return
    context = get_context("spawn")
    with tempfile.TemporaryDirectory() as meeting:
        others = [context.Process(target=_follow, args=(rank, meeting, beginning), daemon=True) for rank in range(1, ranks)]
        for process in others:
            process.start()
        try:
            _await(others, Path(meeting))
            _meet(0, meeting, beginning)
            yield _tell
            _tell(None)
            for process in others:
                process.join(10)
        except RuntimeError as error:  # what the end of another rank looks like from here
            for path in sorted(Path(meeting).glob("*.txt")):
                reason = path.read_text(encoding="utf-8")
                raise RankError(f"rank {path.stem} failed: {reason}; mend that, or use fewer ranks") from error
            raise
        finally:
            for process in others:
                process.terminate()
                process.join()
            if dist.is_initialized():
                dist.destroy_process_group()


def _await(others: Sequence[BaseProcess], meeting: Path) -> None:
    """Wait until every process has begun: to meet one that never comes would take all of ``LONGEST_WAIT``."""
    while len(list(meeting.glob("*.here"))) < len(others):
        for rank, process in enumerate(others, 1):
            if not process.is_alive():
                raise RankError(f"rank {rank} ended with status {process.exitcode} as it began; use fewer ranks")
        time.sleep(0.05)


def _follow(rank: int, meeting: str, beginning: Beginning) -> None:
    """Make the same clips as rank 0 until it says that there are no more."""
    end_with_parent()
    with contextlib.suppress(KeyboardInterrupt), torch.no_grad():  # rank 0 says what was interrupted
        try:
            Path(meeting, f"{rank}.here").touch()
            _meet(rank, meeting, beginning)
            loop = beginning.open_loop(rank)
            while (clip := _hear()) is not None:
                loop.next(*clip)
        except Exception as error:  # whatever it is, rank 0 must be able to say it
            Path(meeting, f"{rank}.txt").write_text(" ".join(str(error).split()) or type(error).__name__, encoding="utf-8")
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()


def _meet(rank: int, meeting: str, beginning: Beginning) -> None:
    device = beginning.device_of(rank)
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    place, ranks = f"file://{meeting}/meet", beginning.config.layout.ranks
    dist.init_process_group(backend, init_method=place, rank=rank, world_size=ranks, timeout=LONGEST_WAIT)


def _tell(clip: ClipArguments | None) -> None:
    dist.broadcast_object_list([clip], src=0, device=torch.device("cpu"))


def _hear() -> ClipArguments | None:
    heard: list[ClipArguments | None] = [None]
    dist.broadcast_object_list(heard, src=0, device=torch.device("cpu"))
    return heard[0]
