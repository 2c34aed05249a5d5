"""The benchmark of recording and appending: it runs, its figures fit together, and the table that it grows is right."""

from pathlib import Path

import pytest

from engine.bench.appends import AppendBenchConfig, bench_appends
from engine.bench.collect import CollectBenchConfig, bench_collect
from infra.episodes import list_episodes
from infra.store import open_store

SMALL = AppendBenchConfig(early=(2, 6), late=(20, 24), rows_between=5, writers=(1, 2))


def test_recording_is_timed_beside_the_bare_renderer(egl: str) -> None:
    said: list[str] = []
    (result,) = bench_collect(CollectBenchConfig(worlds=("embedded",), sizes=((64, 36),), frames=12, repeats=2), said.append)
    assert (result["world"], result["width"], result["frames"]) == ("embedded", 64, 12)
    assert 0 < result["full_fps_range"][0] <= result["full_fps"] <= result["full_fps_range"][1]
    assert result["ratio_range"][0] <= result["ratio"] <= result["ratio_range"][1]
    assert "64x36" in said[0] and "ratio" in said[0]


def test_appends_are_timed_while_the_table_grows(tmp_path: Path) -> None:
    said: list[str] = []
    one, two = bench_appends(str(tmp_path), SMALL, said.append)
    assert (one["writers"], two["writers"], one["store"]) == (1, 2, "local") and len(said) == 2
    for folder, writers in zip(sorted(tmp_path.iterdir()), (1, 2), strict=True):
        for name, filled in (("early", 2), ("late", 20)):
            assert len(list_episodes(open_store(folder / name))) == filled + 4 + writers  # and those that warm up


@pytest.mark.slow
def test_appends_to_s3_are_timed(s3_store_uri: str) -> None:
    (result,) = bench_appends(s3_store_uri, AppendBenchConfig(early=(2, 6), late=(8, 12), writers=(1,)), lambda line: None)
    assert result["store"] == "s3" and result["ratio"] > 0
