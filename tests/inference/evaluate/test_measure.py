"""Measurements of players whose quality is known: each must score what it deserves, and no other."""

import numpy as np
import pytest

from inference.evaluate.baselines import AutoencoderCeiling, RepeatLast, Truth
from inference.evaluate.cases import BRANCHES, Case
from inference.evaluate.measure import MeasureConfig, measure_branches, measure_long
from inference.evaluate.metrics import MAX_PSNR, psnr
from inference.evaluate.revisit import RevisitConfig
from inference.evaluate.rollouts import Playback, Player
from inference.evaluate.scores import Measurement
from modeling.autoencoder import Autoencoder
from tests.inference.evaluate.walks import LONG, Noise, Replay, make_case
from tests.modeling.small_world import SMALL_AUTOENCODER

CONFIG = MeasureConfig(
    horizons=(1, 4, 16),
    response_horizons=(4, 16),
    motion_horizons=(4, 16),
    revisit=RevisitConfig(gap=12),
)


def ignore(case: Case, playback: Playback) -> None:
    """Keep nothing."""


def branches(player: Player, scene: int = 1) -> list[Measurement]:
    return measure_branches(player, [make_case(scene, walk) for walk in BRANCHES], 16, CONFIG, seed=0, keep=ignore)


def long_walks(player: Player) -> list[Measurement]:
    return measure_long(player, [make_case(1, walk) for walk in LONG], 32, CONFIG, seed=0, keep=ignore)


def mean(found: list[Measurement], metric: str, horizon: int) -> float:
    values = [m.value for m in found if (m.metric, m.horizon) == (metric, horizon)]
    assert values, f"{metric}@{horizon} was not measured"
    return float(np.mean(values))


def test_a_perfect_model_scores_at_every_ceiling() -> None:
    found = branches(Replay())
    assert mean(found, "psnr", 16) == pytest.approx(MAX_PSNR)
    assert mean(found, "ssim", 16) == pytest.approx(1)
    assert mean(found, "sharpness", 16) == pytest.approx(1)
    assert mean(found, "action_response", 4) == 1
    assert mean(found, "action_choice", 16) == 1
    assert mean(found, "turn_sign", 4) == 1


def test_a_model_that_repeats_the_last_frame_equals_the_baseline_row_exactly() -> None:
    class Still:
        def play(self, case: Case, count: int, seed: int) -> Playback:
            return Playback(frames=np.stack([case.frames[0]] * (count + 1)))

    assert branches(Still()) == branches(RepeatLast())
    assert mean(branches(Still()), "action_response", 16) == 0.5


def test_a_model_that_mirrors_actions_answers_none_of_them_and_turns_the_wrong_way() -> None:
    found = branches(Replay(mirrored=True))
    assert mean(found, "action_response", 4) == 0
    assert mean(found, "action_choice", 16) == 0
    assert mean(found, "turn_sign", 16) == 0
    assert mean(found, "psnr", 16) < 30


def test_noise_scores_near_chance() -> None:
    found = [m for scene in range(6) for m in branches(Noise(), scene)]
    assert mean(found, "action_response", 16) == pytest.approx(0.5, abs=0.2)
    assert mean(found, "action_choice", 16) < 0.35


def test_motion_of_the_truth_is_read_near_the_truth_and_repeating_has_the_whole_turn_as_its_error() -> None:
    floor, still = branches(Truth()), branches(RepeatLast())
    turned = [m for m in still if (m.metric, m.horizon) == ("rotation_error", 16) and m.case.endswith(("key_L", "key_R"))]
    assert [m.value for m in turned] == pytest.approx([24.0, 24.0], abs=0.1)
    assert mean(still, "turn_ratio", 16) == pytest.approx(0, abs=0.02)
    assert mean(floor, "turn_ratio", 4) > 0.5


def test_every_frame_has_its_own_psnr() -> None:
    found = [m for m in branches(RepeatLast()) if m.metric == "psnr" and m.case.endswith("/key_R")]
    case = make_case(1, "key_R")
    expected = psnr(np.repeat(case.frames[:1], 16, 0), case.frames[1:17])
    assert [m.horizon for m in found] == list(range(1, 17))
    assert [m.value for m in found] == pytest.approx(list(expected))


def test_long_walks_measure_return_and_decay() -> None:
    perfect, still = long_walks(Replay()), long_walks(RepeatLast())
    assert mean(perfect, "revisit_psnr", 0) == pytest.approx(MAX_PSNR)
    assert mean(perfect, "out_and_back_drift", 32) == 0
    assert mean(still, "revisit_self_psnr", 0) == pytest.approx(MAX_PSNR)  # standing still is consistent with itself
    assert mean(still, "revisit_psnr", 0) < 30  # and wrong
    assert mean(still, "revisit_path_metres", 0) > 0
    assert {m.metric for m in perfect} >= {"idle_psnr", "spin_psnr", "turn_and_back_worst_window"}
    assert not any(m.metric.startswith("revisit") and m.case.endswith(("idle", "spin")) for m in perfect)


def test_the_ceiling_shows_the_truth_as_the_autoencoder_sees_it() -> None:
    autoencoder = Autoencoder(SMALL_AUTOENCODER).eval()
    case = make_case(1, "key_R")
    shown = AutoencoderCeiling(autoencoder=autoencoder).play(case, 16, 0).frames
    assert shown.shape == case.frames.shape and shown.dtype == np.uint8
    other = AutoencoderCeiling(autoencoder=autoencoder).play(case, 14, 0).frames
    assert np.array_equal(other[:13], shown[:13])  # whole latents do not depend on where the walk is cut


def test_actions_past_the_end_of_a_walk_hold_the_last_used_one() -> None:
    case = make_case(1, "key_WR")
    keyboard, mouse = case.actions(24)
    assert keyboard.shape == (24, 6)
    assert (keyboard[:, 0] == 1).all() and np.allclose(mouse[:, 1], 0.1)
