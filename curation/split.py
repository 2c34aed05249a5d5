"""Train, validation and test by scene: two clips of one scene never stand on different sides."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from infra.schema import DatasetClip, Episode
from infra.schema.episode import Split

_HELD_OUT: Final[tuple[Split, ...]] = ("test", "val", "train")  # the most held out first


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Sources that hold scenes out themselves are followed; for the others a share of the scenes is taken."""

    val_share: float = 0.1  # of the training scenes of a source that recorded no validation scenes


def split_scenes(episodes: Sequence[Episode], config: SplitConfig) -> dict[str, Split]:
    """The split of each scene id. A scene recorded for several splits goes to the most held-out one.

    Scenes are picked by the hash of their id, so that adding scenes moves no other one.
    """
    recorded: dict[str, set[Split]] = defaultdict(set)
    source_of: dict[str, str] = {}
    for episode in episodes:
        recorded[episode.scene_id].add(episode.split)
        source_of[episode.scene_id] = episode.source
    splits = {scene: next(split for split in _HELD_OUT if split in found) for scene, found in recorded.items()}
    for source in sorted(set(source_of.values())):
        scenes = [scene for scene, of in source_of.items() if of == source]
        if any(splits[scene] == "val" for scene in scenes):
            continue
        training = sorted((scene for scene in scenes if splits[scene] == "train"), key=_scene_hash)
        wanted = max(1, round(config.val_share * len(training))) if len(training) > 1 and config.val_share > 0 else 0
        splits.update(dict.fromkeys(training[:wanted], "val"))
    return splits


def check_disjoint(clips: Sequence[DatasetClip], scene_of: Mapping[str, str]) -> None:
    """Hold a manifest to the rule. ``scene_of`` maps episode ids to scene ids.

    Raises:
        ValueError: names a scene that stands in two splits.
    """
    seen: dict[str, Split] = {}
    for clip in clips:
        scene = scene_of[clip.episode_id]
        if seen.setdefault(scene, clip.split) != clip.split:
            raise ValueError(f"scene {scene} is in the splits {seen[scene]} and {clip.split}; splits must be by scene")


def _scene_hash(scene: str) -> str:
    return hashlib.sha256(scene.encode()).hexdigest()
