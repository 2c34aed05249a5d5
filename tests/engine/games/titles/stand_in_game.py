"""A stand-in for a commercial game, ours: an X11 program with real key and mouse input that renders an embedded scene.

It runs the real plugin of its title in Lua against a stand-in of the plugin's host in ``hosts/``. Key M opens and closes a
menu. Arguments: the game's folder, the title, the scene's seed, and by how many seconds its window trails the game.
The number of the frame that a picture shows stands in the lowest bits of its first pixels, which a lossless grab keeps.
"""

import math
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Final, Protocol

import lupa.lua54
import lupa.luajit21
import numpy as np
import pygame

from engine.body import Body
from engine.embedded.render import RenderConfig, SceneRenderer
from engine.games.titles.camera import game_from_c2w
from engine.games.titles.profile import load_title
from engine.scenes.build import build_scene
from engine.walks import plan_walk
from tests.engine.games.titles.plain_world import PlainWorld

SIZES: Final = {"cyberpunk_2077": (640, 360), "palworld": (192, 108)}
FPS: Final = {"cyberpunk_2077": 24, "palworld": 60}
PIXELS_PER_DEGREE: Final = 8.0
CAPTIONS: Final = {"cyberpunk_2077": "Cyberpunk 2077 (stand-in)", "palworld": "Pal (stand-in)"}
KEYS: Final = (pygame.K_w, pygame.K_s, pygame.K_a, pygame.K_d, pygame.K_SPACE, pygame.K_f)
HOSTS: Final = Path(__file__).parent / "hosts"
NUMBER_BITS: Final = 24


class Plugin(Protocol):
    """A plugin in its host."""

    def frame(self, c2w: np.ndarray, menu: bool) -> list[list[float]]:
        """Tell it where the camera is; what it draws: left, top, right, bottom, level."""


class Cyber:
    """Cyber Engine Tweaks, whose plugin draws squares."""

    def __init__(self, folder: Path, fov: float) -> None:
        self.convention = load_title("cyberpunk_2077").camera
        self.lua = _lua(lupa.luajit21.LuaRuntime(), folder / load_title("cyberpunk_2077").host.install, "cet.lua")
        self.lua.globals().world.fov = fov
        self.lua.execute("dofile('init.lua')")
        self.lua.globals().fire("onInit")

    def frame(self, c2w: np.ndarray, menu: bool) -> list[list[float]]:
        place, axes = game_from_c2w(self.convention, c2w)
        names = self.lua.globals()
        names.world.x, names.world.y, names.world.z = map(float, place)
        names.world.forward, names.world.up = (self.lua.table(*map(float, part)) for part in (axes[:3], axes[3:]))
        names.world.menu = menu
        names.fire("onUpdate")
        names.fire("onDraw")
        return [list(square.values()) for square in names.squares.values()]


class Unreal:
    """UE4SS, whose plugins draw nothing."""

    def __init__(self, folder: Path, fov: float) -> None:
        host = load_title("palworld").host
        self.convention = load_title("palworld").camera
        self.lua = _lua(lupa.lua54.LuaRuntime(), folder / host.install, "ue4ss.lua")
        self.lua.globals().world.fov = math.degrees(2 * math.atan(math.tan(math.radians(fov) / 2) * 16 / 9))
        os.chdir((folder / host.telemetry).parent)
        self.lua.execute(f"dofile('{folder / host.install / 'main.lua'}')")

    def frame(self, c2w: np.ndarray, menu: bool) -> list[list[float]]:
        place, angles = game_from_c2w(self.convention, c2w)
        world = self.lua.globals().world
        world.x, world.y, world.z = map(float, place)
        world.pitch, world.yaw, world.roll = map(float, angles)
        world.paused = menu
        self.lua.globals().run_frame()
        return []


def _lua(lua: Any, folder: Path, host: str) -> Any:
    os.chdir(folder)
    lua.execute(f'package.path = "{folder}/?.lua"; frame_callbacks = true')
    lua.execute((HOSTS / host).read_text())
    lua.globals().os.clock = time.monotonic  # wall time, as on Windows; Linux counts the processor's time
    return lua


def stamp(rgb: np.ndarray, number: int) -> None:
    """Write the number of the frame into the lowest bits of the first pixels' blue."""
    bits = number >> np.arange(NUMBER_BITS) & 1
    rgb[0, :NUMBER_BITS, 2] = rgb[0, :NUMBER_BITS, 2] & 254 | bits


def stamped(rgb: np.ndarray) -> int:
    """The number again, from a picture that nothing changed."""
    return int(((rgb[0, :NUMBER_BITS, 2] & 1).astype(np.int64) << np.arange(NUMBER_BITS)).sum())


class World(Protocol):
    """What the game plays in."""

    fov: float  # degrees, vertical

    def advance(self, keyboard: np.ndarray, motion: np.ndarray) -> None:
        """One frame with these keys and pixels of the mouse."""

    def c2w(self) -> np.ndarray:
        """Of the camera."""

    def draw(self) -> np.ndarray:
        """uint8 (H, W, 3), the caller's own."""


class EmbeddedGame:
    """A scene of the embedded world."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        self._body = Body(build_scene("park", seed), FPS["cyberpunk_2077"])
        self._renderer = SceneRenderer(RenderConfig(width=size[0], height=size[1], renderer="egl"))
        self._renderer.load(self._body.scene)
        self.fov = math.degrees(2 * math.atan(size[1] / 2 / self._renderer.intrinsics[1]))
        self._stance = plan_walk(self._body, "explore", 0, 16).start

    def advance(self, keyboard: np.ndarray, motion: np.ndarray) -> None:
        mouse = (np.array([-motion[1], motion[0]]) / (PIXELS_PER_DEGREE * 15)).astype(np.float32)
        self._stance = self._body.advance(self._stance, keyboard, mouse)

    def c2w(self) -> np.ndarray:
        return self._stance.c2w()

    def draw(self) -> np.ndarray:
        return self._renderer.draw(self.c2w(), self._stance.tick / FPS["cyberpunk_2077"])[0].copy()


class PlainGame(PlainWorld):
    """The world that is cheap to draw, for what depends on time."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        super().__init__(*size, seed)
        self.fov = math.degrees(2 * math.atan(size[1] / 2 / self.focal))

    def advance(self, keyboard: np.ndarray, motion: np.ndarray) -> None:
        super().advance(keyboard, motion * [1, -1] / PIXELS_PER_DEGREE)


def main(folder: Path, title: str, seed: int, delay: float) -> None:
    size = SIZES[title]
    world: World = EmbeddedGame(size, seed) if title == "cyberpunk_2077" else PlainGame(size, seed)
    plugin: Plugin = Cyber(folder, world.fov) if title == "cyberpunk_2077" else Unreal(folder, world.fov)
    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"  # else the window has a GL context that comes between renderer and its own
    pygame.display.init()
    screen = pygame.display.set_mode(size)
    pygame.display.set_caption(CAPTIONS[title])
    pygame.mouse.set_visible(False)
    pygame.event.set_grab(True)
    menu, clock, number = False, pygame.time.Clock(), 0
    drawn: deque[tuple[float, np.ndarray, list[list[float]]]] = deque()
    while True:
        motion = np.zeros(2)
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                return
            if event.type == pygame.MOUSEMOTION:
                motion += event.rel
            if event.type == pygame.KEYDOWN and event.key == pygame.K_m:
                menu = not menu
        if not menu:
            pressed = pygame.key.get_pressed()
            world.advance(np.array([pressed[key] for key in KEYS], np.int8), motion)
        number += 1
        rgb = world.draw()
        stamp(rgb, number)
        drawn.append((time.monotonic(), rgb, plugin.frame(world.c2w(), menu)))
        while len(drawn) > 1 and drawn[1][0] <= time.monotonic() - delay:
            drawn.popleft()
        _, shown, squares = drawn[0]
        screen.blit(pygame.surfarray.make_surface(shown.swapaxes(0, 1)), (0, 0))
        for left, top, right, bottom, level in squares:
            screen.fill([int(255 * level)] * 3, pygame.Rect(left, top, right - left, bottom - top))
        pygame.display.flip()
        clock.tick(FPS[title])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
