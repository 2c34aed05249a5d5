"""What the renderer draws besides bodies: the sky dome, rain and snow, soft shadows under people."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.embedded.falling import Falling, falling_corners
from engine.embedded.nodes import Nodes
from engine.embedded.shaders import FALLING_FRAGMENT, FALLING_VERTEX, SHADE_FRAGMENT, SHADE_VERTEX, SKY_FRAGMENT, SKY_VERTEX
from engine.scenes.scene import Light

Array = NDArray[np.float64]

SHADE_HALF: Final = 0.62  # metres from the middle of the shadow under a person to its edge
SHADE_HEIGHT: Final = 0.02  # metres above the ground, so that the two never tie in depth


class Overlays:
    """Makes nodes of the renderer's ``core`` (the module of Panda3D)."""

    def __init__(self, core: Any, nodes: Nodes) -> None:
        self._core = core
        self._nodes = nodes

    def add_sky(self, parent: Any, picture: Any) -> Any:
        """A dome round the camera that is drawn first and leaves no depth."""
        azimuth, elevation = np.radians(np.linspace(-180, 180, 49)), np.radians([-12, 0, 8, 18, 30, 45, 60, 75, 90])
        a, e = np.meshgrid(azimuth, elevation)
        position = 100 * np.stack([np.sin(a) * np.cos(e), -np.sin(e), np.cos(a) * np.cos(e)], -1).reshape(-1, 3)
        uv = np.stack([a / (2 * np.pi) + 0.5, -np.clip(e / (np.pi / 2), 0.002, 0.998)], -1).reshape(-1, 2)
        columns = len(azimuth)
        first = (np.arange(len(elevation) - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
        quads = np.stack([first, first + 1, first + columns + 1, first + columns], -1)
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
        node = parent.attach_new_node(self._nodes.geometry(position, uv, np.zeros(len(uv)), np.ones((len(uv), 3)), triangles))
        node.set_two_sided(True)
        node.set_depth_write(False)
        node.set_depth_test(False)
        node.set_bin("background", 0)
        node.set_texture(picture)
        if self._nodes.exact:
            node.set_shader(self._nodes.shader(SKY_VERTEX, SKY_FRAGMENT))
        return node

    def add_falling(self, parent: Any, falling: Falling) -> Any:
        """Drops or flakes round the camera, drawn after everything under ``parent``; they leave no depth."""
        core = self._core
        start, corner, triangles = falling_corners(falling)
        node = parent.attach_new_node(
            self._nodes.geometry(start, corner, np.zeros(len(corner)), np.ones((len(corner), 3)), triangles), sort=1
        )
        node.set_shader(self._nodes.shader(FALLING_VERTEX, FALLING_FRAGMENT))
        node.set_shader_input("shape", core.Vec4(*falling.shape))
        node.set_shader_input("hue", core.Vec4(*falling.hue))
        node.node().set_bounds(core.OmniBoundingVolume())
        node.node().set_final(True)
        node.set_transparency(core.TransparencyAttrib.M_alpha)
        node.set_two_sided(True)
        node.set_depth_write(False)
        node.set_bin("unsorted", 0)  # as the world; a lower bin would draw it first, and the world over it
        return node

    def add_shade(self, parent: Any, light: Light) -> Any:
        """A soft blot that darkens whatever ground it lies on; its place is the caller's, it leaves no depth."""
        corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
        position = np.stack([corner[:, 0] * SHADE_HALF, np.full(4, -SHADE_HEIGHT), corner[:, 1] * SHADE_HALF], -1)
        triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
        node = parent.attach_new_node(self._nodes.geometry(position, corner, np.zeros(4), np.ones((4, 3)), triangles))
        node.set_shader(self._nodes.shader(SHADE_VERTEX, SHADE_FRAGMENT))
        node.set_shader_input("strength", 0.30 + 0.5 * light.shadow)
        node.set_transparency(self._core.TransparencyAttrib.M_alpha)
        node.set_depth_write(False)
        return node
