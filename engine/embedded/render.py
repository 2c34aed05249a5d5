"""The door to Panda3D: draws a scene from any camera as RGB and metric depth. The only file that imports panda3d."""

import functools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.characters.people import AVATAR_PHASES, Placed, avatar_mesh, person_mesh, person_phase, phase_count
from engine.embedded.backdrop import paint_ground, paint_sky
from engine.embedded.drawn_person import DrawnPerson
from engine.embedded.falling import falling_of
from engine.embedded.mask import Mask, MaskPass
from engine.embedded.mesh import Mesh
from engine.embedded.nodes import Nodes
from engine.embedded.overlays import Overlays
from engine.embedded.pixels import FAR, NEAR, Samples
from engine.embedded.shaders import BODY_FRAGMENT, BODY_VERTEX
from engine.models import build_static_mesh
from engine.models.static import GROUND_MARGIN, build_apron_mesh
from engine.scenes.scene import Colour, Light, Scene
from infra.errors import NotHereError

Array = NDArray[np.float64]

PANDA_SETTINGS: Final = """
gl-version 3 3
audio-library-name null
notify-level error
notify-level-egldisplay fatal
cache-generated-shaders false
"""  # EGL complains of a screen that nobody needs; a shader keeps matrices, so that two renderers must not share one
_PIPES: Final = {"egl": ("eglGraphicsPipe", "p3headlessgl"), "software": ("TinyOffscreenGraphicsPipe", "p3tinydisplay")}
"""By name, since the software renderer's first pipe joins an X display if there is one, and ends the process with it."""
EGL_ADVICE: Final = (
    "EGL cannot draw here; install libegl1 libegl-mesa0 libgl1-mesa-dri libgles2, or set collect.renderer = 'software'"
)


@dataclass(frozen=True, kw_only=True)
class RenderConfig:
    """Size of the picture and which of Panda3D's renderers draws it."""

    width: int = 224
    height: int = 128
    hfov: float = 80.0  # degrees, square pixels, principal point in the middle
    renderer: str = "egl"  # egl | software
    supersample: int = 2  # rays a pixel side; smooths edges, which a small autoencoder would flicker on


def intrinsics_of(width: int, height: int, hfov: float) -> Array:
    """(fx, fy, cx, cy) in pixels; pixel centres lie at +0.5."""
    focal = width / 2 / np.tan(np.radians(hfov) / 2)
    return np.array([focal, focal, width / 2, height / 2])


def panda_pose(c2w: Array) -> Array:
    """Convert c2w (4, 4) to Panda3D's (x, y, z, heading, pitch, roll): z up, y forward, degrees, heading turns left."""
    right, forward = c2w[:3, 0], c2w[:3, 2]
    pitch = np.degrees(np.arcsin(np.clip(-forward[1], -1, 1)))
    heading = -np.degrees(np.arctan2(forward[0], forward[2]))
    level = np.array([np.cos(np.radians(heading)), 0.0, np.sin(np.radians(heading))])
    down = np.cross(forward, level)
    roll = np.degrees(np.arctan2(right @ down, right @ level))
    return np.array([c2w[0, 3], c2w[2, 3], -c2w[1, 3], heading, pitch, roll])


def c2w_from_panda(pose: Array) -> Array:
    """The inverse of ``panda_pose``: (6,) to c2w (4, 4)."""
    x, y, z, heading, pitch, roll = pose
    h, p, r = np.radians([heading, pitch, roll])
    level = np.array([np.cos(h), 0.0, np.sin(h)])
    forward = np.array([-np.sin(h) * np.cos(p), -np.sin(p), np.cos(h) * np.cos(p)])
    down = np.cross(forward, level)
    right = np.cos(r) * level + np.sin(r) * down
    c2w = np.eye(4)
    c2w[:3, :3] = np.stack([right, np.cross(forward, right), forward], -1)
    c2w[:3, 3] = (x, -z, y)
    return c2w


def egl_available() -> bool:
    """Whether Panda3D can draw through EGL here. Asked in a process of its own, since a broken driver may crash."""
    probe = "from engine.embedded.render import _Device, RenderConfig as C; _Device(C(width=16, height=16)); print('egl works')"
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run([sys.executable, "-c", probe], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return False
    return "egl works" in done.stdout


class RendererUnavailableError(NotHereError):
    """The renderer asked for cannot draw on this machine."""


@functools.cache
def _pipe(renderer: str) -> Any:
    """One a process, kept: the end of one would end EGL's display for every renderer that is still open."""
    from panda3d import core

    return core.GraphicsPipeSelection.get_global_ptr().make_pipe(*_PIPES[renderer])


class _Device:
    """One off-screen buffer with its read-back textures."""

    def __init__(self, config: RenderConfig) -> None:
        from panda3d import core  # costs 0.3 s, so only when something is drawn

        core.load_prc_file_data("", PANDA_SETTINGS)
        self.core: Any = core
        self.exact = config.renderer == "egl"
        self.scale = config.supersample
        self.pipe = _pipe(config.renderer)
        if self.pipe is None:
            raise RendererUnavailableError(
                EGL_ADVICE if self.exact else "Panda3D's software renderer does not load; reinstall panda3d"
            )
        self.engine = core.GraphicsEngine(self.pipe)
        wanted = core.FrameBufferProperties()
        wanted.set_rgba_bits(8, 8, 8, 0)
        wanted.set_depth_bits(24)
        size = core.WindowProperties.size(config.width * self.scale, config.height * self.scale)
        flags = core.GraphicsPipe.BF_refuse_window
        self.buffer = self.engine.make_output(self.pipe, "frames", 0, wanted, size, flags)
        if self.buffer is None:
            raise RendererUnavailableError(EGL_ADVICE if self.exact else "Panda3D's software renderer opened no buffer")
        self.colour = core.Texture("colour")
        self.buffer.add_render_texture(self.colour, core.GraphicsOutput.RTM_copy_ram, core.GraphicsOutput.RTP_color)
        self.depth = core.Texture("depth")
        if self.exact:
            self.depth.set_format(core.Texture.F_depth_component)
            self.depth.set_component_type(core.Texture.T_float)
            self.buffer.add_render_texture(self.depth, core.GraphicsOutput.RTM_copy_ram, core.GraphicsOutput.RTP_depth)
        self.engine.open_windows()

    def read(self) -> Samples:
        """Draw one frame; a copy of its colours and, from EGL, of its depth buffer."""
        self.engine.render_frame()
        width, height = self.buffer.get_x_size(), self.buffer.get_y_size()
        colour = np.array(np.frombuffer(self.colour.get_ram_image(), np.uint8).reshape(height, width, -1))
        if not self.exact:
            return Samples(colour=colour, depth=None, scale=self.scale)
        depth = np.array(np.frombuffer(self.depth.get_ram_image(), np.float32).reshape(height, width))
        return Samples(colour=colour, depth=depth, scale=self.scale)


class SceneRenderer:
    """Draws scenes. Keep one a process: the device stays warm while scenes change."""

    def __init__(self, config: RenderConfig) -> None:
        self.config = config
        self.intrinsics = intrinsics_of(config.width, config.height, config.hfov)
        self._device = _Device(config)
        self._scene: Scene | None = None
        self._mask: MaskPass | None = None
        self._masked: Scene | None = None
        self._avatar: DrawnPerson | None = None
        self._people: list[DrawnPerson] = []
        self._worn: tuple[int | None, float] | None = None
        core = self._device.core
        lens = core.PerspectiveLens()
        lens.set_film_size(config.width, config.height)
        lens.set_focal_length(float(self.intrinsics[0]))
        lens.set_near_far(NEAR, FAR)
        self._root = core.NodePath("scenes")
        self._camera = self._root.attach_new_node(core.Camera("camera", lens))
        self._device.buffer.make_display_region().set_camera(self._camera)
        self._nodes = Nodes(core, exact=self._device.exact)
        self._overlays = Overlays(core, self._nodes)

    def load(self, scene: Scene) -> None:
        """Make ``scene`` the one that is drawn."""
        if scene == self._scene:
            return
        self._scene, self._avatar, self._worn = scene, None, None
        for child in self._root.get_children():
            if child != self._camera:
                child.remove_node()
        self._let_go()
        world = self._world = self._root.attach_new_node("world")
        world.set_bin("unsorted", 0)  # drawn in the order of loading: where surfaces tie in depth, the order decides pixels
        haze = scene.palette.horizon
        if self._device.exact:
            core = self._device.core
            world.set_shader(self._nodes.shader(BODY_VERTEX, BODY_FRAGMENT))
            world.set_shader_input("layers", self._nodes.layers)
            world.set_shader_input("far_by_pixel", float(bool(scene.ground)))
            world.set_shader_input("haze", core.Vec4(*haze, 0.0 if scene.ceiling else scene.haze))
        self._device.buffer.set_clear_color((*haze, 1.0))
        self._nodes.attach(world, build_static_mesh(scene), scene.light)
        self._ground = self._nodes.picture(paint_ground(scene), mipmaps=True)
        world.set_shader_input("ground", self._ground)
        self._add_ground(world, scene)
        if scene.apron:
            mesh = build_apron_mesh(scene)
            world.attach_new_node(self._nodes.geometry(mesh.position, mesh.uv, mesh.layer, mesh.colour, mesh.triangles))
        blot = _blot(scene)
        self._people = [
            self._add_person(scene, phase_count(character), partial(person_mesh, character, blot), soft=blot is None)
            for character in scene.characters
        ]
        overlays = self._overlays
        self._sky = None if scene.ceiling else overlays.add_sky(self._root, self._nodes.picture(paint_sky(scene), mipmaps=False))
        self._falling = overlays.add_falling(self._root, falling_of(scene)) if scene.falling and self._device.exact else None

    def _let_go(self) -> None:
        """Free what the last scene held: Panda3D keeps every state, and its textures with it, until it is told to look."""
        core = self._device.core
        self._world = self._sky = self._falling = self._ground = None
        self._people = []
        for states in (core.TransformState, core.RenderState):
            while states.garbage_collect():
                pass

    def held_states(self) -> int:
        """How many render states, each of which may hold textures, Panda3D keeps in this process."""
        return int(self._device.core.RenderState.get_num_states())

    def wear(self, index: int | None, speed: float = 0.0) -> None:
        """Give the walker the body of character ``index`` in the loaded scene, or none; ``draw`` places it.

        It must keep up with ``speed`` metres a second.
        """
        assert self._scene is not None, "load a scene first"
        if (index, speed) == self._worn:
            return
        if self._avatar is not None:
            self._avatar.remove()
        self._avatar = (
            None if index is None else self._add_person(self._scene, AVATAR_PHASES, partial(avatar_mesh, index, speed), soft=True)
        )
        self._worn = (index, speed)

    def draw(
        self, c2w: Array, seconds: float, avatar: Placed | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """Draw the loaded scene at ``seconds`` after its start from camera ``c2w`` (4, 4), with the body worn if placed.

        Returns RGB (H, W, 3) and z-depth (H, W) in metres, inf where there is sky; None from the software renderer.
        """
        return self.sample(c2w, seconds, avatar).average()

    def sample(self, c2w: Array, seconds: float, avatar: Placed | None = None) -> Samples:
        """Draw as ``draw`` does and leave the averaging to the caller, who may do it while the next frame is drawn."""
        assert self._scene is not None, "load a scene first"
        pose = panda_pose(c2w)
        self._camera.set_pos_hpr(*pose)
        if self._sky is not None:
            self._sky.set_pos(*pose[:3])
        if self._falling is not None:
            motion = falling_of(self._scene).motion
            self._falling.set_shader_input("eye", self._device.core.Vec3(*pose[:3]))
            self._falling.set_shader_input("motion", self._device.core.Vec4(*motion, seconds))
        for character, person in zip(self._scene.characters, self._people, strict=True):
            place, yaw, walked = character.place(seconds)
            person.show(person_phase(character, walked), place, yaw)
        if self._avatar is not None and avatar is not None:
            self._avatar.show(avatar.phase, avatar.place, avatar.facing)
        elif self._avatar is not None:
            self._avatar.hide()
        return self._device.read()

    def draw_mask(self) -> Mask:
        """Which thing each pixel of the picture drawn last shows, (H, W): see ``mask``; 0 is ground, sky or ceiling.

        Raises:
            RendererUnavailableError: the software renderer has no second pass.
        """
        assert self._scene is not None, "draw first"
        if not self._device.exact:
            raise RendererUnavailableError("the software renderer draws no masks; use renderer egl")
        if self._mask is None:
            self._mask = MaskPass(self._device, self._camera, self.config.width, self.config.height)
        if self._masked != self._scene:
            self._mask.load(self._scene, self._nodes)
            self._masked = self._scene
        seen = [*self._people, *([self._avatar] if self._avatar is not None else [])]
        return self._mask.draw(self._camera, [person.nodes for person in seen])

    def close(self) -> None:
        """Give the device back."""
        self._device.engine.remove_all_windows()

    def _add_ground(self, world: Any, scene: Scene) -> None:
        """One square; layer -1 tells the shader to use the painted ground. Row 0 of the picture is at z = -reach."""
        reach = scene.half + GROUND_MARGIN
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * reach
        position = np.stack([corners[:, 0], np.zeros(4), corners[:, 1]], -1)
        uv = (corners / reach + 1) / 2 * [1, 1] - [0, 1]
        triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
        node = world.attach_new_node(self._nodes.geometry(position, uv, np.full(4, -1.0), np.ones((4, 3)), triangles))
        if not self._device.exact:
            node.set_texture(self._ground)

    def _add_person(self, scene: Scene, phases: int, mesh_of: Callable[[int], Mesh], *, soft: bool) -> DrawnPerson:
        """Somebody in so many phases, on a soft shadow or on what the mesh brings."""
        shade = self._overlays.add_shade(self._world, scene.light) if soft and self._device.exact else None
        return DrawnPerson(self._world, phases, partial(_fill, self._nodes, mesh_of, scene.light), shade)


def _fill(nodes: Nodes, mesh_of: Callable[[int], Mesh], light: Light, node: Any, phase: int) -> None:
    """Put a phase's body under a node. Not a method: who is drawn must not keep the renderer alive."""
    nodes.attach(node, mesh_of(phase), light)


def _blot(scene: Scene) -> Colour | None:
    """The colour under a person's feet in the first families; in the others their shadow is soft."""
    if scene.ground:
        return None
    red, green, blue = ((1 - scene.light.shadow) * channel for channel in scene.palette.ground)
    return red, green, blue
