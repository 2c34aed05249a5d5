"""The annotate stage writes each row once, continues after a kill and scores itself against recorded input."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

import annotation.annotate as stage
from annotation.annotate import AnnotateConfig, annotate, annotate_episode, read_actions
from annotation.captions import CaptionConfig
from infra.episodes import list_episodes, write_episode
from infra.schema import Caption
from infra.store import Store, open_store
from infra.tables import append_rows, read_rows, records_from
from tests.recordings import make_recording

CONFIG = AnnotateConfig(batch_episodes=2)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    opened = open_store(folder)
    for seed, actions in enumerate(("W+R", "S", "A+L", "none", "D")):
        write_episode(opened, make_recording(seed, actions=actions, frames=40))
    return folder


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Store:
    """A copy of the recorded store, to write into."""
    shutil.copytree(recorded, tmp_path / "store")
    return open_store(tmp_path / "store")


def test_every_episode_gets_a_pose_row_an_action_row_and_captions(store: Store) -> None:
    outputs = annotate(CONFIG, store).outputs
    assert outputs["episodes"] == 5
    assert outputs["wsad_macro_f1_moved"] == {"embedded": 1.0}
    assert outputs["wsad_macro_f1_all"] == {"embedded": 1.0}
    assert outputs["coverage"] == {"embedded": 1.0}
    assert outputs["mouse_error_degrees"]["embedded"] < 0.001
    assert {row["estimator"] for row in read_rows(store, "poses").to_pylist()} == {"recorded-1"}
    captions = records_from(read_rows(store, "captions"), Caption)
    assert {caption.captioner for caption in captions} == {outputs["captioner"]}
    assert sorted((caption.start, caption.stop) for caption in captions) == [(0, 40)] * 5


def test_annotating_again_does_nothing_and_a_new_episode_alone_is_added(store: Store) -> None:
    first = annotate(CONFIG, store)
    assert annotate(CONFIG, store).reused
    write_episode(store, make_recording(9, actions="W", frames=40))
    second = annotate(CONFIG, store)
    assert second.outputs["episodes"] == first.outputs["episodes"] + 1
    assert read_rows(store, "actions").num_rows == read_rows(store, "poses").num_rows == 6
    assert annotate(CONFIG, store, fresh=True).outputs == second.outputs
    assert read_rows(store, "actions").num_rows == 6


@pytest.mark.parametrize("calls", [0, 1, 2, 5])
def test_a_kill_between_any_two_appends_leaves_no_gap_and_no_duplicate(
    store: Store, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    left = [calls]

    def append_until_killed(*arguments: Any, **options: Any) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        append_rows(*arguments, **options)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(stage, "append_rows", append_until_killed)
        annotate(CONFIG, store)
    assert annotate(CONFIG, store).outputs["episodes"] == 5
    assert [read_rows(store, table).num_rows for table in ("captions", "poses", "actions")] == [5, 5, 5]


def test_other_settings_write_rows_of_their_own(store: Store) -> None:
    annotate(CONFIG, store)
    finer = dataclasses.replace(CONFIG, captions=CaptionConfig(span_frames=20))
    outputs = annotate(finer, store).outputs
    assert outputs["captioner"] != annotate(CONFIG, store).outputs["captioner"]
    assert len(read_actions(store, finer)) == len(read_actions(store, CONFIG)) == 5
    assert read_rows(store, "actions").num_rows == 5
    assert read_rows(store, "captions").num_rows == 5 + 10


def test_a_pool_gives_the_same_rows(store: Store) -> None:
    class Backwards:
        def map_unordered(self, function, jobs):
            yield from map(function, reversed(jobs))

    pooled = annotate(CONFIG, store, pool=Backwards())
    alone = [annotate_episode(store.uri, CONFIG, episode).action for episode in list_episodes(store)]
    assert read_actions(store, CONFIG) == alone
    assert pooled.outputs["episodes"] == 5
