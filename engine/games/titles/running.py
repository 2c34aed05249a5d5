"""A title that runs: its window, its telemetry, the keys and the mouse that it is played with."""

import bisect
import dataclasses
import shutil
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.games.titles.camera import c2w_from_game, intrinsics_from_fov
from engine.games.titles.capture_x11 import WindowLostError, X11Window
from engine.games.titles.obs_websocket import ObsConfig
from engine.games.titles.profile import TitleProfile, check_installed
from engine.games.titles.telemetry import ClockMap, Received, Sample, TelemetryError, TelemetryReader
from engine.job import Job
from engine.recorder import SourceFacts, State
from engine.sync import poses_at
from infra.dynamics import DynamicsConfig, turn

MARKER_CELL: Final = 8  # pixels of the game's picture, as all plugins draw it
KEPT_SAMPLES: Final = 600
POLL_SECONDS: Final = 0.002


@dataclass(frozen=True, kw_only=True)
class TitlesConfig:
    """Games that one owns. One game at a time, in a window that nothing covers."""

    game_folder: str = ""  # of the title that is recorded; the plugin's file is found in it
    display: str = ":0"
    launch: bool = False  # start the game by the profile's command when its window is not there
    start_seconds: float = 300.0  # until the game shows a world that can be played
    frame_seconds: float = 5.0  # until the game shows its next frame
    capture: Literal["profile", "x11", "obs"] = "profile"  # profile: as the title's own file says
    obs: ObsConfig = ObsConfig()


class Beat:
    """When rows are due on the plugin's clock: evenly, although the game's frames fall a little later each time."""

    def __init__(self, first: float, fps: float) -> None:
        self._due, self._tick = first, 1 / fps

    def next(self, shown: float) -> float:
        """The next row's time, once a row was ``shown``; after a row that came a tick late time starts over with it."""
        self._due = shown if shown >= self._due + self._tick else self._due
        self._due += self._tick
        return self._due


class RunningTitle:
    """One title on one display; outlives episodes."""

    def __init__(self, title: str, config: TitlesConfig, profile: TitleProfile) -> None:
        self.title, self.config, self.profile = title, config, profile
        self.samples: deque[Received] = deque(maxlen=KEPT_SAMPLES)
        self.clocks = ClockMap()
        self.over = False  # the game shows a menu, a cutscene, a loading screen, or was restarted
        self._window: X11Window | None = None
        self._reader: TelemetryReader | None = None
        self._left = np.zeros(2)  # shares of a pixel that the mouse did not move yet

    @property
    def window(self) -> X11Window:
        """Once ``ready`` found it."""
        assert self._window is not None
        return self._window

    def ready(self) -> None:
        """Find or start the game, and wait until it is played.

        Raises:
            TitleMissingError: game, plugin or a program is missing; says what to install.
            WindowLostError, TelemetryError: the game does not show a world that can be played.
        """
        folder = check_installed(self.title, self.profile, self.config.game_folder)
        deadline = time.monotonic() + self.config.start_seconds
        self._ready_window(deadline)
        if self._reader is None:
            self._reader = TelemetryReader(folder / self.profile.host.telemetry, self.title)
        while self._reader.poll():
            pass  # what came while nothing was recorded
        self.samples.clear()
        self._left[:] = 0
        self._keep([self._reader.wait(deadline, lambda received: received.sample.state == "play")])
        self.over = False

    def play(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> None:
        """Hold these keys from now on, and turn the mouse by what the row says."""
        pitch, yaw = turn(mouse, DynamicsConfig())  # degrees, + up and right
        moved = np.array([yaw, -pitch]) * self.profile.mouse_pixels_per_degree + self._left
        whole = np.round(moved)
        self._left = moved - whole
        held = [key for key, down in zip(self.profile.keys, keyboard, strict=True) if down == 1]
        self.window.play(held, (int(whole[0]), int(whole[1])))

    def rest(self) -> None:
        """Let go of all keys."""
        self.window.play([], (0, 0))

    def poll(self) -> list[Received]:
        """What telemetry brought since the last call; also kept."""
        assert self._reader is not None
        received = self._reader.poll()
        self._keep(received)
        return received

    def silent(self) -> TelemetryError:
        """What to raise when the game shows nothing new in time."""
        return TelemetryError(
            f"{self.profile.title} showed no new frame for {self.config.frame_seconds} s; does it hang, is its window covered?"
        )

    def close(self) -> None:
        """Let go of keys, window and file; the game goes on."""
        if self._window is not None:
            self._window.close()
            self._window = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def facts(self, job: Job) -> SourceFacts:
        """The publisher's pictures: not ours to give on."""
        legal = self.profile.legal
        scene: dict[str, Any] = {"family": job.family, "scene_id": self.title, "indoor": False, "weather": ""}
        return SourceFacts(
            scene_id=self.title,
            weather="",
            depth_kind="none",
            scale_known=True,
            licence=f"proprietary ({legal.publisher})",
            redistributable=legal.redistributable,
            commercial_ok=legal.commercial_ok,
            source_url=legal.terms_url,
            scene={**scene, "time_of_day": "", "objects": [], "characters": []},
            perspective=self.profile.perspective,
            sync="measured",
        )

    def state(self, job: Job, sample: Sample, picture: NDArray[np.uint8] | None, strip: int = 0) -> State:
        """What a picture (H, W, 3) of the game shows, without its ``strip`` upper rows; None where it comes later."""
        camera, intrinsics = self.profile.camera, np.zeros(4)
        rgb = np.zeros((0, 0, 3), np.uint8)
        if picture is not None:
            height, width = picture.shape[:2]
            scale = np.array([job.width / width, job.height / (height - strip)] * 2)
            intrinsics = (intrinsics_from_fov(camera, sample.fov, width, height) - [0, 0, 0, strip]) * scale
            rgb = np.array(Image.fromarray(picture[strip:]).resize((job.width, job.height), Image.Resampling.BOX))
        return State(
            tick=sample.frame,
            seconds=sample.clock,
            rgb=rgb,
            depth=None,
            c2w=c2w_from_game(camera, np.array(sample.pos), np.array(sample.rot)),
            intrinsics=intrinsics,
            raw_pose=np.array([*sample.pos, *sample.rot, sample.fov]),
            collided=False,
            over=self.over,
        )

    def state_at(self, job: Job, clock: float, picture: NDArray[np.uint8]) -> State:
        """What a whole picture shows that was taken at ``clock``: a pose between those of the two samples next to it."""
        samples = [one.sample for one in self.samples]
        later = min(bisect.bisect_left(samples, clock, key=lambda one: one.clock), len(samples) - 1)
        before, after = self.state(job, samples[max(later - 1, 0)], picture), self.state(job, samples[later], None)
        share = (clock - before.seconds) / max(after.seconds - before.seconds, 1e-6)
        c2w = poses_at(np.stack([before.c2w, after.c2w]), np.array([share]))[0]
        return dataclasses.replace(before, tick=after.tick, seconds=clock, c2w=c2w)

    @property
    def rate(self) -> float:
        """Frames a second that the plugin sees."""
        clocks = [one.sample.clock for one in self.samples]
        return (len(clocks) - 1) / max(clocks[-1] - clocks[0], 1e-3) if len(clocks) > 1 else 60.0

    def _ready_window(self, deadline: float) -> None:
        launched = not self.config.launch
        while self._window is None:
            try:
                self._window = X11Window(self.config.display, self.profile.window)
                self._window.release(self.profile.keys)
            except WindowLostError:
                if not launched:
                    launched = True
                    _launch(self.profile, self.config.display)
                if not self.config.launch or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        self._window.focus()

    def _keep(self, received: list[Received]) -> None:
        for one in received:
            if self.samples and one.epoch != self.samples[-1].epoch:
                self.samples.clear()
                self.over = True  # the game restarted: no episode goes on over that
            self.over = self.over or one.sample.state != "play"
            self.samples.append(one)
            self.clocks.add(one)


def _launch(profile: TitleProfile, display: str) -> None:
    """Start the game on its display, as a process of its own that outlives us.

    Raises:
        WindowLostError: what starts it is not installed.
    """
    if shutil.which(profile.launch[0]) is None:
        raise WindowLostError(
            f"{profile.launch[0]} is not installed; start {profile.title} yourself: endpoints.titles.launch = false"
        )
    quiet = subprocess.DEVNULL
    command = ["env", f"DISPLAY={display}", *profile.launch]
    subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, cwd="/")
