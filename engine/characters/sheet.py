"""Contact sheets of characters: many side by side, and one in every phase of its stride."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.characters.gait import PHASES
from engine.characters.people import Placed
from engine.embedded.render import RenderConfig, SceneRenderer
from engine.scenes.scene import Light, Palette, Scene, SceneObject
from infra.dynamics import camera_to_world

Picture = NDArray[np.uint8]

DISTANCE: Final = 3.6  # metres from the camera to the body
STUDIO: Final = Scene(
    family="studio",
    seed=0,
    half=20.0,
    objects=(
        SceneObject(kind="rock", name="rock", position=(0, -15), size=(1, 1, 1), yaw=0, colour="grey", texture="plain"),
    ),  # behind the camera: a scene holds at least one thing
    characters=(),
    paths=(),
    floors=(),
    ceiling=0.0,
    weather="clear",
    time_of_day="midday",
    light=Light(azimuth=150.0, elevation=40.0, sun=(0.55, 0.53, 0.48), ambient=(0.56, 0.58, 0.62), shadow=0.3),
    palette=Palette(
        zenith=(0.72, 0.78, 0.86),
        horizon=(0.86, 0.89, 0.92),
        hills=(0.80, 0.84, 0.88),
        cloud=(0.90, 0.92, 0.94),
        ground=(0.62, 0.64, 0.62),
        ground_light=(0.66, 0.68, 0.66),
        path=(0.6, 0.6, 0.6),
    ),
)


def draw_characters(indices: list[int], columns: int, renderer: str = "egl", cell: tuple[int, int] = (112, 176)) -> Picture:
    """Characters walking, each turned a little further than the one before: (H, W, 3)."""
    cells = [(index, 25.0 * number - 40, number % PHASES) for number, index in enumerate(indices)]
    return _draw_cells(cells, columns, renderer, cell)


def draw_strides(indices: list[int], renderer: str = "egl", cell: tuple[int, int] = (112, 176)) -> Picture:
    """A row for each character: every phase of its stride from the side, and standing."""
    cells = [(index, 75.0, phase) for index in indices for phase in range(PHASES + 1)]
    return _draw_cells(cells, PHASES + 1, renderer, cell)


def _draw_cells(cells: list[tuple[int, float, int]], columns: int, renderer: str, cell: tuple[int, int]) -> Picture:
    """Each (character, degrees it is turned by, phase) in a cell of its own, row by row."""
    width, height = cell
    studio = SceneRenderer(RenderConfig(width=width, height=height, hfov=28.0, renderer=renderer))
    eye = camera_to_world(np.array([0.0, -1.25, -DISTANCE]), np.array(-5.0), np.array(0.0))
    sheet = np.full((-(-len(cells) // columns) * height, columns * width, 3), 255, np.uint8)
    try:
        studio.load(STUDIO)
        for number, (index, turned, phase) in enumerate(cells):
            studio.wear(index)
            row, column = divmod(number, columns)
            picture, _ = studio.draw(eye, 0.0, Placed(place=(0.0, 0.0), facing=180 + turned, phase=phase))
            sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    finally:
        studio.close()
    return sheet
