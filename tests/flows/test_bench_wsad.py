"""The bench of inferred keys: a tiny set is walked and scored, scale is no matter to ours, noise wears both rules down."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from annotation.wsad import WsadConfig
from annotation.wsad_curves import CurveConfig, Track, doubled, halved, measure_curves
from flows.bench_wsad import WsadBenchConfig, bench_wsad, walked_tracks
from flows.verbs import run_command
from infra.directions import directions_of
from infra.store import open_store

TINY = WsadBenchConfig(
    families=("park",), scenes_per_family=1, walks=("explore", "random"), frames=200, games=0, minetest=0, third=0
)


def quiet(line: str) -> None:
    """Nobody reads the figures of a test."""


@pytest.fixture(scope="module")
def tracks() -> list[Track]:
    return list(walked_tracks(TINY, quiet))


def test_scale_is_no_matter_to_ours_and_breaks_the_fixed_rule(tracks: list[Track]) -> None:
    config = CurveConfig(noise_steps=(), noise_degrees=(), scales=(0.01, 1.0, 100.0), resamples=20)
    rows = [row for row in measure_curves(tracks, config, quiet) if row["curve"] == "scale"]
    ours = [row["macro_f1_moved"] for row in rows if row["rule"] == "ours"]
    fixed = [row["macro_f1_moved"] for row in rows if row["rule"] == "fixed"]
    assert len(set(ours)) == 1 and ours[0] > 0.98
    assert fixed[0] < 0.3 * fixed[1]


def test_noise_wears_the_score_down(tracks: list[Track]) -> None:
    config = CurveConfig(noise_steps=(0.0, 0.1, 0.5), noise_degrees=(0.0,), scales=(), resamples=20)
    rows = [row for row in measure_curves(tracks, config, quiet) if row["curve"] == "noise" and row["rule"] == "ours"]
    figures = [row["macro_f1_moved"] for row in rows]
    assert all(worse <= better + 0.02 for better, worse in itertools.pairwise(figures))
    assert figures[-1] < figures[0]
    for row in rows:
        low, high = row["macro_f1_moved_interval"]
        assert low <= row["macro_f1_moved"] <= high


def test_frames_whose_keys_changed_on_the_way_have_no_truth(tracks: list[Track]) -> None:
    track = tracks[0]
    case = halved(track, WsadConfig())
    keys = directions_of(track.frames.keyboard)
    assert ((directions_of(case.truth.keyboard) == -1) == (keys[0:200:2] != keys[1:200:2])).all()
    assert np.allclose(case.c2w, track.c2w[::2])


def test_doubling_keeps_every_recorded_pose(tracks: list[Track]) -> None:
    track = tracks[1]
    case = doubled(track, WsadConfig())
    assert np.allclose(case.c2w[::2], track.c2w)
    assert len(case.truth) == len(case.c2w) == 2 * len(track.c2w) - 1


def test_the_verb_writes_its_figures_and_curves(tmp_path: Path) -> None:
    out, plot = tmp_path / "wsad.json", tmp_path / "wsad.png"
    options = ["--scenes", "1", "--family", "park", "--frames", "64", "--games", "0", "--minetest", "0"]
    assert run_command(["bench", "wsad", *options, "--out", str(out), "--plot", str(plot)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert set(result["source"]) == {"embedded", "third, body", "third, camera"}
    assert set(result["source"]["embedded"]) == {"ours", "fixed"}
    assert {row["curve"] for row in result["curves"]} == {"noise", "scale", "frame rate"}
    assert plot.stat().st_size > 10_000


def test_a_store_without_episodes_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no episode with recorded input"):
        bench_wsad(TINY, open_store(tmp_path), quiet)
