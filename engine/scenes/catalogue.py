"""The catalogue of embedded scenes: which there are, that no two have the same layout, and a small picture of each."""

import collections
import io
from collections.abc import Callable, Iterator
from typing import Final

from PIL import Image

from engine.job import scene_seed
from engine.render import RenderConfig, SceneRenderer
from engine.scenes.build import FAMILIES, build_scene
from engine.scenes.scene import Scene
from engine.scenes.sheet import draw_view
from infra.digest import canonical_json, sha256_of
from infra.schema.scene import CatalogueScene
from infra.store import Store
from infra.tables import append_rows, read_rows, rows_from

LICENCE: Final = "CC0-1.0"
BATCH: Final = 50  # rows a commit; a stopped catalogue goes on after the last
LANDMARKS: Final = 5  # names in a row
THUMBNAIL: Final = (160, 90)  # pixels
NO_PICTURE: Final = ""


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


def catalogue(count_per_family: int, seed: int = 0, families: tuple[str, ...] = FAMILIES) -> Iterator[Scene]:
    """The scenes that training may meet, family by family; built one by one."""
    for family in families:
        for index in range(count_per_family):
            yield build_scene(family, scene_seed(family, "train", index, seed))


def write_catalogue(
    store: Store,
    count_per_family: int,
    *,
    seed: int = 0,
    families: tuple[str, ...] = FAMILIES,
    renderer: str | None = "egl",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[CatalogueScene]:
    """Write the rows that table ``scenes`` lacks, each with its picture (none without a renderer); return all rows asked for."""
    known = {row["scene_id"] for row in read_rows(store, "scenes", columns=["scene_id"]).to_pylist()}
    total, rows, fresh = count_per_family * len(families), [], []
    width, height = THUMBNAIL
    drawer = SceneRenderer(RenderConfig(width=width, height=height, renderer=renderer, supersample=1)) if renderer else None
    try:
        for scene in catalogue(count_per_family, seed, families):
            missing = scene.scene_id not in known
            picture = _put_thumbnail(store, drawer, scene) if drawer and missing else NO_PICTURE
            rows.append(row_of(scene, picture))
            fresh += rows[-1:] if missing else []
            if len(fresh) >= BATCH:
                append_rows(store, "scenes", rows_from(fresh))
                fresh.clear()
            progress(len(rows), total)
        append_rows(store, "scenes", rows_from(fresh, CatalogueScene))
    finally:
        if drawer is not None:
            drawer.close()
    return rows


def _put_thumbnail(store: Store, drawer: SceneRenderer, scene: Scene) -> str:
    data = io.BytesIO()
    Image.fromarray(draw_view(drawer, scene)).save(data, "JPEG", quality=85)
    return store.put_bytes(data.getvalue(), "jpg")
