"""What a job becomes in the game's settings, and the lines that its mod writes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.games.minetest.process import MinetestConfig, MinetestProcess, parse_frame
from engine.games.minetest.settings import client_fps, frames_a_row, window_of, world_of, write_client, write_server
from engine.games.titles.marker import CELLS
from engine.job import Job
from infra.errors import NotHereError
from tests.engine.games.minetest.conftest import minetest_job


@pytest.mark.parametrize(("fps", "client", "each"), [(15.0, 30, 2), (16.0, 32, 2), (24.0, 48, 2), (30.0, 60, 2), (10.0, 30, 3)])
def test_the_client_shows_whole_multiples_of_the_rate(fps: float, client: int, each: int) -> None:
    job = minetest_job(fps=fps)
    assert (client_fps(job), frames_a_row(job)) == (client, each)


def test_a_scene_is_the_same_land_for_all_walks_and_they_start_elsewhere() -> None:
    first, second = world_of(minetest_job(seed=1)), world_of(minetest_job(seed=2))
    assert first.scene_id == second.scene_id
    assert first.time_of_day == second.time_of_day
    assert first.start_seed != second.start_seed
    assert len({world_of(minetest_job(scene_seed=seed)).mapgen for seed in range(20)}) > 1


@pytest.mark.parametrize("size", [(224, 128), (64, 36), (640, 360), (832, 480)])
def test_the_marker_fits_beside_the_picture(size: tuple[int, int]) -> None:
    window = window_of(minetest_job(width=size[0], height=size[1]))
    assert window.width >= CELLS * window.strip
    assert (window.height - window.strip) * size[0] == window.width * size[1]


def test_what_the_game_cannot_show_is_refused() -> None:
    with pytest.raises(ValueError, match="no weather"):
        world_of(minetest_job(weather="rain"))
    with pytest.raises(ValueError, match="time of day"):
        world_of(minetest_job(time_of_day="teatime"))
    with pytest.raises(ValueError, match="whole frames"):
        client_fps(minetest_job(fps=13.3))


def test_all_that_is_written_lies_in_the_folder(tmp_path: Path) -> None:
    job = minetest_job()
    server, client = write_server(tmp_path, job, 4000), write_client(tmp_path, job, 4000, 72.0, 80)
    assert "port = 4000" in (tmp_path / "server.conf").read_text()
    assert (tmp_path / ".minetest" / "clientmods" / "frames" / "init.lua").exists()
    for argument in (*server, *client):
        assert not argument.startswith("/") or argument.startswith(str(tmp_path))


def test_lines_that_are_cut_off_or_strange_are_no_frames() -> None:
    whole = "2026-01-01 00:00:00: ACTION[Main]: FRAME 7 1500000 1 2 3 0 0 1 72 5"
    frame = parse_frame(whole)
    assert frame is not None and (frame.number, frame.seconds, frame.controls) == (7, 1.5, 5)
    for line in ("FRAME 7 15", "FRAME 7 1500000 1 2 3 0 0 1 72", "FRAME 7 1500000 1 2 nan 0 0 1 72 5", "FRAME a b c"):
        assert parse_frame(line) is None


def test_a_missing_game_is_named_with_its_packages(job: Callable[..., Job]) -> None:
    with pytest.raises(NotHereError, match=r"no-such-game is missing; apt-get install minetest"):
        MinetestProcess(MinetestConfig(client="no-such-game"), job())
