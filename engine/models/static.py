"""All models by kind, and everything of a scene that never moves as one mesh."""

from collections.abc import Callable
from typing import Final

import numpy as np

from engine.embedded.ground import apron_colour
from engine.embedded.mesh import Mesh, MeshBuilder
from engine.models.garden import GARDEN
from engine.models.indoors import INDOORS
from engine.models.nature import NATURE
from engine.models.town import TOWN
from engine.models.works import WORKS
from engine.scenes.scene import Scene, SceneObject

MODELS: Final[dict[str, Callable[[MeshBuilder, SceneObject], None]]] = {**GARDEN, **TOWN, **NATURE, **WORKS, **INDOORS}
APRON_WIDTH: Final = 180.0  # metres of ground beyond the square; haze hides its end
GROUND_MARGIN: Final = 1.5  # metres of painted ground beyond the walkable square


def build_static_mesh(scene: Scene) -> Mesh:
    """All things of the scene that never move, as one mesh."""
    builder = MeshBuilder()
    for thing in scene.objects:
        builder.place(thing.position[0], 0.0, thing.position[1], thing.yaw)
        MODELS[thing.kind](builder, thing)
    builder.place(0, 0, 0, 0)
    if scene.ceiling:
        reach = scene.half + 1
        red, green, blue = (1.5 * channel for channel in scene.palette.zenith)  # faces down, away from the light
        builder.box((0, scene.ceiling, 0), (2 * reach, 0.1, 2 * reach), (red, green, blue), "plain")
    return builder.build()


def build_apron_mesh(scene: Scene) -> Mesh:
    """The ground beyond the square, a flat quarter a side, in colours that are lit already."""
    near = scene.half + GROUND_MARGIN
    far = near + APRON_WIDTH
    builder = MeshBuilder()
    quarters = (((-near, near), (near, near), (far, far), (-far, far)), ((near, near), (near, -near), (far, -far), (far, far)))
    for surface, corners in zip(
        scene.apron, (*quarters, *(tuple((-x, -z) for x, z in quarter) for quarter in quarters)), strict=True
    ):
        face = np.array([(x, 0.0, z) for x, z in corners])
        builder.body([face, face - [0, 1, 0]], apron_colour(scene, surface), "plain")
    return builder.build()
