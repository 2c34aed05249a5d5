"""The catalogue of embedded scenes: which there are, that no two have the same layout, and a small picture of each."""

import collections
import functools
import io
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from PIL import Image

from engine.embedded.render import RenderConfig, SceneRenderer
from engine.job import scene_seed
from engine.scenes.build import FAMILIES, build_scene
from engine.scenes.scene import Scene, scene_id_of
from engine.scenes.sheet import draw_view
from infra.digest import canonical_json, sha256_of
from infra.schema.scene import CatalogueScene
from infra.store import Store
from infra.tables import append_rows, read_records, rows_from

LICENCE: Final = "CC0-1.0"
BATCH: Final = 50  # rows a commit; a stopped catalogue goes on after the last
LANDMARKS: Final = 5  # names in a row
THUMBNAIL: Final = (160, 90)  # pixels
NO_PICTURE: Final = ""
CHUNK: Final = 4  # scenes handed to a worker at once


def layout_digest_of(scene: Scene) -> str:
    """Of what stands where, how large and how turned; colours, textures and conditions left out."""
    return sha256_of(canonical_json([(thing.kind, thing.position, thing.size, thing.yaw) for thing in scene.objects]))


def objects_digest_of(scene: Scene) -> str:
    """Of which things there are and how large, wherever they stand."""
    return sha256_of(canonical_json(sorted((thing.kind, thing.size) for thing in scene.objects)))


def landmarks_of(scene: Scene) -> list[str]:
    """Names of the rarest and largest things."""
    inner = [thing for thing in scene.objects if "boundary" not in thing.name]
    often = collections.Counter(thing.kind for thing in inner)
    ordered = sorted(inner, key=lambda thing: (often[thing.kind], -thing.size[0] * thing.size[1]))
    return list(dict.fromkeys(thing.name for thing in ordered))[:LANDMARKS]


def row_of(scene: Scene, thumbnail_object: str = NO_PICTURE) -> CatalogueScene:
    """What the catalogue says of a scene."""
    return CatalogueScene(
        scene_id=scene.scene_id,
        family=scene.family,
        seed=scene.seed,
        layout_digest=layout_digest_of(scene),
        objects_digest=objects_digest_of(scene),
        objects=len(scene.objects),
        size=round(2 * scene.half, 3),
        indoor=scene.ceiling > 0,
        landmarks="; ".join(landmarks_of(scene)),
        weather=scene.weather,
        time_of_day=scene.time_of_day,
        season=scene.season,
        licence=LICENCE,
        thumbnail_object=thumbnail_object,
    )


def recipes_of(count_per_family: int, seed: int, families: tuple[str, ...]) -> list[tuple[str, int]]:
    """Family and seed of the scenes that training may meet, family by family."""
    return [(family, scene_seed(family, "train", index, seed)) for family in families for index in range(count_per_family)]


def catalogue(count_per_family: int, seed: int = 0, families: tuple[str, ...] = FAMILIES) -> Iterator[Scene]:
    """Those scenes, built one by one."""
    for family, number in recipes_of(count_per_family, seed, families):
        yield build_scene(family, number)


class Cataloguer:
    """Builds scenes and draws their thumbnails; keeps its renderer warm."""

    def __init__(self, renderer: str | None) -> None:
        width, height = THUMBNAIL
        self._drawer = SceneRenderer(RenderConfig(width=width, height=height, renderer=renderer)) if renderer else None

    def describe(self, recipe: tuple[str, int]) -> tuple[Scene, bytes]:
        """The scene of a family and seed, and its JPEG; no bytes without a renderer."""
        scene = build_scene(*recipe)
        if self._drawer is None:
            return scene, b""
        data = io.BytesIO()
        Image.fromarray(draw_view(self._drawer, scene)).save(data, "JPEG", quality=85)
        return scene, data.getvalue()

    def close(self) -> None:
        """Give the renderer back."""
        if self._drawer is not None:
            self._drawer.close()


def write_catalogue(
    store: Store,
    count_per_family: int,
    *,
    seed: int = 0,
    families: tuple[str, ...] = FAMILIES,
    renderer: str | None = "egl",
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[CatalogueScene]:
    """Write the rows that table ``scenes`` lacks, each with its picture (none without a renderer); return all rows asked for.

    More than one worker are processes of their own.

    Raises:
        BrokenProcessPool: a worker died; called again, it goes on after the last rows written.
    """
    known = {row.scene_id: row for row in read_records(store, "scenes", CatalogueScene)}
    recipes = recipes_of(count_per_family, seed, families)
    missing = [recipe for recipe in recipes if scene_id_of(*recipe) not in known]
    fresh: list[CatalogueScene] = []
    try:
        for number, (scene, picture) in enumerate(_described(missing, renderer, workers), 1):
            fresh.append(row_of(scene, store.put_bytes(picture, "jpg") if picture else NO_PICTURE))
            known[scene.scene_id] = fresh[-1]
            if len(fresh) == BATCH:
                append_rows(store, "scenes", rows_from(fresh))
                fresh.clear()
            progress(len(recipes) - len(missing) + number, len(recipes))
    finally:
        append_rows(store, "scenes", rows_from(fresh, CatalogueScene))
    return [known[scene_id_of(*recipe)] for recipe in recipes]


def _described(recipes: list[tuple[str, int]], renderer: str | None, workers: int) -> Iterator[tuple[Scene, bytes]]:
    """Scenes and pictures in order, made here or by so many processes."""
    if workers == 1 or not recipes:
        cataloguer = Cataloguer(renderer)
        try:
            yield from map(cataloguer.describe, recipes)
        finally:
            cataloguer.close()
        return
    context = multiprocessing.get_context("spawn")  # a forked renderer would share its device
    pool = ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
    try:
        yield from pool.map(functools.partial(_describe_there, renderer), recipes, chunksize=CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _describe_there(renderer: str | None, recipe: tuple[str, int]) -> tuple[Scene, bytes]:
    return _cataloguer_there(renderer).describe(recipe)


@functools.cache
def _cataloguer_there(renderer: str | None) -> Cataloguer:
    """The one of this process, which ends with it."""
    return Cataloguer(renderer)
