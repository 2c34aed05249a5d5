"""A stand-in for a commercial game, ours: an X11 program with real key and mouse input that renders an embedded scene.

It runs the real plugin of Cyberpunk 2077 in LuaJIT against the stand-in host ``hosts/cet.lua``, which draws the squares of
the plugin into the window. Arguments: the folder of the plugin, the seed of the scene. Key M opens and closes a menu.
"""

import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import lupa.luajit21
import numpy as np
import pygame

from engine.body import Body
from engine.render import RenderConfig, SceneRenderer
from engine.scenes.build import build_scene
from engine.titles.camera import game_from_c2w
from engine.titles.profile import load_title
from engine.walks import plan_walk

SIZE: Final = (640, 360)
FPS: Final = 24
PIXELS_PER_DEGREE: Final = 8.0
WINDOW: Final = "Stand-in for a title"
KEYS: Final = (pygame.K_w, pygame.K_s, pygame.K_a, pygame.K_d, pygame.K_SPACE, pygame.K_f)


class Plugin:
    """The plugin in its host."""

    def __init__(self, folder: Path, fov: float) -> None:
        os.chdir(folder)
        self.lua: Any = lupa.luajit21.LuaRuntime()
        self.lua.execute(f'package.path = "{folder}/?.lua"')
        self.lua.execute((Path(__file__).parent / "hosts" / "cet.lua").read_text())
        self.lua.globals().os.clock = time.monotonic  # wall time, as on Windows; Linux counts the processor's time
        self.lua.execute((folder / "init.lua").read_text())
        self.world = self.lua.globals().world
        self.world.fov = fov
        self.fire = self.lua.globals().fire
        self.fire("onInit")
        self.convention = load_title("cyberpunk_2077").camera

    def frame(self, c2w: np.ndarray, menu: bool) -> list[list[float]]:
        """Tell the plugin where the camera is; what it draws."""
        place, axes = game_from_c2w(self.convention, c2w)
        self.world.x, self.world.y, self.world.z = map(float, place)
        self.world.forward, self.world.up = (self.lua.table(*map(float, part)) for part in (axes[:3], axes[3:]))
        self.world.menu = menu
        self.fire("onUpdate")
        self.fire("onDraw")
        return [list(square.values()) for square in self.lua.globals().squares.values()]


def main(folder: Path, seed: int) -> None:
    body = Body(build_scene("park", seed), FPS)
    renderer = SceneRenderer(RenderConfig(width=SIZE[0], height=SIZE[1], renderer="egl"))
    renderer.load(body.scene)
    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"  # else the window has a GL context that comes between renderer and its own
    pygame.display.init()
    screen = pygame.display.set_mode(SIZE)
    pygame.display.set_caption(WINDOW)
    pygame.mouse.set_visible(False)
    pygame.event.set_grab(True)
    plugin = Plugin(folder, math.degrees(2 * math.atan(SIZE[1] / 2 / renderer.intrinsics[1])))
    stance, menu, clock = plan_walk(body, "explore", 0, 16).start, False, pygame.time.Clock()
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
            keyboard = np.array([pressed[key] for key in KEYS], np.int8)
            mouse = (np.array([-motion[1], motion[0]]) / (PIXELS_PER_DEGREE * 15)).astype(np.float32)
            stance = body.advance(stance, keyboard, mouse)
        rgb, _ = renderer.draw(stance.c2w(), stance.tick / FPS)
        screen.blit(pygame.surfarray.make_surface(rgb.swapaxes(0, 1)), (0, 0))
        for left, top, right, bottom, level in plugin.frame(stance.c2w(), menu):
            screen.fill([int(255 * level)] * 3, pygame.Rect(left, top, right - left, bottom - top))
        pygame.display.flip()
        clock.tick(FPS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
