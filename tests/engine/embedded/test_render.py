"""Rendering: poses round-trip, depth is metric, pictures repeat."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.embedded.pixels import NEAR, average_pixels, depth_of
from engine.embedded.render import (
    RenderConfig,
    SceneRenderer,
    c2w_from_panda,
    intrinsics_of,
    panda_pose,
)
from engine.scenes.build import build_scene
from infra.dynamics import camera_to_world
from tests.engine.games.titles.display import own_display

angles = st.floats(-179, 179)


@given(yaw=angles, pitch=st.floats(-85, 85), roll=angles, place=st.tuples(*[st.floats(-50, 50)] * 3))
def test_panda_poses_round_trip(yaw: float, pitch: float, roll: float, place: tuple[float, float, float]) -> None:
    c2w = camera_to_world(np.array(place), np.array(pitch), np.array(yaw))
    r = np.radians(roll)
    c2w[:3, :3] = c2w[:3, :3] @ np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    assert np.allclose(c2w_from_panda(panda_pose(c2w)), c2w, atol=1e-9)


def test_panda_looks_along_y_where_our_camera_looks_along_z() -> None:
    c2w = camera_to_world(np.array([1.0, -1.6, 3.0]), np.array(0.0), np.array(90.0))
    assert np.allclose(panda_pose(c2w), [1, 3, 1.6, -90, 0, 0])


def test_intrinsics_cover_the_field_of_view() -> None:
    fx, fy, cx, cy = intrinsics_of(224, 128, 80.0)
    assert fx == fy and (cx, cy) == (112, 64)
    assert np.isclose(2 * np.degrees(np.arctan(112 / fx)), 80)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_averages_are_means_of_blocks_rounded_up_from_a_half(scale: int) -> None:
    rgb = np.random.default_rng(scale).integers(0, 256, (12 * scale, 20 * scale, 3), np.uint8)
    means = rgb.reshape(12, scale, 20, scale, 3).mean((1, 3))
    assert np.array_equal(average_pixels(rgb, scale), np.floor(means + 0.5))


def test_depth_at_an_edge_is_the_nearer_surface_and_the_sky_has_none() -> None:
    far = 300.0
    z = np.array([[2.0, 2.0], [8.0, 8.0]])
    buffer = ((far - NEAR * far / z) / (far - NEAR)).astype(np.float32)
    assert np.isclose(depth_of(buffer, 2), 2.0, rtol=1e-3)
    assert np.isinf(depth_of(np.ones((2, 2), np.float32), 2))


@pytest.mark.parametrize("family", ["park", "rooms"])
def test_depth_and_pose_predict_where_pixels_go(egl: str, family: str) -> None:
    """Unproject frame t by its depth, project into t + k: the colours found there are the same."""
    scene = build_scene(family, 21)
    renderer = SceneRenderer(RenderConfig(renderer=egl))
    renderer.load(scene)
    x, z = (0.0, 0.0) if family == "park" else (4.0, 4.0)
    first = camera_to_world(np.array([x, -1.6, z]), np.array(0.0), np.array(30.0))
    second = camera_to_world(np.array([x + 0.4, -1.6, z]), np.array(2.0), np.array(36.0))
    (rgb, depth), (other, _) = renderer.draw(first, 0.0), renderer.draw(second, 0.0)
    assert depth is not None
    fx, fy, cx, cy = renderer.intrinsics
    v, u = np.mgrid[0:128, 0:224] + 0.5
    points = np.stack([(u - cx) / fx * depth, (v - cy) / fy * depth, depth], -1)[np.isfinite(depth)]
    move = np.linalg.inv(second) @ first
    seen = points @ move[:3, :3].T + move[:3, 3]
    column, row = seen[:, 0] / seen[:, 2] * fx + cx, seen[:, 1] / seen[:, 2] * fy + cy
    inside = (seen[:, 2] > 0.2) & (column > 0) & (column < 224) & (row > 0) & (row < 128)
    found = other[row[inside].astype(int), column[inside].astype(int)].astype(int)
    there = rgb[np.isfinite(depth)][inside].astype(int)
    assert inside.mean() > 0.5
    warped = np.abs(found - there).mean(-1)
    still = np.abs(other.astype(int) - rgb)[np.isfinite(depth)].mean(-1)
    assert np.median(warped) < 3 and warped.mean() < 0.5 * still.mean()


def test_ground_depth_is_exact(egl: str) -> None:
    renderer = SceneRenderer(RenderConfig(renderer=egl))
    renderer.load(build_scene("park", 3))
    _, depth = renderer.draw(camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(-30.0), np.array(0.0)), 0.0)
    assert depth is not None
    _, fy, _, cy = renderer.intrinsics
    below = np.arctan((np.arange(128) + 0.5 - cy) / fy) + np.radians(30)
    expected = 1.6 / np.sin(below) * np.cos(below - np.radians(30))
    assert np.isclose(depth[100:], expected[100:, None], rtol=1e-3).mean() > 0.6  # things stand on the rest


def test_a_scene_looks_the_same_after_another_was_shown(egl: str) -> None:
    renderer = SceneRenderer(RenderConfig(renderer=egl))
    c2w = camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(0.0), np.array(0.0))
    pictures = []
    for family, seed in (("park", 5), ("rooms", 6), ("park", 5)):
        renderer.load(build_scene(family, seed))
        pictures.append(renderer.draw(c2w, 2.0)[0])
    assert np.array_equal(pictures[0], pictures[2]) and not np.array_equal(pictures[0], pictures[1])


def test_renderers_side_by_side_do_not_show_in_each_others_pictures(egl: str) -> None:
    here, there = (camera_to_world(np.array([x, -1.6, 0.0]), np.array(2.0), np.array(30.0)) for x in (0.0, 1.0))
    scene = build_scene("park", 3)

    def look(renderer: SceneRenderer) -> list[bytes]:
        rgb, depth = renderer.draw(here, 0.5)
        assert depth is not None
        return [rgb.tobytes(), depth.tobytes(), renderer.draw_mask().tobytes()]

    first = SceneRenderer(RenderConfig(width=96, height=64))
    first.load(scene)
    alone = look(first)
    second = SceneRenderer(RenderConfig(width=64, height=36, hfov=60.0))
    second.load(build_scene("park", 4))
    for camera in (here, there):
        second.draw(camera, 0.5)
        second.draw_mask()
        assert look(first) == alone
    second.close()
    assert look(first) == alone, "one that is closed takes nothing along"
    first.close()


def test_a_renderer_that_is_gone_does_not_end_the_display_of_the_next(egl: str) -> None:
    scene = build_scene("park", 3)
    first = SceneRenderer(RenderConfig(width=96, height=64))
    first.load(scene)
    pictures = [first.draw(np.eye(4), 0.5)[0]]
    second = SceneRenderer(RenderConfig(width=96, height=64))
    del first
    gc.collect()
    second.load(scene)
    pictures.append(second.draw(np.eye(4), 0.5)[0])
    assert np.array_equal(pictures[0], pictures[1])


def test_people_move_with_time(egl: str) -> None:
    scene = build_scene("park", 5)
    renderer = SceneRenderer(RenderConfig(renderer=egl))
    renderer.load(scene)
    (x, z), _, _ = scene.characters[0].place(0.0)
    c2w = camera_to_world(np.array([x, -9.0, z - 3]), np.array(-70.0), np.array(0.0))
    assert not np.array_equal(renderer.draw(c2w, 0.0)[0], renderer.draw(c2w, 1.0)[0])


def test_the_software_renderer_shows_the_same_scene_without_depth(egl: str) -> None:
    scene = build_scene("park", 5)
    c2w = camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(0.0), np.array(40.0))
    pictures = []
    for name in (egl, "software"):
        renderer = SceneRenderer(RenderConfig(renderer=name))
        renderer.load(scene)
        rgb, depth = renderer.draw(c2w, 0.0)
        assert (depth is None) == (name == "software")
        pictures.append(rgb.astype(float))
    assert np.median(np.abs(pictures[0] - pictures[1])) < 20  # no haze


@pytest.mark.slow
def test_the_software_renderer_goes_on_when_the_screen_goes_away() -> None:
    draws = """
import numpy as np
from engine.embedded.render import RenderConfig, SceneRenderer
from engine.scenes.build import build_scene
renderer = SceneRenderer(RenderConfig(renderer="software", width=64, height=32))
renderer.load(build_scene("park", 5))
for _ in range(2):
    print(renderer.draw(np.eye(4), 0.0)[0].shape, flush=True)
    input()
"""
    root = Path(__file__).resolve().parents[3]
    with own_display() as display:
        environment = os.environ | {"DISPLAY": display}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", draws], cwd=root, env=environment, **pipes)
        assert process.stdout is not None and process.stdout.readline() == "(32, 64, 3)\n"
    told, _ = process.communicate("\n\n", timeout=60)
    assert told == "(32, 64, 3)\n" and process.returncode == 0


def test_scenes_that_were_shown_are_let_go(egl: str) -> None:
    renderer = SceneRenderer(RenderConfig(width=64, height=48, renderer=egl))
    held = []
    for _ in range(3):
        for family in ("rooms", "maze"):
            renderer.load(build_scene(family, 4))
            renderer.draw(np.eye(4), 0.0)
        held.append(renderer.held_states())
    renderer.close()
    assert held[2] <= held[0]
