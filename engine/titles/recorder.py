"""Titles as a recorder: keys and mouse go to the game's window, pictures come from the screen, poses from its plugin."""

import shutil
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.job import Job
from engine.recorder import SourceFacts, State
from engine.titles.camera import c2w_from_game, intrinsics_from_fov
from engine.titles.capture_x11 import WindowLostError, X11Window
from engine.titles.explorer import BlindExplorer
from engine.titles.marker import read_marker, unwrap
from engine.titles.profile import TitleProfile, check_installed, load_title
from engine.titles.telemetry import ClockMap, Received, TelemetryError, TelemetryReader
from infra.dynamics import DynamicsConfig, turn

MARKER_CELL: Final = 8  # pixels of the game's picture, as all plugins draw it
KEPT_SAMPLES: Final = 600


@dataclass(frozen=True, kw_only=True)
class TitlesConfig:
    """Games that one owns. One game at a time, in a window that nothing covers."""

    game_folder: str = ""  # of the title that is recorded; the plugin's file is found in it
    display: str = ":0"
    launch: bool = False  # start the game by the profile's command when its window is not there
    start_seconds: float = 300.0  # until the game shows a world that can be played
    frame_seconds: float = 5.0  # until the game shows its next frame


class TitleRecorder:
    """Records a running title at the job's rate, as near as the game's frames allow; ``tick`` is the plugin's frame number."""

    def __init__(self, title: str, config: TitlesConfig, profile: TitleProfile | None = None) -> None:
        self.title = title
        self.config = config
        self.profile = profile or load_title(title)
        self._window: X11Window | None = None
        self._reader: TelemetryReader | None = None
        self._samples: deque[Received] = deque(maxlen=KEPT_SAMPLES)
        self._clocks = ClockMap()

    def reset(self, job: Job) -> State:
        """Find or start the game, wait until it is played, and take the first picture.

        Raises:
            TitleMissingError: game, plugin or a program is missing; says what to install.
            WindowLostError, TelemetryError: the game does not show a world that can be played.
        """
        folder = check_installed(self.title, self.profile, self.config.game_folder)
        self._job, self._frame, self._over = job, 0, False
        self._explorer = BlindExplorer([job.scene_seed, job.seed])
        deadline = time.monotonic() + self.config.start_seconds
        self._ready_window(deadline)
        if self._reader is None:
            self._reader = TelemetryReader(folder / self.profile.host.telemetry, self.title)
        self._samples.clear()
        self._keep([self._reader.wait(deadline, lambda received: received.sample.state == "play")])
        self._left = np.zeros(2)  # shares of a pixel that the mouse did not move yet
        return self._take(self._samples[-1].sample.clock)

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Explore until the job's frames are used up, or until the game shows a menu, a cutscene or a loading screen."""
        if self._over or self._frame >= self._job.frames:
            assert self._window is not None
            self._window.play([], (0, 0))
            return None
        return self._explorer.act(state.c2w)

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Hold the keys, move the mouse, and take the first picture at least one tick of the job later."""
        assert self._window is not None
        self._frame += 1
        due = self._shown.sample.clock + 1 / self._job.fps
        pitch, yaw = turn(mouse, DynamicsConfig())  # degrees, + up and right
        moved = np.array([yaw, -pitch]) * self.profile.mouse_pixels_per_degree + self._left
        whole = np.round(moved)
        self._left = moved - whole
        held = [key for key, down in zip(self.profile.keys, keyboard, strict=True) if down == 1]
        self._window.play(held, (int(whole[0]), int(whole[1])))
        return self._take(due)

    def facts(self) -> SourceFacts:
        """The publisher's pictures: not ours to give on."""
        legal = self.profile.legal
        scene: dict[str, Any] = {"family": self._job.family, "scene_id": self.title, "indoor": False, "weather": ""}
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
            sync="measured",
        )

    def close(self) -> None:
        """Let go of keys, window and file; the game goes on."""
        if self._window is not None:
            self._window.close()
            self._window = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _ready_window(self, deadline: float) -> None:
        launched = not self.config.launch
        while self._window is None:
            try:
                self._window = X11Window(self.config.display, self.profile.window)
            except WindowLostError:
                if not launched:
                    launched = True
                    _launch(self.profile, self.config.display)
                if not self.config.launch or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        self._window.focus()

    def _take(self, due: float) -> State:
        """The first picture that shows a frame of ``due`` (the plugin's clock) or later, and that frame's pose.

        Raises:
            TelemetryError: the game stopped showing frames.
        """
        assert self._window is not None and self._reader is not None
        deadline = time.monotonic() + self.config.frame_seconds
        while time.monotonic() < deadline:
            self._keep(self._reader.poll())
            if self._samples[-1].sample.clock < due:
                time.sleep(0.002)
                continue
            grabbed = time.monotonic()
            picture = self._window.grab()
            shown = self._find(picture, grabbed)
            if shown is not None and (shown.sample.clock >= due or shown.sample.state != "play"):
                return self._state(picture, shown)
        raise TelemetryError(
            f"{self.profile.title} showed no new frame for {self.config.frame_seconds} s; does it hang, is its window covered?"
        )

    def _find(self, picture: NDArray[np.uint8], grabbed: float) -> Received | None:
        """Which sample a picture shows: by the number in it, or by the time of its grab less the profile's latency."""
        assert self._reader is not None
        if not self.profile.host.draws_marker:
            rate = self._rate()
            when = [
                abs(self._clocks.ours(one.sample.clock) + self.profile.latency_frames / rate - grabbed) for one in self._samples
            ]
            return self._samples[int(np.argmin(when))]
        number = read_marker(picture, MARKER_CELL)
        if number is None:
            return None
        self._keep(self._reader.poll())
        wanted = unwrap(number, self._samples[-1].sample.frame)
        return next((one for one in reversed(self._samples) if one.sample.frame == wanted), None)

    def _rate(self) -> float:
        """Frames a second that the plugin sees."""
        clocks = [one.sample.clock for one in self._samples]
        return (len(clocks) - 1) / max(clocks[-1] - clocks[0], 1e-3) if len(clocks) > 1 else 60.0

    def _keep(self, received: list[Received]) -> None:
        for one in received:
            if self._samples and one.epoch != self._samples[-1].epoch:
                self._samples.clear()
                self._over = True  # the game restarted: no episode goes on over that
            self._samples.append(one)
            self._clocks.add(one)

    def _state(self, picture: NDArray[np.uint8], shown: Received) -> State:
        self._shown, job, sample = shown, self._job, shown.sample
        self._over = self._over or sample.state != "play"
        strip = MARKER_CELL if self.profile.host.draws_marker else 0
        height, width = picture.shape[0], picture.shape[1]
        small = Image.fromarray(picture[strip:]).resize((job.width, job.height), Image.Resampling.BOX)
        intrinsics = intrinsics_from_fov(self.profile.camera, sample.fov, width, height) - [0, 0, 0, strip]
        scale = np.array([job.width / width, job.height / (height - strip)] * 2)
        return State(
            tick=sample.frame,
            seconds=sample.clock,
            rgb=np.array(small),
            depth=None,
            c2w=c2w_from_game(self.profile.camera, np.array(sample.pos), np.array(sample.rot)),
            intrinsics=intrinsics * scale,
            raw_pose=np.array([*sample.pos, *sample.rot, sample.fov]),
            collided=False,
        )


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
