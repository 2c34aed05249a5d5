"""Test cases: recorded walks of unseen scenes, whose frames are the truth for their own actions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.episodes import list_episodes, read_episode
from infra.schema.action import Keyboard, Mouse
from infra.schema.clip import DatasetVersion
from infra.schema.episode import Episode
from infra.store import MissingObjectError, Store

BRANCHES: Final = ("key_W", "key_S", "key_A", "key_D", "key_L", "key_R", "key_WL", "key_WR")
LONG_WALKS: Final = ("out_and_back", "turn_and_back", "spin", "idle")
REVISIT_WALKS: Final = ("out_and_back", "turn_and_back")  # those of them that see places again


@dataclass(frozen=True, kw_only=True)
class Case:
    """One recorded walk: from the frame 0 and the actions a model must make frames 1 to T-1."""

    scene_id: str
    seed: int
    walk: str
    prompt: str
    frames: NDArray[np.uint8]  # (T, H, W, 3)
    keyboard: Keyboard  # (T, 6), row i leads to frame i + 1
    mouse: Mouse  # (T, 2)
    c2w: NDArray[np.float64]  # (T, 4, 4)
    intrinsics: NDArray[np.float64]  # (4,) fx, fy, cx, cy in pixels

    @property
    def name(self) -> str:
        return f"{self.scene_id}/{self.seed}/{self.walk}"

    def actions(self, count: int) -> tuple[Keyboard, Mouse]:
        """Return ``count`` action rows; past the end of the walk its last used action is held."""
        rows = np.minimum(np.arange(count), len(self.frames) - 2)
        return self.keyboard[rows], self.mouse[rows]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A recording of the test split, not yet decoded."""

    episode: Episode
    prompt: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """One place to start from and every walk recorded from it."""

    scene_id: str
    seed: int
    walks: dict[str, Walk]


def case_name(start: Start, walk: str) -> str:
    """The name that the case of a start's walk has in every arm."""
    return f"{start.scene_id}/{start.seed}/{walk}"


def find_starts(store: Store, dataset: DatasetVersion) -> list[Start]:
    """The dataset's test walks, grouped by start, spread over scenes first.

    Raises:
        ValueError: there is no test walk, or a test scene is in the training set.
    """
    episodes = {episode.episode_id: episode for episode in list_episodes(store)}
    tested = {clip.episode_id: clip.prompt for clip in dataset.clips if clip.split == "test"}
    if not tested:
        raise ValueError(f"dataset {dataset.name} has no test walk; record evaluation walks with collect and curate again")
    if lost := sorted((tested.keys() | {clip.episode_id for clip in dataset.clips}) - episodes.keys()):
        raise MissingObjectError(f"episode {lost[0][:12]} of dataset {dataset.name} is not in store {store.uri}; restore it")
    trained = {episodes[clip.episode_id].scene_id for clip in dataset.clips if clip.split != "test"}
    groups: dict[tuple[str, int], dict[str, Walk]] = {}
    for episode_id in sorted(tested):
        episode = episodes[episode_id]
        if episode.scene_id in trained:
            raise ValueError(f"test scene {episode.scene_id} is also trained on in dataset {dataset.name}; curate again by scene")
        walk = Walk(episode=episode, prompt=tested[episode_id])
        groups.setdefault((episode.scene_id, episode.seed), {})[episode.walk] = walk
    return _scenes_in_turn([Start(scene_id=scene, seed=seed, walks=walks) for (scene, seed), walks in groups.items()])


def starts_with(starts: Sequence[Start], walks: Sequence[str], count: int) -> list[Start]:
    """The first ``count`` starts that recorded all of ``walks``."""
    return [start for start in starts if all(walk in start.walks for walk in walks)][:count]


def read_cases(store: Store, start: Start, walks: Sequence[str], frames: int) -> Iterator[Case]:
    """Decode at most ``frames`` frames of each walk of a start, one case at a time."""
    for name in walks:
        episode = start.walks[name].episode
        columns, video, _ = read_episode(store, episode)
        count = min(frames, episode.frames)
        columns = columns.slice(0, count)
        yield Case(
            scene_id=start.scene_id,
            seed=start.seed,
            walk=name,
            prompt=start.walks[name].prompt,
            frames=video.decode_range(0, count),
            keyboard=columns.keyboard,
            mouse=columns.mouse,
            c2w=columns.c2w,
            intrinsics=columns.intrinsics[0],
        )


def _scenes_in_turn(starts: Sequence[Start]) -> list[Start]:
    """Order starts so that every scene gives one before any gives two: few starts then span many scenes."""
    seen: dict[str, int] = {}
    ranked = []
    for start in starts:
        rank = seen.get(start.scene_id, 0)
        seen[start.scene_id] = rank + 1
        ranked.append((rank, start.scene_id, start.seed, start))
    return [start for *_, start in sorted(ranked, key=lambda item: item[:3])]
