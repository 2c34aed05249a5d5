"""Splits never share a scene, clips never leave their episode, and weights stay within their bounds."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.balance import CLASSES, BalanceConfig, balance, count_classes, shares
from curation.segment import CutConfig, cut_clips
from curation.split import SplitConfig, check_disjoint, split_scenes
from infra.schema import DatasetClip, Episode, parse_action
from tests.recordings import make_recording

BASE = make_recording(frames=2).episode


def an_episode(scene: int, split: str, source: str = "embedded") -> Episode:
    name = f"{scene}-{split}-{source}"
    return dataclasses.replace(BASE, episode_id=name, scene_id=f"{source}-{scene}", split=split, source=source)  # type: ignore[arg-type]


EPISODES = st.lists(
    st.builds(
        an_episode, st.integers(0, 12), st.sampled_from(["train", "train", "val", "test"]), st.sampled_from(["embedded", "video"])
    ),
    min_size=1,
    max_size=60,
)


@given(EPISODES)
@settings(max_examples=80, deadline=None)
def test_every_scene_is_in_one_split_and_held_out_scenes_stay_held_out(episodes: list[Episode]) -> None:
    splits = split_scenes(episodes, SplitConfig())
    for episode in episodes:
        assert episode.scene_id in splits
        if episode.split == "test":
            assert splits[episode.scene_id] == "test"
        if episode.split == "val":
            assert splits[episode.scene_id] != "train"
    training = {one.scene_id for one in episodes if one.split == "train"} - {
        one.scene_id for one in episodes if one.split != "train"
    }
    if training:
        assert any(splits[scene] == "train" for scene in training)  # validation never takes the last training scene


def test_a_source_without_validation_scenes_gives_some_and_adding_scenes_moves_none_back() -> None:
    before = split_scenes([an_episode(k, "train") for k in range(20)], SplitConfig())
    after = split_scenes([an_episode(k, "train") for k in range(40)], SplitConfig())
    assert sum(split == "val" for split in before.values()) == 2
    assert sum(split == "val" for split in after.values()) == 4
    assert split_scenes([an_episode(0, "train"), an_episode(1, "val")], SplitConfig())["embedded-0"] == "train"


def a_clip(episode_id: str, split: str) -> DatasetClip:
    return DatasetClip(
        episode_id=episode_id,
        start=0,
        stop=65,
        split=split,  # type: ignore[arg-type]
        family="park",
        walk="explore",
        perspective="first",
        weight=1.0,
        prompt="",
        frames_object="",
        video_object="",
        depth_object="",
    )


def test_a_scene_in_two_splits_is_refused() -> None:
    scene_of = {"a": "park-1", "b": "park-1", "c": "park-2"}
    check_disjoint([a_clip("a", "train"), a_clip("b", "train"), a_clip("c", "test")], scene_of)
    with pytest.raises(ValueError, match="park-1"):
        check_disjoint([a_clip("a", "train"), a_clip("b", "test")], scene_of)


@given(st.integers(1, 700), st.integers(2, 130), st.integers(1, 130), st.sampled_from(["train", "val"]))
def test_clips_stay_inside_their_episode_and_fill_whole_latents(frames: int, length: int, stride: int, split: str) -> None:
    config = CutConfig(clip_frames=length, stride=stride, least_frames=2)
    for clip in cut_clips("episode", frames, split, config):  # type: ignore[arg-type]
        assert 0 <= clip.start < clip.stop <= frames
        assert clip.frames <= length and (clip.frames - 1) % 4 == 0


def test_neighbouring_clips_share_one_frame_and_test_walks_stay_whole() -> None:
    spans = [(clip.start, clip.stop) for clip in cut_clips("episode", 320, "train", CutConfig())]
    assert spans == [(0, 65), (64, 129), (128, 193), (192, 257), (256, 317)]
    assert [(clip.start, clip.stop) for clip in cut_clips("episode", 97, "test", CutConfig())] == [(0, 97)]
    with pytest.raises(ValueError, match="stride"):
        cut_clips("episode", 97, "train", CutConfig(stride=0))


COUNTS = st.lists(st.lists(st.integers(0, 40), min_size=len(CLASSES), max_size=len(CLASSES)), min_size=1, max_size=30)


@given(COUNTS, st.floats(0, 3))
@settings(max_examples=80, deadline=None)
def test_weights_are_bounded_and_average_one(counts: list[list[int]], strength: float) -> None:
    weights = balance([np.array(row, np.float64) for row in counts], BalanceConfig(strength=strength))
    assert len(weights) == len(counts)
    assert weights.min() >= 0.25 and weights.max() <= 4.0
    assert weights.mean() == pytest.approx(1.0, abs=1e-6)


def rows(action: str, count: int) -> np.ndarray:
    keyboard, mouse = parse_action(action)
    return count_classes(np.tile(keyboard, (count, 1)), np.tile(mouse, (count, 1)), 0.02)


def test_rare_actions_weigh_more_and_come_up_more_often() -> None:
    counts = [rows("W", 64)] * 9 + [rows("S", 64)]
    weights = balance(counts, BalanceConfig())
    assert weights[-1] > 2 * weights[0]
    back = CLASSES.index("back")
    assert shares(counts, weights)[back] > shares(counts, np.ones(10))[back]


@pytest.mark.parametrize(
    ("action", "name"),
    [("W", "forward"), ("S+L", "back turning left"), ("none", "still"), ("W+D+R", "forward right turning right")],
)
def test_actions_are_counted_in_their_class(action: str, name: str) -> None:
    counts = rows(action, 5)
    assert counts[CLASSES.index(name)] == 5 and counts.sum() == 5


def test_unknown_actions_count_for_nothing() -> None:
    keyboard, mouse = np.full((4, 6), -1, np.int8), np.full((4, 2), np.nan, np.float32)
    assert count_classes(keyboard, mouse, 0.02).sum() == 0
    assert balance([np.zeros(len(CLASSES))] * 3, BalanceConfig()).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="both sides of 1"):
        balance([rows("W", 3)], BalanceConfig(least=2.0))
