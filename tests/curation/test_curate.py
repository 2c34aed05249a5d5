"""The curate stage publishes a version that training can read alone, says what it left out, and continues after a kill."""

import dataclasses
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import curation.curate as stage
from curation.curate import CurateConfig, curate
from curation.decide import ClipRow, choose_prompt
from curation.filters import FilterConfig
from infra.datasets import load_dataset
from infra.episode_sets import keep_set
from infra.episodes import list_episodes, write_episode
from infra.schema import Caption
from infra.store import Store, open_store
from infra.tables import append_rows, read_records, read_rows, rows_from
from tests.recordings import make_recording, with_pictures

CONFIG = CurateConfig(batch_episodes=2)


def annotated(store: Store) -> dict[str, str]:
    """What annotation of all that lies in the store puts out."""
    ids = [episode.episode_id for episode in list_episodes(store)]
    return {"digest": keep_set(store, ids, worked_by=("words-1",)), "captioner": "words-1"}


def a_caption(episode_id: str, start: int, stop: int, scene: str = "A park.") -> Caption:
    return Caption(
        episode_id=episode_id, start=start, stop=stop, scene=scene, style="Evening.", content="", motion="", captioner="words-1"
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four good training episodes, a black one, one of another source, one test walk; all captioned."""
    folder = tmp_path_factory.mktemp("recorded")
    opened = open_store(folder)
    actions = ("W+R", "S+L", "A+L", "R")
    recordings = [make_recording(k, scene_id=f"park-{k}", actions=one) for k, one in enumerate(actions)]
    recordings.append(with_pictures(make_recording(7, scene_id="park-7"), lambda rgb: rgb // 20))
    recordings.append(make_recording(8, scene_id="doom-8", source="vizdoom"))
    recordings.append(make_recording(9, scene_id="park-9", split="test", walk="key_WR", actions="W+R", frames=49))
    captions = []
    for recording in recordings:
        episode = write_episode(opened, recording)
        captions.append(a_caption(episode.episode_id, 0, episode.frames))
    append_rows(opened, "captions", rows_from(captions))
    return folder


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Store:
    """A copy of the recorded store, to write into."""
    shutil.copytree(recorded, tmp_path / "store")
    return open_store(tmp_path / "store")


def test_a_version_holds_what_training_needs_and_splits_by_scene(store: Store) -> None:
    outputs = curate(annotated(store), CONFIG, store).outputs
    dataset = load_dataset(store, outputs["dataset"])
    assert (dataset.width, dataset.height, dataset.fps, dataset.parents) == (96, 64, 16.0, (annotated(store)["digest"],))
    assert outputs["by_split"] == {"train": 3, "val": 1, "test": 1}
    assert outputs["rejected"] == {"dark": 1}
    assert (outputs["clips"], outputs["accepted"]) == (6, 5)
    assert {clip.prompt for clip in dataset.clips} == {"A park. Evening."}
    training = [clip for clip in dataset.clips if clip.split == "train"]
    assert sum(clip.weight for clip in training) / len(training) == pytest.approx(1.0)
    assert all(store.exists(clip.video_object) and store.exists(clip.frames_object) for clip in dataset.clips)
    assert [(clip.start, clip.stop) for clip in dataset.clips if clip.split == "test"] == [(0, 49)]


def test_only_the_set_that_was_annotated_is_curated(store: Store) -> None:
    before = annotated(store)
    late = write_episode(store, make_recording(5, scene_id="park-5"))
    append_rows(store, "captions", rows_from([a_caption(late.episode_id, 0, late.frames)]))
    held = [{clip.episode_id for clip in load_dataset(store, curate(one, CONFIG, store).outputs["dataset"]).clips} for one in
            (before, annotated(store))]  # fmt: skip
    assert late.episode_id not in held[0] and held[1] == held[0] | {late.episode_id}


def test_unlisted_sources_are_no_candidates_and_listed_ones_are(store: Store) -> None:
    curate(annotated(store), CONFIG, store)
    assert {row["source"] for row in read_rows(store, "clips").to_pylist()} == {"embedded"}
    both = dataclasses.replace(CONFIG, sources=("embedded", "vizdoom"))
    assert curate(annotated(store), both, store).outputs["clips"] == 7


def test_rows_card_plots_and_sheets_are_kept(store: Store) -> None:
    outputs = curate(annotated(store), CONFIG, store).outputs
    rows = read_records(store, "clips", ClipRow)
    assert {row.reason for row in rows if not row.accepted} == {"dark"}
    assert all("dark" in row.reasons and row.weight == 0 for row in rows if not row.accepted)
    published = read_rows(store, "datasets").to_pylist()
    assert [row["version"] for row in published] == [outputs["dataset"]]
    assert json.loads(published[0]["plots"]) == outputs["plots"]
    card = store.get_bytes(outputs["card_object"]).decode()
    assert outputs["dataset"][:12] in card and "| dark | 1 | 1 |" in card and "CC0-1.0" in card
    assert set(outputs["plots"]) == {"actions", "rejects", "families", "scores", "paths", "accepted", "rejected"}
    for name in outputs["plots"].values():
        with Image.open(io.BytesIO(store.get_bytes(name))) as picture:
            assert picture.width > 100 and len(picture.convert("RGB").getcolors(1 << 24) or []) > 2


def test_publishing_again_changes_nothing_and_a_threshold_needs_no_new_scores(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = curate(annotated(store), CONFIG, store)
    assert curate(annotated(store), CONFIG, store).reused
    again = curate(annotated(store), CONFIG, store, fresh=True)
    assert again.outputs == first.outputs
    assert read_rows(store, "datasets").num_rows == 1 and read_rows(store, "clips").num_rows == 6
    monkeypatch.setattr(stage, "score_clip", None)  # nothing may be looked at again
    loose = dataclasses.replace(CONFIG, filters=FilterConfig(most_dark=1.0, least_texture_bits=0.0, least_quality=0.0))
    assert curate(annotated(store), loose, store).outputs["rejected"] == {}


@pytest.mark.parametrize("calls", [1, 4])
def test_a_kill_between_appends_leaves_the_same_version(store: Store, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    left = [calls]

    def append_until_killed(*arguments: Any, **options: Any) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        append_rows(*arguments, **options)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(stage, "append_rows", append_until_killed)
        patched.setattr("curation.publish.append_rows", append_until_killed)
        curate(annotated(store), CONFIG, store)
    outputs = curate(annotated(store), CONFIG, store).outputs
    assert read_rows(store, "clip_scores").num_rows == outputs["clips"] == read_rows(store, "clips").num_rows
    assert outputs["by_split"] == {"train": 3, "val": 1, "test": 1}


def test_nothing_fit_for_training_is_an_error_with_its_reasons(store: Store) -> None:
    impossible = dataclasses.replace(CONFIG, filters=FilterConfig(least_sharpness=99.0))
    with pytest.raises(ValueError, match=r"no training clip was accepted \(.*blurred 4"):
        curate(annotated(store), impossible, store)


def test_a_prompt_is_that_of_the_caption_that_covers_most() -> None:
    captions = [a_caption("e", 0, 64, "First."), a_caption("e", 64, 128, "Second.")]
    assert choose_prompt(captions, 40, 105) == "Second. Evening."
    assert choose_prompt(captions, 0, 65) == "First. Evening."
    assert choose_prompt(captions, 200, 265) == ""
