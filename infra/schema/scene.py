"""The catalogue of embedded scenes: one row a scene, its thumbnail an object of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CatalogueScene:
    """A row of table ``scenes``. Two scenes are the same when both digests are; colours and textures are in neither."""

    scene_id: str
    family: str
    seed: int
    layout_digest: str  # of what stands where, how large and how turned
    objects_digest: str  # of which things there are and how large, wherever they stand
    objects: int
    size: float  # metres a side of the walkable square
    indoor: bool
    landmarks: str  # names of things that stand out, joined by "; "
    weather: str  # as the scene's seed says
    time_of_day: str
    season: str
    licence: str
    thumbnail_object: str  # of the picture, *.jpg
