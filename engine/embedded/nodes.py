"""Meshes and pictures as nodes and textures of Panda3D. Knows no renderer, so that a renderer dies with its last user."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.embedded.mesh import Mesh
from engine.embedded.textures import TEXTURES, paint_textures
from engine.scenes.scene import Light

Array = NDArray[np.float64]


class Nodes:
    """Makes nodes and textures of ``core``, the module of Panda3D; ``exact`` is with shaders."""

    def __init__(self, core: Any, *, exact: bool) -> None:
        self._core = core
        self.exact = exact
        self._shaders: dict[tuple[str, str], Any] = {}
        self.layers = self._load_layers()

    def _load_layers(self) -> Any:
        core, images = self._core, paint_textures()
        size = images.shape[1]
        if not self.exact:
            return [self.picture(image, mipmaps=True) for image in images]
        texture = core.Texture("layers")
        texture.setup_2d_texture_array(size, size, len(images), core.Texture.T_unsigned_byte, core.Texture.F_rgb)
        texture.set_ram_image(np.ascontiguousarray(images[:, ::-1, :, ::-1]).tobytes())
        self._filter(texture, mipmaps=True)
        return texture

    def shader(self, vertex: str, fragment: str) -> Any:
        """The program of two GLSL texts: compiled once, and of this renderer alone."""
        core, texts = self._core, (vertex, fragment)
        if texts not in self._shaders:
            self._shaders[texts] = core.Shader.make(core.Shader.SL_GLSL, *texts)
        return self._shaders[texts]

    def picture(self, image: NDArray[np.uint8], *, mipmaps: bool) -> Any:
        """Upload a picture whose row 0 is at v = 1 (its top)."""
        core = self._core
        texture = core.Texture("picture")
        texture.setup_2d_texture(image.shape[1], image.shape[0], core.Texture.T_unsigned_byte, core.Texture.F_rgb)
        texture.set_ram_image(np.ascontiguousarray(image[::-1, :, ::-1]).tobytes())
        self._filter(texture, mipmaps=mipmaps)
        return texture

    def _filter(self, texture: Any, *, mipmaps: bool) -> None:
        core = self._core
        texture.set_minfilter(core.SamplerState.FT_linear_mipmap_linear if mipmaps else core.SamplerState.FT_linear)
        texture.set_magfilter(core.SamplerState.FT_linear)
        texture.set_wrap_u(core.SamplerState.WM_repeat)
        texture.set_wrap_v(core.SamplerState.WM_clamp if not mipmaps else core.SamplerState.WM_repeat)

    def attach(self, parent: Any, mesh: Mesh, light: Light) -> Any:
        """Add a mesh under ``parent``: one node, for the software renderer one for each texture."""
        lit = mesh.lit(light)
        if self.exact:
            return parent.attach_new_node(self.geometry(mesh.position, mesh.uv, mesh.layer, lit, mesh.triangles))
        node = parent.attach_new_node("textured")
        for layer in range(len(TEXTURES)):
            chosen = mesh.triangles[mesh.layer[mesh.triangles[:, 0]] == layer]
            if len(chosen):
                part = node.attach_new_node(self.geometry(mesh.position, mesh.uv, mesh.layer, lit, chosen))
                part.set_texture(self.layers[layer])
        return node

    def geometry(self, position: Array, uv: Array, layer: Array, colour: Array, triangles: NDArray[np.int32]) -> Any:
        """A Panda3D node of triangles; positions come in world axes and are turned to z up here."""
        core = self._core
        array = core.GeomVertexArrayFormat()
        array.add_column(core.InternalName.get_vertex(), 3, core.Geom.NT_float32, core.Geom.C_point)
        array.add_column(core.InternalName.get_texcoord(), 2, core.Geom.NT_float32, core.Geom.C_texcoord)
        array.add_column(core.InternalName.make("layer"), 1, core.Geom.NT_float32, core.Geom.C_other)
        array.add_column(core.InternalName.make("tint"), 3, core.Geom.NT_float32, core.Geom.C_other)
        array.add_column(core.InternalName.get_color(), 4, core.Geom.NT_uint8, core.Geom.C_color)
        data = core.GeomVertexData("mesh", core.GeomVertexFormat.register_format(array), core.Geom.UH_static)
        rows = np.zeros(len(position), [("p", "<f4", 3), ("uv", "<f4", 2), ("layer", "<f4"), ("tint", "<f4", 3), ("c", "u1", 4)])
        rows["p"] = position[:, [0, 2, 1]] * [1, 1, -1]
        rows["uv"] = uv * [1, -1]
        rows["layer"], rows["tint"] = layer, colour
        rows["c"][:, :3], rows["c"][:, 3] = np.clip(colour * 255, 0, 255), 255
        data.unclean_set_num_rows(len(rows))
        data.modify_array_handle(0).copy_data_from(rows.tobytes())
        primitive = core.GeomTriangles(core.Geom.UH_static)
        primitive.set_index_type(core.Geom.NT_uint32)
        indices = primitive.modify_vertices()
        indices.unclean_set_num_rows(triangles.size)
        indices.modify_handle().copy_data_from(np.ascontiguousarray(triangles, np.uint32).tobytes())
        geometry = core.Geom(data)
        geometry.add_primitive(primitive)
        node = core.GeomNode("mesh")
        node.add_geom(geometry)
        return node
