"""Contact sheets of scenes: what each looks like from a place where a walk could start."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.body import Body, Stance
from engine.embedded.render import RenderConfig, SceneRenderer
from engine.obstacles import EYE_HEIGHT, character_places
from engine.scenes.scene import Scene
from engine.walks import VIEW, landmarks_in_view
from infra.dynamics import wrap_degrees

Picture = NDArray[np.uint8]

VIEWS: Final = 60  # tried for the one that shows most
FPS: Final = 16.0
NEAR_BY: Final = 3.0  # metres in which a thing fills the picture
STRIP: Final = 14  # pixels of caption above a picture


def best_view(scene: Scene) -> Stance:
    """A clear place that sees the most things within a short way; the same for every condition of a scene."""
    body, rng = Body(scene, FPS), np.random.default_rng([scene.seed, 9])
    found: list[tuple[float, Stance]] = []
    for _ in range(VIEWS):
        x, z = (float(value) for value in rng.uniform(-scene.half + 1.5, scene.half - 1.5, 2))
        stance = Stance(place=(x, z), pitch=0.0, yaw=float(rng.uniform(-180, 180)))
        open_view = 2.2 * VIEW if body.is_clear(stance, 2.2 * VIEW) else VIEW if body.is_clear(stance, VIEW) else 0.0
        found.append((open_view * 3 + min(landmarks_in_view(body, stance, 16.0), 9) - 3 * _looming(scene, stance), stance))
    return max(found, key=lambda item: item[0])[1]


def _looming(scene: Scene, stance: Stance) -> int:
    """How many things, crowns and awnings with them, stand so near that they fill the picture; people too."""
    away = np.array([thing.position for thing in scene.objects]) - np.array(stance.place)
    reach = np.array([min(max(thing.size[0], thing.size[2]) / 2, NEAR_BY) for thing in scene.objects]) + NEAR_BY
    people = character_places(scene, 0.0) - np.array(stance.place)
    away, reach = np.concatenate([away, people]), np.concatenate([reach, np.full(len(people), NEAR_BY)])
    side = wrap_degrees(np.degrees(np.arctan2(away[:, 0], away[:, 1])) - stance.yaw)
    return int(((np.abs(side) < 60) & (np.linalg.norm(away, axis=1) < reach)).sum())


def draw_view(renderer: SceneRenderer, scene: Scene) -> Picture:
    """The scene from its best view, (H, W, 3)."""
    renderer.load(scene)
    return renderer.draw(best_view(scene).c2w(EYE_HEIGHT), 0.0)[0]


def draw_sheet(
    scenes: list[tuple[str, Scene]], columns: int, renderer: str = "egl", cell: tuple[int, int] = (256, 144), quality: int = 2
) -> Picture:
    """Scenes under their captions, row by row: (H, W, 3)."""
    width, height = cell
    drawer = SceneRenderer(RenderConfig(width=width, height=height, renderer=renderer, supersample=quality))
    sheet = Image.new("RGB", (columns * width, -(-len(scenes) // columns) * (height + STRIP)), (250, 250, 248))
    pen = ImageDraw.Draw(sheet)
    try:
        for number, (caption, scene) in enumerate(scenes):
            row, column = divmod(number, columns)
            place = (column * width, row * (height + STRIP))
            pen.text((place[0] + 4, place[1] + 1), caption, fill=(30, 30, 30))
            sheet.paste(Image.fromarray(draw_view(drawer, scene)), (place[0], place[1] + STRIP))
    finally:
        drawer.close()
    return np.asarray(sheet)
