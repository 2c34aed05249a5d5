"""The stage as a whole on a small untrained candidate: complete, repeatable, and unable to flatter."""

import dataclasses
import json
import pickle
from typing import Any

import pytest

from inference.evaluate import contest
from inference.evaluate.arms import ARMS
from inference.evaluate.cases import find_starts, starts_with
from inference.evaluate.evaluate import choose_arms, evaluate
from inference.evaluate.plan import plan_tests
from inference.evaluate.play_arm import play_arm
from inference.evaluate.report import write_report
from inference.evaluate.rounds import Budget, plan_rounds, playing_order
from inference.evaluate.scores import Score
from inference.evaluate.verdict import difference, index_scores
from infra.datasets import load_dataset
from infra.schema import EvalScore
from infra.stage import StageResult
from infra.tables import read_records
from infra.video import VideoReader
from tests.inference.evaluate.arena import SMALL_EVALUATION, Arena


def test_every_arm_has_scores_with_their_counts(arena: Arena, evaluated: StageResult) -> None:
    rows = [row for row in read_records(arena.store, "eval_scores", EvalScore) if row.evaluation == evaluated.key]
    assert {row.arm for row in rows if " - " not in row.arm} == set(SMALL_EVALUATION.arms)
    psnr = {(row.arm, row.horizon): row for row in rows if row.metric == "psnr"}
    assert psnr["candidate", 8].scenes == 2 and psnr["candidate", 8].cases == 16
    assert psnr["truth", 4].value == pytest.approx(60)
    assert psnr["candidate - repeat_last", 8].cases == 16
    assert all(row.low <= row.value + 1e-9 and row.value <= row.high + 1e-9 for row in rows)


def test_the_gate_finds_its_numbers_under_their_names(evaluated: StageResult) -> None:
    headline = evaluated.outputs["headline"]
    for name in ("candidate.psnr@8", "repeat_last.psnr@8", "candidate_no_geometry.action_response@4", "candidate.revisit_psnr@0"):
        assert isinstance(headline[name], float)


def test_an_untrained_network_is_called_worse_than_doing_nothing(evaluated: StageResult) -> None:
    verdict = evaluated.outputs["verdict"]
    assert "12 steps" in verdict[0]["text"] and "base weights" in verdict[0]["text"]
    assert verdict[1]["tone"] == "bad"
    bad = [line["text"] for line in verdict if line["tone"] == "bad"]
    assert any("network alone" in text and "worse than repeating the last frame" in text for text in bad)


def test_shown_walks_are_videos_of_all_panels(arena: Arena, evaluated: StageResult) -> None:
    videos = evaluated.outputs["videos"]
    assert len(videos) == SMALL_EVALUATION.plan.shown
    assert {video["case"].rsplit("/", 1)[1] for video in videos} == {"out_and_back", "turn_and_back"}
    for video in videos:
        assert len(video["panels"]) == 4
        reader = VideoReader(arena.store.local_path(video["object"]))
        assert len(reader) == 33 and reader.width > 4 * 96


def test_a_finished_evaluation_is_found_again(arena: Arena, evaluated: StageResult) -> None:
    again = evaluate(arena.candidate, arena.dataset, SMALL_EVALUATION, arena.store)
    assert again.reused and again.outputs == evaluated.outputs


def test_a_killed_evaluation_does_not_play_finished_arms_again(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(SMALL_EVALUATION, arms=("truth", "repeat_last"))
    played: list[str] = []
    play = play_arm

    def play_until_killed(arm: Any, turn: Any, *rest: Any) -> Any:
        unit = f"{arm.name} {turn.name}"
        first_time = unit not in played
        played.append(unit)
        if unit == "repeat_last park-2/0/branches" and first_time:
            raise KeyboardInterrupt
        return play(arm, turn, *rest)

    monkeypatch.setattr(contest, "play_arm", play_until_killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate(arena.candidate, arena.dataset, config, arena.store)
    before = list(played)
    finished = evaluate(arena.candidate, arena.dataset, config, arena.store)
    assert before[:2] == ["repeat_last park-1/0/branches", "truth park-1/0/branches"] and played[len(before)] == before[-1]
    assert len(set(played)) == len(played) - 1 == 4 + 6  # two starts for each arm, six rounds of long walks for one
    assert finished.outputs["arms"] == ["truth", "repeat_last"]


class LastFirst:
    """Workers that are handed copies, as those of other processes are, and finish in no order that was asked for."""

    def map_unordered(self, function: Any, jobs: Any) -> Any:
        return (pickle.loads(pickle.dumps(function))(job) for job in reversed(pickle.loads(pickle.dumps(list(jobs)))))


def test_the_same_evaluation_twice_gives_the_same_scores_also_by_workers(arena: Arena) -> None:
    plan = dataclasses.replace(SMALL_EVALUATION.plan, starts=1, long_starts=1)
    config = dataclasses.replace(SMALL_EVALUATION, arms=("candidate", "repeat_last"), plan=plan)
    first = evaluate(arena.candidate, arena.dataset, config, arena.store)
    second = evaluate(arena.candidate, arena.dataset, config, arena.store, pool=LastFirst(), fresh=True)
    assert not second.reused and first.outputs["scores"] == second.outputs["scores"]


def test_without_time_every_arm_is_played_from_one_start_and_the_report_says_how_many(arena: Arena) -> None:
    config = dataclasses.replace(SMALL_EVALUATION, max_seconds=0.0)
    result = evaluate(arena.candidate, arena.dataset, config, arena.store)
    assert result.stopped_early and result.outputs["missing_arms"] == {}
    assert set(result.outputs["arms"]) == set(SMALL_EVALUATION.arms)
    scores = index_scores([Score(**values) for values in json.loads(arena.store.get_bytes(result.outputs["scores"]))])
    assert {scores[arm, "psnr", 8].cases for arm in ("candidate", "candidate_no_geometry", "repeat_last")} == {8}
    pairs = [("candidate", "memory_off"), ("candidate_no_geometry", "memory_off_no_geometry")]
    assert {scores[difference(*pair), "revisit_psnr", 0].cases for pair in pairs} == {1}
    cut = "Time for the evaluation was short: 1 of 2 starts and 1 of 8 long walks were played, by every arm the same."
    assert result.outputs["verdict"][1]["text"] == cut
    assert cut in write_report(arena.store, arena.store.home / "cut", {"evaluate": result.key}).read_text(encoding="utf-8")
    assert result.outputs["starts"] == result.outputs["scenes"] == 1


def test_every_arm_of_a_line_of_the_verdict_has_a_round_that_is_always_played(arena: Arena) -> None:
    plan = plan_tests(arena.store, arena.dataset, SMALL_EVALUATION.plan, SMALL_EVALUATION.measure)
    always = [turn for turn in plan_rounds(plan, ARMS) if turn.always]
    assert all(any(turn.walks_of(arm) for turn in always) for arm in ARMS)
    order = [arm.name for arm in playing_order(ARMS)]
    assert order[:6] == ["candidate", "repeat_last", "warp", "candidate_no_geometry", "base", "random"]
    assert sorted(order) == sorted(arm.name for arm in ARMS)


def test_another_scene_comes_before_more_walks_of_a_scene(arena: Arena) -> None:
    plan = plan_tests(arena.store, arena.dataset, SMALL_EVALUATION.plan, SMALL_EVALUATION.measure)
    assert [turn.name for turn in plan_rounds(plan, ARMS)] == [
        "park-1/0/branches",
        "park-1/0/out_and_back",
        "park-2/0/branches",
        "park-2/0/out_and_back",
        "park-1/0/turn_and_back",
        "park-2/0/turn_and_back",
        "park-1/0/spin+idle",
        "park-2/0/spin+idle",
    ]


def test_no_round_is_begun_that_would_end_too_late_but_a_shorter_one_is(arena: Arena) -> None:
    plan = plan_tests(arena.store, arena.dataset, SMALL_EVALUATION.plan, SMALL_EVALUATION.measure)
    keys, first_walk, more_keys, another_walk, *_ = plan_rounds(plan, ARMS)
    budget = Budget(100.0)
    budget.spend(keys, 120.0)
    budget.spend(first_walk, 30.0)
    assert budget.allows(keys) and budget.allows(another_walk) and not budget.allows(more_keys)
    assert not Budget(-1.0).allows(another_walk) and Budget(-1.0).allows(first_walk)


def test_memory_of_the_network_alone_is_played_where_places_are_seen_again_and_nowhere_else(arena: Arena) -> None:
    arms = ("candidate_no_geometry", "memory_off_no_geometry")
    result = evaluate(arena.candidate, arena.dataset, dataclasses.replace(SMALL_EVALUATION, arms=arms), arena.store)
    scores = index_scores([Score(**values) for values in json.loads(arena.store.get_bytes(result.outputs["scores"]))])
    pair = scores[difference(*arms), "revisit_psnr", 0]
    assert (pair.cases, pair.scenes) == (4, 2)
    assert ("memory_off_no_geometry", "spin_psnr", 1) not in scores
    assert ("memory_off_no_geometry", "psnr", 1) not in scores
    assert all(f"{arm}.revisit_psnr@0" in result.outputs["headline"] for arm in arms)
    [line] = [line["text"] for line in result.outputs["verdict"] if line["text"].startswith("Memory")]
    assert "for the network alone (geometry off)" in line


def test_arms_that_cannot_be_played_are_left_out_with_the_reason(arena: Arena) -> None:
    config = dataclasses.replace(SMALL_EVALUATION, arms=("candidate", "base", "int8", "memory_wrong_scene"))
    plan = plan_tests(arena.store, arena.dataset, dataclasses.replace(config.plan, long_starts=1), config.measure)
    arms, left_out = choose_arms(config, plan, arena.candidate, None)
    assert [arm.name for arm in arms] == ["candidate"]
    assert set(left_out) == {"base", "int8", "memory_wrong_scene"}


def test_an_unknown_arm_is_refused_by_name(arena: Arena) -> None:
    config = dataclasses.replace(SMALL_EVALUATION, arms=("candidate", "sorcery"))
    with pytest.raises(ValueError, match="sorcery"):
        evaluate(arena.candidate, arena.dataset, config, arena.store)


def test_starts_are_spread_over_scenes(arena: Arena) -> None:
    starts = find_starts(arena.store, load_dataset(arena.store, arena.dataset))
    assert [start.scene_id for start in starts_with(starts, ["key_W"], 2)] == ["park-1", "park-2"]
    assert starts_with(starts, ["no_such_walk"], 2) == []


def test_a_test_scene_that_was_trained_on_is_refused(arena: Arena) -> None:
    manifest = load_dataset(arena.store, arena.dataset)
    leaking = tuple(dataclasses.replace(clip, split="train") if clip.walk == "idle" else clip for clip in manifest.clips)
    with pytest.raises(ValueError, match="also trained on"):
        find_starts(arena.store, dataclasses.replace(manifest, clips=leaking))


def test_a_dataset_without_test_walks_is_refused(arena: Arena) -> None:
    manifest = load_dataset(arena.store, arena.dataset)
    without = dataclasses.replace(manifest, clips=tuple(clip for clip in manifest.clips if clip.split != "test"))
    with pytest.raises(ValueError, match="no test walk"):
        find_starts(arena.store, without)
