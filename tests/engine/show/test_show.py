"""Looking at an episode: the page holds every row, depth is painted truly, and Rerun's own reader finds what was written."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.embedded.render import egl_available
from engine.games.doom import FPS
from engine.job import Job, scene_seed
from engine.record import record_job
from engine.scenes.scene import COLOURS
from engine.show.page import page_data, write_page
from engine.show.rerun_file import write_rerun
from infra.digest import canonical_json
from infra.episodes import match_episode, read_episode, read_masks, read_scene, write_episode
from infra.errors import MissingObjectError
from infra.schema import Episode
from infra.store import Store, open_store

JOB = Job(
    source="embedded", family="park", split="train", scene_seed=scene_seed("park", "train", 0, 5), walk="loop", seed=0,
    frames=24, width=112, height=64, fps=16.0, renderer="egl" if egl_available() else "software",
)  # fmt: skip


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Episode]:
    """A store with an episode that has masks."""
    job = Job(
        source="vizdoom", family="doom", split="train", scene_seed=scene_seed("doom", "train", 1, 0), walk="explore", seed=1,
        frames=12, width=160, height=90, fps=FPS, renderer="vizdoom",
    )  # fmt: skip
    store = open_store(tmp_path_factory.mktemp("game"))
    return store, write_episode(store, record_job(job))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Episode]:
    store = open_store(tmp_path_factory.mktemp("show"))
    return store, write_episode(store, record_job(JOB))


def test_the_page_holds_every_row_and_needs_nothing_else(kept: tuple[Store, Episode], tmp_path: Path) -> None:
    store, episode = kept
    text = write_page(store, episode, tmp_path / "page.html").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data, (frames, video, depth) = json.loads(found[1]), read_episode(store, episode)
    assert data["keyboard"] == frames.keyboard.tolist() and len(data["place"]) == episode.frames
    np.testing.assert_allclose(data["place"], frames.c2w[:, [0, 2], 3], atol=1e-3)
    assert text.count("data:video/mp4;base64,") == (2 if depth is not None else 1)
    assert not re.search(r"(src|href)=\"(?!data:)", text), "the page asks for something outside"
    video.close()


def test_every_thing_of_the_scene_is_on_the_map(kept: tuple[Store, Episode]) -> None:
    store, episode = kept
    frames, _, _ = read_episode(store, episode)
    scene = read_scene(store, episode)
    drawn = page_data(episode, frames, scene)["map"]
    assert len(drawn) == len(scene["objects"]) and all(re.fullmatch("#[0-9a-f]{6}", thing["colour"]) for thing in drawn)
    for thing, shown in zip(scene["objects"], drawn, strict=True):
        assert np.allclose(np.array(list(bytes.fromhex(shown["colour"][1:]))) / 255, COLOURS[thing["colour"]], atol=0.002)
    assert page_data(episode, frames, {})["map"] == []  # a game has none


def test_what_was_not_measured_does_not_look_like_zero(kept: tuple[Store, Episode], tmp_path: Path) -> None:
    store, episode = kept
    scene = read_scene(store, episode)
    scene["sync"] |= {"lag_frames": None, "doubt": "the camera <stood>"}
    doubted = dataclasses.replace(
        episode, sync_lag_frames=0.0, action_agreement=-1.0, scene_object=store.put_bytes(canonical_json(scene), ".json")
    )
    text = write_page(store, doubted, tmp_path / "page.html").read_text()
    for name, value in (
        ("sync lag frames", "not told"), ("action lag frames", "not told"), ("action agreement", "too little changed"),
        ("sync checked", "no: the camera &lt;stood&gt;"),
    ):  # fmt: skip
        assert f"<dt>{name}</dt><dd>{value}</dd>" in text


def test_unknown_mouse_values_are_null_and_never_numbers(kept: tuple[Store, Episode]) -> None:
    store, episode = kept
    frames, _, _ = read_episode(store, episode)
    frames.mouse[3] = np.nan
    assert page_data(episode, frames, {})["mouse"][3] == [None, None]


def test_an_episode_is_found_by_the_beginning_of_its_id(kept: tuple[Store, Episode]) -> None:
    store, episode = kept
    assert match_episode(store, episode.episode_id[:6]) == episode
    with pytest.raises(MissingObjectError, match=r"no episodes in .* begin with"):
        match_episode(store, "0123456789ab")
    with pytest.raises(ValueError, match="give 4 or more"):
        match_episode(store, "ab'")


def test_the_page_lists_the_things_of_each_frame_and_paints_them(game: tuple[Store, Episode], tmp_path: Path) -> None:
    store, episode = game
    found = read_masks(store, episode)
    assert found is not None
    text = write_page(store, episode, tmp_path / "page.html").read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None and text.count("data:video/mp4;base64,") == 3
    masks, names = found
    with masks:
        for listed, mask in zip(json.loads(data[1])["things"], masks.decode_range(0, len(masks)), strict=True):
            assert {name for name, _ in listed} <= {names[int(number)] for number in np.unique(mask) if number}
            assert len(listed) == min(8, np.count_nonzero(np.unique(mask)))


def test_rerun_names_what_masks_number(game: tuple[Store, Episode], tmp_path: Path) -> None:
    printed = print_rerun(write_rerun(*game, tmp_path / "game.rrd"), tmp_path)
    assert "/world/camera/mask" in printed and "SegmentationImage" in printed and "AnnotationContext" in printed


def test_rerun_reads_back_what_was_written(kept: tuple[Store, Episode], tmp_path: Path) -> None:
    printed = print_rerun(write_rerun(*kept, tmp_path / "episode.rrd"), tmp_path)
    for entity in ("/world/camera", "/world/camera/video", "/world/path", "/world/things", "/action/forward"):
        assert entity in printed, f"{entity} is not in the file"


def print_rerun(path: Path, home: Path) -> str:
    """What the viewer's own reader says of a file."""
    viewer = Path(sys.executable).parent / "rerun"
    settings = os.environ | {"HOME": str(home)}  # the viewer keeps notes there
    subprocess.run([viewer, "rrd", "verify", path], check=True, capture_output=True, timeout=60, env=settings)
    print_it = [str(viewer), "rrd", "print", str(path)]
    return subprocess.run(print_it, check=True, capture_output=True, text=True, timeout=60, env=settings).stdout
