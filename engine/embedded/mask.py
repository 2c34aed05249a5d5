"""The second pass of the renderer: which thing each pixel shows, as a number, one sample at the pixel's centre."""

import dataclasses
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.embedded.nodes import Nodes
from engine.models import build_static_mesh
from engine.scenes.scene import Scene

Mask = NDArray[np.uint16]

_STILL_VERTEX: Final = """
#version 330
uniform mat4 p3d_ModelViewProjectionMatrix;
in vec4 p3d_Vertex;
in float layer;  // the thing's number
flat out float number;
void main() {
    gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
    number = layer;
}
"""
_MOVING_VERTEX: Final = """
#version 330
uniform mat4 p3d_ModelViewProjectionMatrix;
uniform float number_of_node;
in vec4 p3d_Vertex;
flat out float number;
void main() {
    gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
    number = number_of_node;
}
"""
_FRAGMENT: Final = """
#version 330
flat in float number;
out vec4 pixel;
void main() {
    pixel = vec4(mod(number, 256.0) / 255.0, floor(number / 256.0) / 255.0, 0.0, 1.0);
}
"""


def thing_names(scene: Scene) -> tuple[str, ...]:
    """A name without spaces for each number of a mask, in order from 1: the scene's things, then its people."""
    counts: dict[str, int] = {}
    names: list[str] = []
    for kind in [*(thing.kind for thing in scene.objects), *("person" for _ in scene.characters)]:
        counts[kind] = counts.get(kind, 0) + 1
        names.append(f"{kind}_{counts[kind]}")
    return tuple(names)


def mask_colours(count: int) -> NDArray[np.uint32]:
    """0xRRGGBB (count + 1,) of each number of a mask: all different, far apart, black for 0."""
    return (np.arange(count + 1, dtype=np.uint64) * np.uint64(0x9E3779B1) % np.uint64(2**24)).astype(np.uint32)


class MaskPass:
    """Draws numbers in place of colours with the renderer's own camera. Made when a mask is first asked for."""

    def __init__(self, device: Any, camera: Any, width: int, height: int) -> None:
        core = self._core = device.core
        self._device = device
        wanted = core.FrameBufferProperties()
        wanted.set_rgba_bits(8, 8, 8, 0)
        wanted.set_depth_bits(24)
        size = core.WindowProperties.size(width, height)
        host, flags = device.buffer, core.GraphicsPipe.BF_refuse_window
        self._buffer = device.engine.make_output(device.pipe, "mask", 1, wanted, size, flags, host.get_gsg(), host)
        self._picture = core.Texture("mask")
        self._buffer.add_render_texture(self._picture, core.GraphicsOutput.RTM_copy_ram, core.GraphicsOutput.RTP_color)
        self._buffer.set_clear_color((0, 0, 0, 1))
        self._root = core.NodePath("mask")
        self._camera = self._root.attach_new_node(core.Camera("mask", camera.node().get_lens()))
        self._buffer.make_display_region().set_camera(self._camera)
        device.engine.open_windows()
        self._buffer.set_active(False)
        self._world: Any = None

    def load(self, scene: Scene, nodes: Nodes) -> None:
        """Take the scene's still things; ``nodes`` makes what they consist of, as for the renderer."""
        if self._world is not None:
            self._world.remove_node()
        self._world = self._root.attach_new_node("world")
        still = self._world.attach_new_node("still")
        still.set_shader(nodes.shader(_STILL_VERTEX, _FRAGMENT))
        for number, thing in enumerate(scene.objects, 1):
            mesh = build_static_mesh(dataclasses.replace(scene, objects=(thing,), ceiling=0.0))
            numbers = np.full(len(mesh.position), float(number))
            still.attach_new_node(nodes.geometry(mesh.position, mesh.uv, numbers, mesh.colour, mesh.triangles))
        still.flatten_strong()
        self._moving = self._world.attach_new_node("moving")
        self._moving.set_shader(nodes.shader(_MOVING_VERTEX, _FRAGMENT))
        self._first = len(scene.objects) + 1

    def draw(self, camera: Any, moving: list[list[Any]]) -> Mask:
        """The mask (H, W) that ``camera`` sees; ``moving`` holds the nodes of each person, shown or hidden as they are."""
        self._camera.set_pos_hpr(camera.get_pos(), camera.get_hpr())
        self._moving.get_children().detach()
        for number, nodes in enumerate(moving, self._first):
            holder = self._moving.attach_new_node("person")
            holder.set_shader_input("number_of_node", float(number))
            for node in nodes:
                node.instance_to(holder)
        self._device.buffer.set_active(False)
        self._buffer.set_active(True)
        self._device.engine.render_frame()
        self._buffer.set_active(False)
        self._device.buffer.set_active(True)
        width, height = self._buffer.get_x_size(), self._buffer.get_y_size()
        raw = np.frombuffer(self._picture.get_ram_image(), np.uint8).reshape(height, width, -1)[::-1]
        return raw[..., 2] + raw[..., 1].astype(np.uint16) * np.uint16(256)  # the texture holds blue first
