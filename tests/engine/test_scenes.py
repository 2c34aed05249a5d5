"""Scenes: everything in place, every layout its own."""

import json
import math

import numpy as np
import pytest

from engine.body import Body
from engine.embedded.textures import TEXTURES, paint_textures
from engine.job import scene_seed
from engine.models import MODELS, build_static_mesh
from engine.obstacles import BODY_RADIUS, character_places
from engine.scenes.build import FAMILIES, build_scene
from engine.scenes.scene import COLOURS, Character
from engine.walks import SETTLED, plan_walk
from infra.schema.episode import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
SEEDS = [scene_seed("any", "train", index, 3) for index in range(6)]
ONE_AND_MORE = [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", ONE_AND_MORE)
def test_every_object_is_inside_and_known_to_the_renderer(family: str, seed: int) -> None:
    scene = build_scene(family, seed)
    for thing in scene.objects:
        assert thing.kind in MODELS and thing.colour in COLOURS and thing.texture in TEXTURES
        if "boundary" not in thing.name:
            assert max(abs(thing.position[0]), abs(thing.position[1])) < scene.half
    assert 2 <= len(scene.characters) <= 4
    json.dumps(scene.describe())


@pytest.mark.parametrize("seed", SEEDS)
def test_things_in_a_park_do_not_touch_each_other(seed: int) -> None:
    things = [thing for thing in build_scene("park", seed).objects if "boundary" not in thing.name]
    assert 40 <= len(things) <= 90
    for number, one in enumerate(things):
        for other in things[:number]:
            reach = (math.hypot(one.size[0], one.size[2]) + math.hypot(other.size[0], other.size[2])) / 2
            assert math.dist(one.position, other.position) > reach + 2 * BODY_RADIUS


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", ONE_AND_MORE[:3])
def test_walkers_and_starts_are_clear_of_every_object(family: str, seed: int) -> None:
    body = Body(build_scene(family, seed), 16.0)
    for seconds in np.arange(0, 60, 0.7):
        assert body.things.clearance(character_places(body.scene, seconds)).min() > BODY_RADIUS
    start = plan_walk(body, "explore", 1, 8).start
    assert body.things.clearance(np.array([start.place])).min() > BODY_RADIUS


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in SETTLED])
def test_people_never_walk_through_each_other(family: str) -> None:
    scene = build_scene(family, SEEDS[1])
    assert all(person.assembly is not None and person.looks for person in scene.characters)
    for seconds in np.arange(0, 60, 0.25):
        places = character_places(scene, seconds)
        away = np.linalg.norm(places[:, None] - places, axis=-1) + 9 * np.eye(len(places))
        assert away.min() >= 2 * BODY_RADIUS


def test_layouts_differ_between_seeds_and_splits_and_repeat_for_a_seed() -> None:
    seeds = [scene_seed("park", split, index, 0) for split in SPLITS for index in range(20)]
    digests = [build_scene("park", seed).layout_digest() for seed in seeds]
    assert len(set(digests)) == len(digests)
    assert build_scene("park", seeds[7]) == build_scene("park", seeds[7])


def test_splits_never_share_a_scene_seed_whatever_the_run_seed_is() -> None:
    seeds = {split: {scene_seed("park", split, i, run) for i in range(50) for run in range(20)} for split in SPLITS}

    assert not seeds["train"] & seeds["test"] and not seeds["train"] & seeds["val"] and not seeds["val"] & seeds["test"]


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown scene family 'moon'.*park"):
        build_scene("moon", 0)


def test_characters_walk_at_their_speed_and_face_where_they_go() -> None:
    character = Character(name="Ada", shirt="red", trousers="blue", path=((0, 0), (4, 0), (4, 3)), speed=1.0, offset=0.0)
    places = np.array([character.place(seconds)[0] for seconds in np.arange(0, 12.1, 0.5)])
    assert np.allclose(np.linalg.norm(np.diff(places, axis=0), axis=1).max(), 0.5)
    assert np.allclose(places[0], places[-1])  # once round is 12 m
    assert character.place(1.0)[1] == 90.0


@pytest.mark.parametrize("family", FAMILIES)
def test_meshes_are_closed_outwards_with_unit_normals(family: str) -> None:
    mesh = build_static_mesh(build_scene(family, 1))
    assert np.allclose(np.linalg.norm(mesh.normal, axis=1), 1)
    a, b, c = (mesh.position[mesh.triangles[:, k]] for k in range(3))
    winding = np.einsum("ij,ij->i", np.cross(b - a, c - a), mesh.normal[mesh.triangles[:, 0]])
    assert (winding > -1e-9).all()
    assert mesh.layer.max() < len(paint_textures())
