"""Captions name what the camera sees and nothing else, in four short sentences."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from annotation.captions import CaptionConfig, MetadataCaptioner, Subject, cut_spans, describe_motion, told
from annotation.visible import Sight, View, find_sights, place_on_path
from annotation.wsad import WsadConfig, infer_wsad
from infra.dynamics import camera_to_world
from tests.recordings import HEIGHT, SCENE, WIDTH, make_recording

CAPTIONER = MetadataCaptioner(CaptionConfig())


def look(yaw: float, depth: np.ndarray | None = None) -> View:
    c2w = camera_to_world(np.array([0.0, -1.6, 0.0]), np.array(0.0), np.array(yaw))
    return View(c2w=c2w, intrinsics=np.array([60.0, 60.0, WIDTH / 2, HEIGHT / 2]), width=WIDTH, height=HEIGHT, depth=depth)


def subject(seed: int = 0, **options: Any) -> Subject:
    recording = make_recording(seed, **options)
    wsad = infer_wsad(recording.frames.c2w, WsadConfig())
    return Subject(episode=recording.episode, frames=recording.frames, wsad=wsad, scene=recording.scene, depth=None)


def test_only_what_is_in_view_is_seen() -> None:
    assert [sight.name for sight in find_sights(SCENE, 0.0, look(0))] == ["red pillar"]
    assert [sight.name for sight in find_sights(SCENE, 0.0, look(180))] == ["blue hut"]
    assert find_sights(SCENE, 0.0, look(90)) == []


@pytest.mark.parametrize(("yaw", "side"), [(-25.0, "right"), (0.0, "ahead"), (25.0, "left")])
def test_sides_are_the_cameras(yaw: float, side: str) -> None:
    assert find_sights(SCENE, 0.0, look(yaw))[0].side == side


def test_what_stands_behind_something_is_not_seen() -> None:
    hidden = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    assert find_sights(SCENE, 0.0, look(0, hidden)) == []
    assert find_sights(SCENE, 0.0, look(0, np.full((HEIGHT, WIDTH), 6.0, np.float32))) != []
    assert find_sights(SCENE, 0.0, look(0, np.full((HEIGHT, WIDTH), np.inf, np.float32))) == []


def test_people_are_seen_where_they_are_at_that_time() -> None:
    walker = {"shirt": "orange", "path": [[-4.0, 5.0], [4.0, 5.0]], "speed": 1.0, "offset": 0.0}
    assert place_on_path(walker, 4.0) == (0.0, 5.0)
    assert place_on_path(walker, 20.0) == (0.0, 5.0)  # there, back, and half way again
    scene = {"objects": [], "characters": [walker]}
    assert [sight.name for sight in find_sights(scene, 4.0, look(0))] == ["person in an orange shirt"]
    assert find_sights(scene, 4.0, look(180)) == []


def test_captions_speak_only_of_visible_things_and_stay_short() -> None:
    for seed in range(6):
        for caption in CAPTIONER.caption(subject(seed, frames=130, actions="R")):
            assert len(caption.prompt().split()) < 40
            for layer in (caption.scene, caption.style, caption.content, caption.motion):
                assert layer.endswith(".") and layer.count(".") == 1 and layer[0].isupper()
            yaw = (caption.start + caption.stop) // 2 * 1.5
            names = {sight.name for sight in find_sights(SCENE, 0.0, look(yaw))}
            for name in ("red pillar", "blue hut"):
                assert (name in caption.content) == (name in names)


def test_wording_varies_with_the_episode_and_repeats_itself_exactly() -> None:
    captions = [CAPTIONER.caption(subject(seed))[0] for seed in range(12)]
    assert len({caption.style for caption in captions}) > 1
    assert captions == [CAPTIONER.caption(subject(seed))[0] for seed in range(12)]


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ("none", "The camera stands still."),
        ("W", "The camera walks forward."),
        ("S", "The camera backs away."),
        ("L", "The camera turns left."),
        ("D+R", "The camera steps right turning right."),
    ],
)
def test_motion_says_what_the_camera_did(actions: str, words: str) -> None:
    assert describe_motion(subject(actions=actions).wsad, 0, 64) == words


def test_a_change_half_way_is_told_in_order() -> None:
    forward, back = subject(actions="W").wsad, subject(actions="S").wsad
    keyboard = np.concatenate([forward.keyboard[:32], back.keyboard[:32]])
    both = dataclasses.replace(forward, keyboard=keyboard, mouse=np.zeros((64, 2), np.float32))
    assert describe_motion(both, 0, 64) == "The camera walks forward, then backs away."


@pytest.mark.parametrize("frames", [1, 30, 64, 97, 320, 961])
def test_spans_cover_the_episode_without_gaps(frames: int) -> None:
    spans = cut_spans(frames, 64)
    assert spans[0][0] == 0 and spans[-1][1] == frames
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(spans))
    assert all(stop - start <= 96 for start, stop in spans)


def test_every_thing_is_named_once_by_what_it_is_but_in_the_first_families() -> None:
    sights = [Sight(name=name, side="left", distance=5.0, size=1.0) for name in ("hedge", "hedge", "red car", "hedge")]
    assert [sight.name for sight in told(sights, 3, "maze")] == ["hedge", "red car"]
    assert [sight.name for sight in told(sights, 3, "rooms")] == ["hedge", "hedge", "red car"]
