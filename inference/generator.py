"""The model in a process of its own, as the server sees it: commands become futures, a crash becomes one line.

A crash or a stall of the model does not touch the server: pending commands fail with ``ModelStoppedError``, and the
process is started again.
"""

import contextlib
import multiprocessing
import pickle
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from inference.frame_ring import FrameRing, Frames, RingShape, TornFramesError, frames_slot, image_slot
from inference.model_process import Begin, Command, Done, Failed, Load, Ready, Reply, Step, run_model
from infra.errors import WorldloomError
from infra.schema import Keyboard, Mouse

_TICK: Final = 0.25  # seconds between looks at heart-beat and closing


class ModelStoppedError(WorldloomError):
    """The model's process ended or hung while something was asked of it."""


class CommandFailedError(WorldloomError):
    """The model refused a command; its process is well."""


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """How the model's process is watched."""

    load_seconds: float = 300.0  # after which a model that is not loaded is given up
    stall_seconds: float = 60.0  # without a heart-beat, after which the process is killed
    restarts: int = 3  # within ``restart_window``; one more and it stays down
    restart_window: float = 120.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Made:
    """One segment, out of the model's process."""

    frames: Frames  # (F, H, W, 3)
    c2w: NDArray[np.float64]  # (F, 4, 4)
    memory_frames: tuple[int, ...]
    timings: dict[str, float]  # seconds by step of the model
    seconds: float  # in the model's process


@dataclass(kw_only=True)
class _Pending:
    command: Begin | Step
    future: "Future[Any]" = field(default_factory=Future)


class Generator:
    """Starts, watches and restarts the model's process. All methods may be called from any thread."""

    def __init__(self, load: Load, shape: RingShape, config: GeneratorConfig = GeneratorConfig()) -> None:
        self.config, self.shape = config, shape
        self.status: Literal["starting", "ready", "failed", "closed"] = "starting"
        self.failure = ""  # one line, where the status is "failed"
        self.restarts = 0
        self.pid = 0
        self._load = load
        self._fall = ""  # how the process ended last
        self._ring = FrameRing.create(shape)
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._pending: dict[int, _Pending] = {}
        self._last: dict[int, Future[Any]] = {}  # what each seat asked last
        self._number = 0
        self._changed = threading.Condition()
        self._watcher = threading.Thread(target=self._watch, name="model-watcher", daemon=True)

    def open(self) -> "Generator":
        """Start the process; it is ready later."""
        self._watcher.start()
        return self

    def close(self) -> None:
        """End the process and free the shared memory; safe to call twice."""
        if self.status == "closed":
            return
        self._set_status("closed")
        if self._watcher.is_alive():
            self._watcher.join()
        self._ring.unlink()

    def __enter__(self) -> "Generator":
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_ready(self, timeout: float | None = None) -> None:
        """Block until the model is loaded.

        Raises:
            ModelStoppedError: it stays down, or is not ready in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.status != "starting", timeout)
        if self.status != "ready":
            raise ModelStoppedError(self.failure or f"the model is {self.status}")

    def wait_failed(self) -> bool:
        """Block until the model stays down, or until this is closed; whether it stays down."""
        with self._changed:
            self._changed.wait_for(lambda: self.status in ("failed", "closed"))
        return self.status == "failed"

    @property
    def pending(self) -> int:
        """How many commands are asked and not answered."""
        return len(self._pending)

    def last(self, seat: int) -> "Future[Any] | None":
        """What was asked for a seat last, None before anything."""
        return self._last.get(seat)

    def begin(self, seat: int, image: NDArray[np.uint8], prompt: str, seed: int) -> "Future[None]":
        """Start a walk at ``image`` (H, W, 3)."""
        with self._lock:
            number = self._next_number()
            self._ring.write(image_slot(seat), number, image[None])
            return self._send(Begin(number=number, seat=seat, prompt=prompt, seed=seed))

    def step(self, seat: int, keyboard: Keyboard, mouse: Mouse) -> "Future[Made]":
        """Generate the next segment of a seat's walk; ask for one at a time."""
        with self._lock:
            return self._send(Step(number=self._next_number(), seat=seat, keyboard=keyboard, mouse=mouse))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _send(self, command: Begin | Step) -> "Future[Any]":
        pending = _Pending(command=command)
        pending.future.set_running_or_notify_cancel()
        self._last[command.seat] = pending.future
        if self._connection is None:
            pending.future.set_exception(ModelStoppedError(self.failure or self._fall or f"the model is {self.status}"))
            return pending.future
        self._pending[command.number] = pending
        with contextlib.suppress(OSError):  # the watcher is about to find out, and fails what is pending
            self._connection.send(command)
        return pending.future

    def _watch(self) -> None:
        falls: deque[float] = deque()
        while self.status != "closed":
            parent, child = self._context.Pipe()
            arguments = (pickle.dumps(self._load), self.shape, self._ring.name, child)
            process = self._context.Process(target=run_model, args=arguments, name="worldloom-model", daemon=True)
            process.start()
            child.close()
            reason = self._follow(process, parent)
            self._end(process, parent, reason)
            if self.status in ("closed", "failed"):
                return
            now = time.monotonic()
            falls.append(now)
            while falls[0] < now - self.config.restart_window:
                falls.popleft()
            if len(falls) > self.config.restarts:
                self._fail(f"the model stopped {len(falls)} times in {self.config.restart_window:.0f} s, last: {reason}")
                return
            self.restarts += 1
            self._set_status("starting")

    def _follow(self, process: SpawnProcess, connection: Connection) -> str:
        """Resolve futures until the process ends; says why it did."""
        deadline = time.monotonic() + self.config.load_seconds
        while self.status != "closed":
            if connection in wait([connection, process.sentinel], _TICK):
                try:
                    self._receive(connection.recv(), connection)
                except (EOFError, OSError):
                    process.join(5)
                    return _describe_end(process)
            elif not process.is_alive():
                return _describe_end(process)
            elif self.status == "starting" and time.monotonic() > deadline:
                return f"it was not loaded within {self.config.load_seconds:.0f} s"
            elif self.status == "ready" and self._ring.seconds_since_beat() > self.config.stall_seconds:
                return f"it gave no sign of life for {self.config.stall_seconds:.0f} s"
            if self.status == "failed":
                break
        return "it was closed"

    def _receive(self, reply: Reply, connection: Connection) -> None:
        match reply:
            case Ready():
                self.pid = reply.pid
                with self._lock:
                    self._connection = connection
                self._set_status("ready")
            case Failed(number=-1):
                self._fail(f"the model cannot be loaded: {reply.reason}")
            case Failed():
                self._take(reply.number).future.set_exception(CommandFailedError(f"the model refused: {reply.reason}"))
            case Done():
                pending = self._take(reply.number)
                try:
                    pending.future.set_result(self._made(pending.command, reply))
                except TornFramesError as error:
                    pending.future.set_exception(ModelStoppedError(str(error)))

    def _take(self, number: int) -> _Pending:
        with self._lock:
            return self._pending.pop(number)

    def _made(self, command: Begin | Step, done: Done) -> Made | None:
        if isinstance(command, Begin) or done.c2w is None:
            return None
        return Made(
            frames=self._ring.read(frames_slot(command.seat), command.number),
            c2w=done.c2w,
            memory_frames=done.memory_frames,
            timings=dict(done.timings or {}),
            seconds=done.seconds,
        )

    def _end(self, process: SpawnProcess, connection: Connection, reason: str) -> None:
        self._fall = f"the model stopped: {reason}"
        with self._lock:
            self._connection = None
            pending, self._pending = list(self._pending.values()), {}
        ending: Command = None
        with contextlib.suppress(OSError):
            connection.send(ending)
        connection.close()
        process.join(1.0)
        if process.is_alive():
            process.kill()
            process.join()
        for item in pending:
            item.future.set_exception(ModelStoppedError(self._fall))

    def _fail(self, line: str) -> None:
        self.failure = line
        self._set_status("failed")

    def _set_status(self, status: Literal["starting", "ready", "failed", "closed"]) -> None:
        with self._changed:
            if self.status != "closed":
                self.status = status
            self._changed.notify_all()


def _describe_end(process: SpawnProcess) -> str:
    code = process.exitcode
    return (
        f"its process was killed by signal {-code}" if code is not None and code < 0 else f"its process exited with status {code}"
    )
