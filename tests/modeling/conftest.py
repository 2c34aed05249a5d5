"""A store with a published dataset of small walks."""

import pytest

from infra.datasets import put_dataset
from infra.episodes import write_episode
from infra.local_store import LocalStore
from infra.schema import DatasetClip, DatasetVersion
from infra.schema.episode import Split
from tests.modeling.small_world import FRAMES, HEIGHT, WIDTH, record_walk


@pytest.fixture(scope="session")
def walks(tmp_path_factory) -> tuple[LocalStore, str]:
    """A store with a published dataset of two training clips and one held-out clip; returns it and the version."""
    store = LocalStore(tmp_path_factory.mktemp("store"))
    clips = []
    splits: tuple[Split, ...] = ("train", "train", "val")
    for seed, split in enumerate(splits):
        episode = write_episode(store, record_walk(seed))
        clips.append(
            DatasetClip(
                episode_id=episode.episode_id,
                start=0,
                stop=FRAMES,
                split=split,
                family="park",
                walk="explore",
                perspective="first",
                weight=1.0,
                prompt="A wall of colours.",
                frames_object=episode.frames_object,
                video_object=episode.video_object,
                depth_object=episode.depth_object,
            )
        )
    dataset = DatasetVersion(name="walls", width=WIDTH, height=HEIGHT, fps=16.0, parents=(), clips=tuple(clips))
    return store, put_dataset(store, dataset)
