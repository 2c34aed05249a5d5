"""What the embedded world's server serves: one scene, one camera, a clock that runs, is held, or is stepped."""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.embedded.mask import Mask, mask_colours, thing_names
from engine.embedded.pixels import Samples
from engine.embedded.render import RenderConfig, SceneRenderer
from engine.obstacles import BODY_RADIUS, Obstacles, character_places, obstacles_of
from engine.scenes.build import build_scene
from engine.scenes.conditions import Conditions
from engine.scenes.scene import Scene
from engine.unreal.convention import WORLD, c2w_from_unreal
from engine.unreal.levels import level_name, parse_level
from engine.unreal.pictures import bmp_of, encode_depth, encode_png, picture_of_numbers
from engine.unreal.walker import Walker
from engine.unreal.wire import Later

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
        self.location = np.array([0.0, 0.0, 160.0])
        self.rotation = np.zeros(3)
        self.walker: Walker | None = None  # the one actor that may be spawned
        self.ticks = 0  # fixed steps since the level was loaded
        self.seconds = 0.0
        self._held_at = 0.0  # seconds when somebody took the clock in hand
        self.stepping: float | None = None  # seconds of a fixed step; None while the clock runs by itself
        self.due = False  # a fixed step was asked for and has not been taken
        self.paused = False
        self._list_things()
        self._forget()
        self._asked: set[str] = set()  # kinds of picture that were asked for since the last step
        self._ahead = False  # the state was drawn before anybody asked
        self._foresees = True  # until a client turns out to move its camera after its steps

    def tick(self) -> None:
        """One tick of the game: take the step that is due, or let time pass where nobody holds it.

        What was asked of the state before a step is drawn of the new one at once, as a game does whether or not anybody
        asks: while the client still reads the one before.
        """
        if self.due and self.stepping is not None:
            self.ticks += 1
            self.seconds = self._held_at + self.ticks * self.stepping
            self.due = False
            self._forget()
            asked, self._asked = self._asked, set()
            if self._foresees and asked:
                self._ahead = True
                self._draw()
                if "mask" in asked:
                    self._number()
        elif self.runs:
            self.seconds += FREE_RUNNING_TICK
            self._forget()

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
        self._disturb()

    def turn_camera(self, rotation: Array) -> None:
        """Set pitch, yaw and roll."""
        self.rotation = rotation
        self._disturb()

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

    def spawn(self, character: int, name: str) -> None:
        """Let a body of the catalogue appear at the origin, standing.

        Raises:
            ValueError: another body is here.
        """
        if self.walker is not None:
            raise ValueError("Failed to spawn actor")
        self.change_walker(Walker(name=name, character=character))

    def change_walker(self, walker: Walker | None) -> None:
        """Show it so from now on; None lets it disappear."""
        if walker != self.walker:
            appears = (walker is None) != (self.walker is None)
            self.walker = walker
            self._disturb()
            if appears:
                self._list_things()

    def resize(self, width: int, height: int, hfov: float) -> None:
        """Another picture size or field of view; takes effect with the next picture."""
        wanted = RenderConfig(width=width, height=height, hfov=hfov, renderer=self.config.renderer)
        if wanted != self.config:
            self.config = wanted
            self._disturb()

    def picture(self, kind: str) -> Later:
        """The camera's view as ``bmp`` or ``png``."""
        self._asked.add("picture")
        drawn, self._ahead = self._draw(), False
        return lambda: bmp_of(drawn.blue_first()) if kind == "bmp" else encode_png(drawn.rgb())

    def depth(self) -> Later | None:
        """Z-depth as npy; None from a renderer without."""
        self._asked.add("depth")
        drawn, self._ahead = self._draw(), False
        return None if drawn.depth is None else lambda: encode_depth(drawn.metres())

    def object_mask(self, kind: str) -> Later:
        """Each thing in its own flat colour.

        Raises:
            RendererUnavailableError: the renderer draws no masks.
        """
        self._asked.add("mask")
        self._draw()
        numbers, colours, self._ahead = self._number(), self.colours, False
        return lambda: picture_of_numbers(numbers, colours, kind)

    def close(self) -> None:
        """Give the renderer back."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _list_things(self) -> None:
        """Names and mask colours, the walker's last."""
        self.names = (*thing_names(self.scene), *([self.walker.name] if self.walker else []))
        self.colours = mask_colours(len(self.names))

    def _disturb(self) -> None:
        """Something changed what the camera sees."""
        self._foresees = self._foresees and not self._ahead
        self._forget()

    def _forget(self) -> None:
        self._drawn: Samples | None = None
        self._numbers: Mask | None = None
        self._ahead = False

    def _draw(self) -> Samples:
        """One drawing serves all that is asked of one state."""
        if self._renderer is None or self._renderer.config != self.config:
            self.close()
            self._renderer = SceneRenderer(self.config)
            self._drawn = self._numbers = None
        if self._drawn is None:
            self._renderer.load(self.scene)
            self._renderer.wear(*((self.walker.character, self.walker.speed) if self.walker else (None,)))
            placed = self.walker.placed() if self.walker else None
            self._drawn = self._renderer.sample(c2w_from_unreal(self.location, self.rotation), self.seconds, placed)
        return self._drawn

    def _number(self) -> Mask:
        """Which thing each pixel of what was drawn shows."""
        if self._numbers is None:
            assert self._renderer is not None
            self._numbers = self._renderer.draw_mask()
        return self._numbers


@functools.lru_cache(maxsize=2)
def _scene_of(family: str, seed: int, conditions: Conditions) -> Scene:
    return build_scene(family, seed, conditions)
