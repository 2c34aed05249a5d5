"""What the embedded world's server serves: one scene, one camera, a clock that runs, is held, or is stepped."""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.mask import mask_colours, thing_names
from engine.obstacles import BODY_RADIUS, Obstacles, character_places, obstacles_of
from engine.render import RenderConfig, SceneRenderer
from engine.scenes.build import build_scene
from engine.scenes.conditions import Conditions
from engine.scenes.scene import Scene
from engine.unreal.convention import WORLD, c2w_from_unreal
from engine.unreal.levels import level_name, parse_level
from engine.unreal.pictures import encode_bmp, encode_depth, encode_png, picture_of_numbers

Array = NDArray[np.float64]

FREE_RUNNING_TICK: Final = 1 / 60  # seconds of the world that pass with each tick of a clock that nobody holds
CLOSEST: Final = 0.05  # metres that a swept move advances at a time


class NoSuchLevelError(ValueError):
    """The name is no embedded scene."""


class EmbeddedWorld:
    """State behind the commands. Lengths in centimetres and angles in degrees as Unreal has them."""

    def __init__(self, level: str, config: RenderConfig) -> None:
        self.config = config
        self._renderer: SceneRenderer | None = None
        self.load(level)

    def load(self, level: str) -> None:
        """Show another scene from its start; the camera goes to the middle at eye height.

        Raises:
            NoSuchLevelError: names the level.
        """
        found = parse_level(level)
        if found is None:
            raise NoSuchLevelError(f"no embedded scene is called {level!r}; use FAMILY-SEED with 16 hexadecimal digits")
        self.scene = _scene_of(*found)
        self.level = level_name(*found)
        self.things = obstacles_of(self.scene.objects)
        self.names = thing_names(self.scene)
        self.colours = mask_colours(len(self.names))
        self.location = np.array([0.0, 0.0, 160.0])
        self.rotation = np.zeros(3)
        self.ticks = 0  # fixed steps since the level was loaded
        self.seconds = 0.0
        self._held_at = 0.0  # seconds when somebody took the clock in hand
        self.stepping: float | None = None  # seconds of a fixed step; None while the clock runs by itself
        self.due = False  # a fixed step was asked for and has not been taken
        self.paused = False
        self._drawn: tuple[NDArray[np.uint8], NDArray[np.float32] | None] | None = None

    def tick(self) -> None:
        """One tick of the game: take the step that is due, or let time pass where nobody holds it."""
        if self.due and self.stepping is not None:
            self.ticks += 1
            self.seconds = self._held_at + self.ticks * self.stepping
            self.due = False
            self._drawn = None
        elif self.runs:
            self.seconds += FREE_RUNNING_TICK
            self._drawn = None

    @property
    def runs(self) -> bool:
        """Whether time passes by itself."""
        return self.stepping is None and not self.paused

    def hold(self, seconds: float) -> None:
        """Take the clock in hand; with ``seconds`` above 0 one step of that length is due at the next tick.

        Raises:
            ValueError: a step is due already, or its length differs from those before it.
        """
        if self.due:
            raise ValueError("a step is due already")
        if seconds > 0 and self.ticks and self.stepping and seconds != self.stepping:
            raise ValueError("steps of one level are of one length")
        if self.stepping is None:
            self.ticks, self._held_at = 0, self.seconds
        if seconds > 0:
            self.due = True
        self.stepping = seconds or self.stepping or 0.0

    def resume(self) -> None:
        """Let time pass by itself."""
        self.stepping, self.paused, self.due = None, False, False

    def place_camera(self, location: Array) -> None:
        """Teleport."""
        self.location = location
        self._drawn = None

    def turn_camera(self, rotation: Array) -> None:
        """Set pitch, yaw and roll."""
        self.rotation = rotation
        self._drawn = None

    def move_camera(self, target: Array) -> None:
        """Move in a straight line until something is in the way, as a swept move does; no sliding."""
        here, there = (WORLD @ point / 100 for point in (self.location, target))
        blocked = self.things.with_circles(character_places(self.scene, self.seconds), BODY_RADIUS)
        length = float(np.linalg.norm(there - here))
        steps = max(1, int(np.ceil(length / CLOSEST)))
        reached = self.location
        for part in np.arange(1, steps + 1) / steps:
            point = here + (there - here) * part
            if blocked.clearance(point[None, [0, 2]])[0] < BODY_RADIUS and not self._frees(blocked, here, point):
                break
            reached = self.location + (target - self.location) * part
        self.place_camera(reached)

    @staticmethod
    def _frees(blocked: Obstacles, here: Array, point: Array) -> bool:
        """Whether a camera that already touches something gets away from it."""
        before, after = blocked.clearance(np.stack([here, point])[:, [0, 2]])
        return bool(before < BODY_RADIUS and after > before)

    def resize(self, width: int, height: int, hfov: float) -> None:
        """Another picture size or field of view; takes effect with the next picture."""
        wanted = RenderConfig(width=width, height=height, hfov=hfov, renderer=self.config.renderer)
        if wanted != self.config:
            self.config = wanted
            self._drawn = None

    def picture(self, kind: str) -> bytes:
        """The camera's view as ``bmp`` or ``png``."""
        rgb, _ = self._draw()
        return encode_bmp(rgb) if kind == "bmp" else encode_png(rgb)

    def depth(self) -> bytes | None:
        """Z-depth as npy; None from a renderer without."""
        _, depth = self._draw()
        return None if depth is None else encode_depth(depth)

    def object_mask(self, kind: str) -> bytes:
        """Each thing in its own flat colour.

        Raises:
            RendererUnavailableError: the renderer draws no masks.
        """
        self._draw()
        assert self._renderer is not None
        return picture_of_numbers(self._renderer.draw_mask(), self.colours, kind)

    def close(self) -> None:
        """Give the renderer back."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _draw(self) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """One drawing serves all that is asked of one state."""
        if self._renderer is None or self._renderer.config != self.config:
            self.close()
            self._renderer = SceneRenderer(self.config)
            self._drawn = None
        if self._drawn is None:
            self._renderer.load(self.scene)
            self._drawn = self._renderer.draw(c2w_from_unreal(self.location, self.rotation), self.seconds)
        return self._drawn


@functools.lru_cache(maxsize=2)
def _scene_of(family: str, seed: int, conditions: Conditions) -> Scene:
    return build_scene(family, seed, conditions)
