"""Masks: which thing a pixel shows."""

import dataclasses

import numpy as np
import pytest

from engine.embedded.mask import mask_colours, thing_names
from engine.embedded.render import RenderConfig, RendererUnavailableError, SceneRenderer
from engine.scenes.build import build_scene
from infra.dynamics import camera_to_world


@pytest.mark.parametrize("family", ["park", "rooms"])
def test_a_thing_that_is_taken_away_changes_only_its_own_pixels(egl: str, family: str) -> None:
    """Shadows apart, which the ground's picture holds: so depth is compared, not colour."""
    scene = build_scene(family, 5)
    renderer = SceneRenderer(RenderConfig(renderer=egl))
    renderer.load(scene)
    (x, z), yaw, _ = scene.characters[0].place(0.0)
    c2w = camera_to_world(np.array([x, -1.6, z]), np.array(0.0), np.array(yaw))
    _, depth = renderer.draw(c2w, 0.0)
    mask = renderer.draw_mask()
    number = int(np.bincount(mask[(mask > 0) & (mask <= len(scene.objects))]).argmax())
    fewer = dataclasses.replace(scene, objects=tuple(thing for i, thing in enumerate(scene.objects, 1) if i != number))
    renderer.load(fewer)
    _, without = renderer.draw(c2w, 0.0)
    assert depth is not None and without is not None
    changed = ~np.isclose(depth, without, rtol=1e-3)
    assert changed[mask == number].mean() > 0.95
    edge = np.zeros_like(changed)
    for rows, columns in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        edge |= np.roll(mask == number, (rows, columns), (0, 1))  # pictures are sampled four times a pixel, masks once
    assert changed[(mask != number) & ~edge].mean() < 0.002
    renderer.close()


def test_people_have_numbers_after_the_things_and_masks_repeat(egl: str) -> None:
    scene = build_scene("park", 5)
    renderer = SceneRenderer(RenderConfig(renderer=egl))
    renderer.load(scene)
    (x, z), _, _ = scene.characters[0].place(0.0)
    c2w = camera_to_world(np.array([x, -1.6, z - 3]), np.array(0.0), np.array(0.0))
    before, _ = renderer.draw(c2w, 0.0)
    mask = renderer.draw_mask()
    assert mask[64, 112] == len(scene.objects) + 1 and thing_names(scene)[mask[64, 112] - 1] == "person_1"
    assert np.array_equal(renderer.draw_mask(), mask)
    assert np.array_equal(renderer.draw(c2w, 0.0)[0], before), "the second pass changes the picture"
    renderer.close()


def test_the_software_renderer_says_that_it_draws_none() -> None:
    renderer = SceneRenderer(RenderConfig(renderer="software"))
    renderer.load(build_scene("park", 5))
    with pytest.raises(RendererUnavailableError, match="no masks"):
        renderer.draw_mask()


def test_names_and_colours_are_unique() -> None:
    names = thing_names(build_scene("park", 5))
    assert len(set(names)) == len(names) and not any(" " in name for name in names)
    colours = mask_colours(2**16 - 1)
    assert len(set(colours.tolist())) == 2**16 and colours[0] == 0
