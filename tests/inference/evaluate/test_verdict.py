"""The verdict says what the numbers say, the bad news first."""

import dataclasses

from inference.evaluate.scores import Score
from inference.evaluate.verdict import Provenance, index_scores, write_verdict
from infra.schema import Checkpoint

CHECKPOINT = Checkpoint(
    digest="d" * 64,
    kind="student",
    weights_object="",
    config="",
    parents=(),
    origin="base weights",
    steps=300,
    seconds=120.0,
    stopped_early=False,
    metrics="{}",
    code_commit="",
)
FINE_TUNED = Provenance(dataset="abc" * 20, lineage=(CHECKPOINT,), base="f" * 64)


def gain(arms: str, value: float, *, margin: float = 0.5, horizon: int = 16, metric: str = "psnr") -> Score:
    return Score(
        metric=metric, arm=arms, horizon=horizon, value=value, low=value - margin, high=value + margin, scenes=5, cases=40
    )


def test_a_model_worse_than_repeating_says_so_before_what_went_well() -> None:
    scores = index_scores([gain("candidate - random", 5.0), gain("candidate - repeat_last", -3.0)])
    lines = write_verdict(FINE_TUNED, scores)
    assert [line.tone for line in lines] == ["plain", "bad", "good"]
    assert "worse than repeating the last frame at frame 16 (-3.0 dB)" in lines[1].text


def test_worse_at_one_frame_and_better_at_another_names_both() -> None:
    scores = index_scores([gain("candidate - repeat_last", -1.0, horizon=1), gain("candidate - repeat_last", 4.0)])
    line = write_verdict(FINE_TUNED, scores)[1]
    assert line.tone == "bad"
    assert "worse than repeating the last frame at frame 1 " in line.text
    assert "better than repeating the last frame at frame 16 " in line.text


def test_an_interval_around_zero_claims_nothing() -> None:
    line = write_verdict(FINE_TUNED, index_scores([gain("candidate - warp", 0.2)]))[1]
    assert line.tone == "plain" and "not told apart" in line.text


def said_of_keys(arm: str, value: float) -> tuple[str, str]:
    line = write_verdict(FINE_TUNED, index_scores([gain(arm, value, margin=0.1, metric="action_response")]))[1]
    return line.tone, line.text


def test_following_the_keys_must_beat_chance_with_its_interval() -> None:
    assert said_of_keys("candidate_no_geometry", 0.9)[0] == "good"
    tone, text = said_of_keys("candidate_no_geometry", 0.55)
    assert tone == "bad" and "does NOT follow the keys" in text


def test_following_the_keys_by_moving_pixels_is_not_praised() -> None:
    tone, text = said_of_keys("candidate", 1.0)
    assert tone == "plain" and "proves no learning" in text


def test_memory_that_makes_no_difference_is_not_praised() -> None:
    score = gain("candidate - memory_off", 0.1, metric="revisit_psnr", horizon=0)
    assert "no measurable difference" in write_verdict(FINE_TUNED, index_scores([score]))[1].text


def test_a_network_that_remembers_nothing_is_said_to_make_the_same_frames() -> None:
    score = gain("candidate_no_geometry - memory_off_no_geometry", 0.0, metric="revisit_psnr", horizon=0)
    same = dataclasses.replace(score, low=0.0, high=0.0)
    assert "the same frames with memory and without" in write_verdict(FINE_TUNED, index_scores([same]))[1].text


def test_memory_with_warped_pixels_and_memory_of_the_network_alone_are_told_apart() -> None:
    scores = [
        gain("candidate - memory_off", 6.0, metric="revisit_psnr", horizon=0),
        gain("candidate_no_geometry - memory_off_no_geometry", 0.1, metric="revisit_psnr", horizon=0),
    ]
    warped, alone = (line.text for line in write_verdict(FINE_TUNED, index_scores(scores))[1:])
    assert "warps remembered pixels" in warped and "helps" in warped
    assert "network alone" in alone and "no measurable difference" in alone


def test_the_first_line_tells_fine_tuned_from_scratch_from_random() -> None:
    def first(**changes: object) -> str:
        checkpoint = dataclasses.replace(CHECKPOINT, **changes)  # type: ignore[arg-type]
        return write_verdict(dataclasses.replace(FINE_TUNED, lineage=(checkpoint,)), {})[0].text

    assert "from the base weights that ship" in first() and "300 steps in 2.0 min" in first()
    assert "from scratch" in first(origin="random")
    assert "random weights: it was never trained" in first(origin="random", steps=0)
    assert "nothing was trained here" in first(steps=0)
    assert "time cap" in first(stopped_early=True)


def test_a_single_scene_earns_no_praise_but_its_bad_news_is_told() -> None:
    def tone(value: float) -> str:
        score = dataclasses.replace(gain("candidate - repeat_last", value), low=float("nan"), high=float("nan"), scenes=1)
        return write_verdict(FINE_TUNED, index_scores([score]))[1].tone

    assert (tone(5.0), tone(-5.0)) == ("plain", "bad")


def test_following_the_keys_in_a_single_scene_is_neither_praised_nor_denied() -> None:
    score = gain("candidate_no_geometry", 1.0, metric="action_response")
    single = dataclasses.replace(score, low=float("nan"), high=float("nan"), scenes=1)
    line = write_verdict(FINE_TUNED, index_scores([single]))[1]
    assert line.tone == "plain" and "may follow the keys" in line.text
