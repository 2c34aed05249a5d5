"""Conditions change how a scene looks and nothing else; the catalogue has no scene twice."""

import dataclasses

import numpy as np
import pytest
import shapely

from engine.body import Body
from engine.embedded.render import RenderConfig, SceneRenderer
from engine.explore.mesh import build_mesh
from engine.obstacles import obstacles_of
from engine.plan import resolve_renderer
from engine.scenes.build import FAMILIES, FIRST, build_scene
from engine.scenes.catalogue import catalogue, layout_digest_of, objects_digest_of, write_catalogue
from engine.scenes.conditions import TIMES, Conditions, shared_time
from engine.walks import evaluation_start, plan_walk
from infra.store import open_store
from infra.tables import read_rows

MIXES = [
    Conditions(weather="snow", time_of_day="night", season="winter"),
    Conditions(weather="rain", time_of_day="dusk", season="autumn"),
    Conditions(weather="fog", time_of_day="dawn", season="spring"),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_time_of_day_has_a_name_that_can_be_asked_for(family: str) -> None:
    seeds = range(12 if family in FIRST else 2)  # the others draw from the shared names
    plain = [build_scene(family, seed) for seed in seeds]
    assert {shared_time(scene.time_of_day) for scene in plain} <= set(TIMES)
    assert {build_scene(family, seed, Conditions(weather="rain")).time_of_day for seed in seeds} <= set(TIMES)


@pytest.mark.parametrize(
    ("family", "mixes"),
    [
        *((family, MIXES[number % 3 :][:1]) for number, family in enumerate(FAMILIES)),
        *(pytest.param(family, MIXES, marks=pytest.mark.slow) for family in FAMILIES),
    ],
)
def test_conditions_never_move_a_thing_or_a_person(family: str, mixes: list[Conditions]) -> None:
    plain = build_scene(family, 12)
    for conditions in mixes:
        scene = build_scene(family, 12, conditions)
        assert (scene.weather, scene.time_of_day, scene.season) == dataclasses.astuple(conditions)
        assert layout_digest_of(scene) == layout_digest_of(plain) and scene.characters == plain.characters
        ours, theirs = obstacles_of(scene.objects), obstacles_of(plain.objects)
        assert np.array_equal(ours.centre, theirs.centre) and np.array_equal(ours.half, theirs.half)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [2000, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2001, 2006))])
def test_every_family_gives_starts_and_is_one_piece_to_walk_in(family: str, seed: int) -> None:
    body = Body(build_scene(family, seed), 16.0)
    assert body.is_clear(evaluation_start(body, 0), 1.0)
    areas = [part.area for part in shapely.get_parts(build_mesh(body.things, body.scene.half).ground)]
    assert max(areas) > 0.98 * sum(areas)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_every_training_walk(family: str) -> None:
    for seed in range(2000, 2006):
        body = Body(build_scene(family, seed), 16.0)
        for walk in ("explore", "out_and_back", "loop", "spin", "idle"):
            assert len(plan_walk(body, walk, 1, 64).keyboard) == 64


def test_an_unknown_condition_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown weather 'hail'.*fog"):
        Conditions(weather="hail")


@pytest.mark.parametrize("per_family", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_no_two_scenes_of_the_catalogue_share_a_layout_or_a_set_of_objects(per_family: int) -> None:
    scenes = list(catalogue(per_family))
    assert len(scenes) == per_family * len(FAMILIES)
    assert (
        len({layout_digest_of(scene) for scene in scenes}) == len({objects_digest_of(scene) for scene in scenes}) == len(scenes)
    )


def test_the_catalogue_goes_on_where_it_stopped(tmp_path: object) -> None:
    store = open_store(str(tmp_path))
    write_catalogue(store, 1, families=("park", "street"), renderer=None)
    written = write_catalogue(store, 2, families=("park", "street"), renderer=None, workers=2)
    rows = read_rows(store, "scenes").to_pylist()
    assert len(rows) == len({row["scene_id"] for row in rows}) == 4
    assert {row.scene_id for row in written} == {row["scene_id"] for row in rows}


def test_night_fog_and_rain_show_in_the_picture_and_rain_falls_the_same_way_twice() -> None:
    if resolve_renderer("auto") != "egl":
        pytest.skip("needs EGL")
    renderer = SceneRenderer(RenderConfig(width=96, height=64))
    base = Conditions(weather="clear", time_of_day="noon", season="summer")
    try:
        camera = evaluation_start(Body(build_scene("street", 3), 16.0), 0).c2w()
        pictures = {}
        for name, mix in {
            "noon": base,
            "night": Conditions(time_of_day="night").over(base),
            "rain": MIXES[1],
            "fog": MIXES[2],
        }.items():
            renderer.load(build_scene("street", 3, mix))
            pictures[name] = [renderer.draw(camera, seconds)[0] for seconds in (0.0, 0.5, 0.0)]
    finally:
        renderer.close()
    assert pictures["night"][0].mean() < 0.6 * pictures["noon"][0].mean()
    haze = 255 * np.array(build_scene("street", 3, MIXES[2]).palette.horizon)
    assert np.abs(pictures["fog"][0][-4:] - haze).mean() > 30  # the ground at one's feet is clear, far as its corners are
    assert np.array_equal(pictures["rain"][0], pictures["rain"][2])
    assert not np.array_equal(pictures["rain"][0], pictures["rain"][1])
