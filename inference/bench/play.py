"""The benchmark of play: a segment of the weights that ship, by threads and by the type that the processor computes in."""

import functools
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch

from inference.accelerate import AccelerateConfig, accelerate
from inference.bench.measure import Times, describe_machine, interleave
from inference.session import WorldSession
from infra.openmp import how_threads_wait
from infra.schema import idle_actions
from modeling.autoencoder import TINY_AUTOENCODER, Autoencoder
from modeling.base_weights import load_base_weights
from modeling.conditioning import TINY_WORLD
from modeling.denoiser import Denoiser
from modeling.device import Precision, set_precision
from modeling.world_model import WorldModel

_CPU: Final = torch.device("cpu")
_PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class PlayBenchConfig:
    """How to measure, at the size that `make run` trains and plays."""

    repeats: int = 15  # segments of each kind that count
    threads: tuple[int, ...] = (1, 2)
    width: int = 224
    height: int = 128
    fps: float = 16.0  # of the world; play must make as many


def bench_play(config: PlayBenchConfig, say: Callable[[str], None]) -> dict[str, Any]:
    """Time a segment on the CPU; figures as JSON values, lines for people through ``say``."""
    before = torch.get_num_threads()
    try:
        walks = {precision: _begin(config, precision) for precision in _PRECISIONS}
        steps = {
            f"{kind}, {count} thread{'s' * (count > 1)}": functools.partial(_step, walks[kind], kind, count)
            for kind, count in itertools.product(_PRECISIONS, config.threads)
        }
        times = interleave(steps, config.repeats, _CPU)
    finally:
        set_precision("auto")
        torch.set_num_threads(before)
    frames = TINY_WORLD.segments.new_frames
    machine = describe_machine(_CPU) | {"waiting": how_threads_wait()}
    say(f"a segment of {frames} frames of {config.width}x{config.height}; {config.fps:g} frames a second need "
        f"{1000 * frames / config.fps:.0f} ms")  # fmt: skip
    for line in _lines(times, frames):
        say(f"  {line}")
    say(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, {machine['waiting']}")
    return {"machine": machine, "frames": frames, "seconds": {kind: asdict(taken) for kind, taken in times.items()}}


def _begin(config: PlayBenchConfig, precision: Precision) -> WorldSession:
    """A walk that has begun at a picture of coloured tiles."""
    autoencoder, denoiser = Autoencoder(TINY_AUTOENCODER), Denoiser(TINY_WORLD.denoiser)
    load_base_weights("autoencoder").load_into(autoencoder, asdict(TINY_AUTOENCODER))
    load_base_weights("student").load_into(denoiser, asdict(TINY_WORLD.denoiser))
    size = {"width": config.width, "height": config.height, "fps": config.fps}
    model = WorldModel(autoencoder, denoiser, TINY_WORLD, steps=1, **size)  # type: ignore[arg-type]
    set_precision(precision)
    accelerate(model, AccelerateConfig())
    session = WorldSession(model)
    tiles = np.random.default_rng(0).integers(0, 255, (config.height // 16, config.width // 16, 3), dtype=np.uint8)
    session.reset(tiles.repeat(16, 0).repeat(16, 1), "coloured tiles", 0)
    return session


def _step(session: WorldSession, precision: Precision, threads: int) -> None:
    """A segment that walks on and looks to the right."""
    set_precision(precision)
    torch.set_num_threads(threads)
    keyboard, mouse = idle_actions(session.model.segments.new_frames)
    keyboard[:, 0], mouse[:, 1] = 1, 0.05
    session.step((keyboard, mouse))


def _lines(times: dict[str, Times], frames: int) -> list[str]:
    lines = [f"{'':<22} {'median':>9} {'min':>9} {'CPU':>9} {'frames/s':>9}"]
    for kind, taken in times.items():
        row = (1000 * taken.median, 1000 * taken.min, 1000 * taken.cpu)
        lines.append(f"{kind:<22} " + " ".join(f"{value:>6.0f} ms" for value in row) + f" {frames / taken.median:>9.1f}")
    return lines
