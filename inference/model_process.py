"""What runs in the model's own process: sessions by seat, commands in, frames out through shared memory."""

import os
import pickle
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inference.frame_ring import FrameRing, RingShape, frames_slot, image_slot
from infra.openmp import let_threads_sleep
from infra.schema import Keyboard, Mouse

if TYPE_CHECKING:  # the process of the web server does without torch
    from modeling.rollout import Segment

_IDLE_SECONDS: Final = 0.5  # between heart-beats while nothing is asked


class Session(Protocol):
    """One player's walk, as in ``inference.session.WorldSession``."""

    def reset(self, image: NDArray[np.uint8], prompt: str, seed: int) -> None: ...

    def step(self, actions: tuple[Keyboard, Mouse]) -> "Segment": ...


MakeSession: TypeAlias = Callable[[], Session]
Load: TypeAlias = Callable[[], MakeSession]  # run once in the process


@dataclass(frozen=True, kw_only=True)
class Begin:
    """Start a walk; its image lies in the seat's image slot under ``number``."""

    number: int
    seat: int
    prompt: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """Generate a segment into the seat's frames slot."""

    number: int
    seat: int
    keyboard: Keyboard
    mouse: Mouse


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The model is loaded."""

    pid: int


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command is carried out; for a step, what it brought beside the frames in the ring."""

    number: int
    c2w: NDArray[np.float64] | None = None  # (F, 4, 4)
    memory_frames: tuple[int, ...] = ()
    timings: Mapping[str, float] | None = None  # seconds by step of the model
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A command could not be carried out; the process lives on. ``number`` is -1 where loading failed."""

    number: int
    reason: str  # one line


Command: TypeAlias = Begin | Step | None  # None ends the process
Reply: TypeAlias = Ready | Done | Failed


def run_model(load: bytes, shape: RingShape, ring_name: str, connection: Connection) -> None:
    """Serve commands until told to end or until the other side is gone. ``load`` is a pickled ``Load``.

    It is unpickled here because that imports torch, whose thread pool reads only then how its threads are to wait.
    """
    let_threads_sleep()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends this process
    ring = FrameRing.attach(shape, ring_name)
    try:
        _serve(load, ring, connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the server is gone
    finally:
        ring.close()


def _serve(load: bytes, ring: FrameRing, connection: Connection) -> None:
    try:
        make_session: MakeSession = pickle.loads(load)()
    except Exception as error:
        connection.send(Failed(number=-1, reason=_one_line(error)))
        return
    ring.beat()
    connection.send(Ready(pid=os.getpid()))
    sessions: dict[int, Session] = {}
    while True:
        ring.beat()
        if not connection.poll(_IDLE_SECONDS):
            continue
        command: Command = connection.recv()
        if command is None:
            return
        ring.beat()
        connection.send(_carry_out(command, sessions, make_session, ring))


def _carry_out(command: Begin | Step, sessions: dict[int, Session], make_session: MakeSession, ring: FrameRing) -> Reply:
    began = time.perf_counter()
    try:
        if isinstance(command, Begin):
            session = sessions.setdefault(command.seat, make_session())
            session.reset(ring.read(image_slot(command.seat), command.number)[0], command.prompt, command.seed)
            return Done(number=command.number, seconds=time.perf_counter() - began)
        segment = sessions[command.seat].step((command.keyboard, command.mouse))
        ring.write(frames_slot(command.seat), command.number, segment.frames)
    except Exception as error:
        return Failed(number=command.number, reason=_one_line(error))
    return Done(
        number=command.number,
        c2w=segment.c2w,
        memory_frames=segment.memory_frames,
        timings=segment.timings,
        seconds=time.perf_counter() - began,
    )


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
