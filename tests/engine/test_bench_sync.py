"""The benchmark of the sync self-test: right rows pass, each way of making them wrong is told apart."""

import dataclasses

from engine.bench.sync import WRONG, SyncBenchConfig, bench_sync, judge
from engine.record import record_job
from tests.engine.jobs import MakeJob


def test_recorded_rows_pass_and_wrong_ones_are_refused(egl: str) -> None:
    said: list[str] = []
    config = SyncBenchConfig(families=("park",), walks=("explore",), frames=128, games=2, minetest=0, seed=31)
    result = bench_sync(config, said.append)
    assert set(result["sources"]) == {"embedded", "embedded, third person", "vizdoom"}
    for summary in result["sources"].values():
        assert summary["passed"] >= 1, "of two games, one has to do"
        assert summary["controls"] == {name: {"refused": summary["passed"]} for name in WRONG}
    assert len(said) == 4 + 3 and "park" in said[0]


def test_what_was_not_shown_to_be_in_sync_has_no_controls(egl: str, make_job: MakeJob) -> None:
    found = judge(record_job(make_job(frames=24, walk="idle")))
    assert not found["checked"] and found["controls"] == {}


def test_on_the_wall_clock_actions_are_put_right_and_the_rest_refused(egl: str, make_job: MakeJob) -> None:
    recording = record_job(make_job(frames=160))
    clocked = dataclasses.replace(recording, episode=dataclasses.replace(recording.episode, sync="measured"))
    controls = judge(clocked)["controls"]
    right = {"actions a row later", "actions a row earlier"}
    assert controls == {name: "put right" if name in right else "refused" for name in WRONG}, "this walker moves at both ends"
