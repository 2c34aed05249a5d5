"""One player's walk: segments are made while the one before plays, and frames leave at an even pace."""

import asyncio
import contextlib
import itertools
import time
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from inference.controls import Controls, ControlsConfig
from inference.generator import CommandFailedError, Generator, Made, ModelStoppedError
from inference.outbox import Outbox, OutFrame, microseconds
from inference.pictures import encode_jpeg
from inference.protocol import ErrorNote, FrameHeader, Loading, SegmentNote, Started
from infra.dynamics import pitch_and_yaw
from infra.pictures import Picture

_WALKS = itertools.count(1)  # session numbers, unique within the server


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """How frames leave."""

    jpeg_quality: int = 90
    margin: float = 0.04  # seconds that a segment is to be ready before it is due
    caution: float = 1.15  # of the time that a segment is expected to take
    controls: ControlsConfig = ControlsConfig()


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What a player asked to start from."""

    picture: Picture  # (H, W, 3)
    image: int  # number of the start image, -1 for an upload
    prompt: str
    seed: int


@dataclass(kw_only=True)
class Pace:
    """How long a segment takes, and so when the next must be begun and how far frames stand apart.

    Each segment is begun as late as it may be, so that it answers to the newest action. Where the model is slower
    than the clock, frames leave slower but evenly, rather than in bursts.
    """

    config: StreamConfig
    fps: float
    frames: int  # of a segment
    expected: float = 0.0  # seconds from asking for a segment to having it: the slowest, forgotten slowly

    def learn(self, seconds: float) -> None:
        """Take note of a segment's time."""
        self.expected = max(seconds, 0.8 * self.expected + 0.2 * seconds)

    @property
    def interval(self) -> float:
        """Seconds between frames."""
        return max(1 / self.fps, self.expected / self.frames)

    @property
    def lead(self) -> float:
        """Seconds before it is due that a segment is begun."""
        return self.expected * self.config.caution + self.config.margin


@dataclass(frozen=True, kw_only=True)
class _Ready:
    made: Made
    applied: int
    at: int  # microseconds since 1970


@dataclass(kw_only=True)
class _Progress:
    """Where a walk stands."""

    session: int
    segment: int = 0
    frame: int = 0  # newest one
    poses: dict[int, tuple[float, float, float]] = field(default_factory=lambda: {0: (0.0, 0.0, 0.0)})


class Stream:
    """Plays for one seat, from ``start`` to ``start``; ``run`` goes on until it is cancelled."""

    def __init__(
        self, seat: int, generator: Generator, outbox: Outbox, encoder: Executor, *, fps: float, frames: int, config: StreamConfig
    ) -> None:
        self.seat, self.generator, self.outbox = seat, generator, outbox
        self.frames, self.config = frames, config
        self.controls = Controls(config=config.controls)
        self.pace = Pace(config=config, fps=fps, frames=frames)
        self._encoder = encoder
        self._walk: Walk | None = None
        self._asked = asyncio.Event()
        self._going = asyncio.Event()
        self._going.set()

    @property
    def walk(self) -> Walk | None:
        """What plays now, None before the first start."""
        return self._walk

    def start(self, walk: Walk) -> None:
        """Begin anew; what plays now ends at once."""
        self._walk = walk
        self.controls.forget_movement()
        self._going.set()
        self._asked.set()

    def pause(self, paused: bool) -> None:
        """Stop asking for segments, or go on."""
        if paused:
            self._going.clear()
        else:
            self._going.set()

    async def run(self) -> None:
        """Play walk after walk; a model that stopped begins the same walk again when it is back.

        Raises:
            ModelStoppedError: the model stays down.
        """
        while True:
            await self._asked.wait()
            self._asked.clear()
            walk = self._walk
            assert walk is not None
            if self.generator.status == "starting":
                self.outbox.put_note(Loading())
            await asyncio.to_thread(self.generator.wait_ready)
            playing = asyncio.create_task(self._play(walk))
            asked = asyncio.create_task(self._asked.wait())
            try:
                await asyncio.wait({playing, asked}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                playing.cancel()
                asked.cancel()
                results = await asyncio.gather(playing, return_exceptions=True)
            self._after(results[0])

    def _after(self, error: BaseException | None) -> None:
        """A walk ended: by another start (cancelled), by a model that stopped or by one that refused."""
        if isinstance(error, ModelStoppedError):
            self.outbox.put_note(ErrorNote(text=f"{error}; it is started again and the walk begins anew"))
            self._asked.set()
        elif isinstance(error, CommandFailedError):
            self.outbox.put_note(ErrorNote(text=str(error)))
        elif error is not None and not isinstance(error, asyncio.CancelledError):
            raise error

    async def _play(self, walk: Walk) -> None:
        progress = _Progress(session=next(_WALKS))
        self.outbox.forget_frames()
        await self._settled()
        await asyncio.wrap_future(self.generator.begin(self.seat, walk.picture, walk.prompt, walk.seed))
        self.outbox.put_note(Started(session=progress.session, image=walk.image, seed=walk.seed, prompt=walk.prompt))
        await self._send(walk.picture, FrameHeader(session=progress.session, segment=0, frame=0, applied=0, generated=0, sent=0))
        due = 0.0
        following = asyncio.create_task(self._make(0.0))
        try:
            while True:
                ready = await following
                due = max(due, time.monotonic())
                interval = self.pace.interval
                following = asyncio.create_task(self._make(due + interval * self.frames - self.pace.lead))
                await self._show(ready, progress, due, interval)
                due += interval * self.frames
        finally:
            following.cancel()

    async def _settled(self) -> None:
        """Wait for what this seat asked last: however often a player starts anew, one command at a time waits before others."""
        while (last := self.generator.last(self.seat)) is not None and not last.done():
            with contextlib.suppress(ModelStoppedError, CommandFailedError):
                await asyncio.wrap_future(last)

    async def _make(self, not_before: float) -> _Ready:
        """Ask for a segment with what is held down at that moment."""
        await asyncio.sleep(max(0.0, not_before - time.monotonic()))
        await self._going.wait()
        actions = self.controls.take(self.frames)
        began = time.monotonic()
        made = await asyncio.wrap_future(self.generator.step(self.seat, actions.keyboard, actions.mouse))
        self.pace.learn(time.monotonic() - began)
        return _Ready(made=made, applied=actions.number, at=microseconds())

    async def _show(self, ready: _Ready, progress: _Progress, due: float, interval: float) -> None:
        first = progress.frame + 1
        self.outbox.put_note(self._describe(ready, progress, first))
        for index, frame in enumerate(ready.made.frames):
            await asyncio.sleep(max(0.0, due + index * interval - time.monotonic()))
            header = FrameHeader(
                session=progress.session,
                segment=progress.segment,
                frame=first + index,
                applied=ready.applied,
                generated=ready.at,
                sent=0,
            )
            await self._send(frame, header)
            progress.frame = first + index
        progress.segment += 1

    async def _send(self, frame: Picture, header: FrameHeader) -> None:
        loop = asyncio.get_running_loop()
        jpeg = await loop.run_in_executor(self._encoder, encode_jpeg, frame, self.config.jpeg_quality)
        self.outbox.put_frame(OutFrame(header=header, jpeg=jpeg))

    def _describe(self, ready: _Ready, progress: _Progress, first: int) -> SegmentNote:
        made = ready.made
        poses = flat_poses(made.c2w)
        progress.poses.update(enumerate(poses, first))
        recalled = tuple(frame for frame in made.memory_frames if frame in progress.poses)
        return SegmentNote(
            session=progress.session,
            segment=progress.segment,
            first_frame=first,
            applied=ready.applied,
            poses=poses,
            memory_frames=recalled,
            memory_poses=tuple(progress.poses[frame] for frame in recalled),
            seconds={**{name: round(value, 4) for name, value in made.timings.items()}, "all": round(made.seconds, 4)},
            dropped=self.outbox.dropped,
        )


def flat_poses(c2w: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    """What the map draws of poses (F, 4, 4): x and z in metres, yaw in degrees, + to the right."""
    _, yaw = pitch_and_yaw(c2w)
    rows = zip(c2w[:, 0, 3], c2w[:, 2, 3], yaw, strict=True)
    return tuple((round(float(x), 3), round(float(z), 3), round(float(w), 2)) for x, z, w in rows)
