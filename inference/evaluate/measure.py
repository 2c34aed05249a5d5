"""Play test walks with one player and write down what it scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.rotation import MotionConfig
from inference.evaluate.actions import OPPOSITE, action_choice, action_response
from inference.evaluate.cases import Case
from inference.evaluate.drift import drift, window_means
from inference.evaluate.metrics import psnr, sharpness, ssim
from inference.evaluate.motion import STRIDE, motion_by_frame, true_motion, turn_sign
from inference.evaluate.revisit import RevisitConfig, revisit_pairs, score_revisit
from inference.evaluate.rollouts import Playback, Player
from inference.evaluate.scores import Measurement


@dataclass(frozen=True, kw_only=True)
class MeasureConfig:
    """What is measured, and how far a walk is played."""

    branch_frames: int = 32  # of each single-key walk
    control_frames: int = 16  # the same for controls, which need not be seen for long
    long_frames: int = 96  # of out-and-back, spin and idle walks
    horizons: tuple[int, ...] = (1, 4, 8, 16, 32)
    response_horizons: tuple[int, ...] = (4, 16)
    motion_horizons: tuple[int, ...] = (4, 16)  # multiples of motion.STRIDE
    windows: int = 10  # stretches that drift compares
    revisit: RevisitConfig = RevisitConfig()
    motion: MotionConfig = MotionConfig()

    def __post_init__(self) -> None:
        if odd := [h for h in self.motion_horizons if h % STRIDE or h <= 0]:
            raise ValueError(f"measure.motion_horizons: {odd[0]} is no multiple of {STRIDE} frames")


Keep = Callable[[Case, Playback], None]  # told of every playback, so that some can be shown


def measure_branches(
    player: Player, cases: Sequence[Case], frames: int, config: MeasureConfig, *, seed: int, keep: Keep
) -> list[Measurement]:
    """Play up to ``frames`` frames of the single-key walks of one start: fidelity of each, and how they answer actions."""
    found: list[Measurement] = []
    played: dict[str, NDArray[np.uint8]] = {}
    for case in cases:
        count = min(frames, len(case.frames) - 1)
        playback = player.play(case, count, seed)
        keep(case, playback)
        played[case.walk] = playback.frames
        found += _fidelity(case, playback.frames, config)
        found += _motion(case, playback.frames, config)
    truth = {case.walk: case.frames for case in cases}
    for horizon in config.response_horizons:
        made = {walk: shown[horizon] for walk, shown in played.items() if walk in OPPOSITE and len(shown) > horizon}
        real = {walk: shown[horizon] for walk, shown in truth.items() if walk in made}
        scene, start = cases[0].scene_id, f"{cases[0].scene_id}/{cases[0].seed}"
        for walk, value in action_response(made, real).items():
            found.append(_measured("action_response", horizon, scene, f"{start}/{walk}", value))
            found.append(_measured(f"action_response_{walk}", horizon, scene, f"{start}/{walk}", value))
        for walk, value in action_choice(made, real).items():
            found.append(_measured("action_choice", horizon, scene, f"{start}/{walk}", value))
    return found


def measure_long(
    player: Player, cases: Sequence[Case], frames: int, config: MeasureConfig, *, seed: int, keep: Keep
) -> list[Measurement]:
    """Play up to ``frames`` frames of the long walks of one start: quality, decay, and what is left on the way back."""
    found: list[Measurement] = []
    for case in cases:
        count = min(frames, len(case.frames) - 1)
        playback = player.play(case, count, seed)
        keep(case, playback)
        truth = case.frames[: count + 1]
        quality = psnr(playback.frames[1:], truth[1:])
        found += [_of(case, f"{case.walk}_psnr", t, quality[t - 1]) for t in range(1, count + 1) if t == 1 or t % 4 == 0]
        if count >= config.windows:
            found.append(_of(case, f"{case.walk}_drift", count, drift(quality, config.windows)))
            found.append(_of(case, f"{case.walk}_worst_window", count, window_means(quality, config.windows).min()))
        if any(first > 0 for first, _ in revisit_pairs(case.c2w[: count + 1], config.revisit)) and case.walk != "idle":
            score = score_revisit(playback.frames, truth, case.c2w[: count + 1], config.revisit)
            found.append(_of(case, "revisit_psnr", 0, score.back))
            found.append(_of(case, "revisit_out_psnr", 0, score.out))
            found.append(_of(case, "revisit_self_psnr", 0, score.itself))
            found.append(_of(case, "revisit_truth_self_psnr", 0, score.truth_itself))
            found.append(_of(case, "revisit_path_metres", 0, score.path))
            found.append(_of(case, "revisit_pairs", 0, score.pairs))
    return found


def _fidelity(case: Case, frames: NDArray[np.uint8], config: MeasureConfig) -> list[Measurement]:
    truth = case.frames[: len(frames)]
    by_frame = psnr(frames[1:], truth[1:])
    found = [_of(case, "psnr", t + 1, value) for t, value in enumerate(by_frame)]
    for horizon in (h for h in config.horizons if h < len(frames)):
        found.append(_of(case, "ssim", horizon, float(ssim(frames[horizon], truth[horizon]))))
        found.append(_of(case, "sharpness", horizon, float(sharpness(frames[horizon], truth[horizon]))))
    return found


def _motion(case: Case, frames: NDArray[np.uint8], config: MeasureConfig) -> list[Measurement]:
    """Error of the turn by horizon; how far it went of how far it should; the sign of the flow of pure turns."""
    horizons = [h for h in config.motion_horizons if h < len(frames)]
    if not horizons:
        return []
    found = []
    by_frame = motion_by_frame(frames[: max(horizons) + 1], case.intrinsics, config.motion)
    for horizon in horizons:
        made, real = by_frame[horizon], true_motion(case.c2w[: horizon + 1])
        found.append(_of(case, "rotation_error", horizon, float(np.linalg.norm(made.turned - real.turned))))
        found.append(_of(case, "untracked", horizon, made.untracked))
        if abs(real.turned[1]) > 1:
            found.append(_of(case, "turn_ratio", horizon, made.turned[1] / real.turned[1]))
        length = float(np.linalg.norm(real.walked))
        if length > config.motion.step / 2:
            found.append(_of(case, "walk_ratio", horizon, float(made.walked @ real.walked) / length**2))
        if case.walk in ("key_L", "key_R"):
            right = turn_sign(frames[: horizon + 1]) == (1 if case.walk == "key_R" else -1)
            found.append(_of(case, "turn_sign", horizon, float(right)))
    return found


def _of(case: Case, metric: str, horizon: int, value: float) -> Measurement:
    return _measured(metric, horizon, case.scene_id, case.name, value)


def _measured(metric: str, horizon: int, scene_id: str, case: str, value: float) -> Measurement:
    return Measurement(metric=metric, horizon=horizon, scene_id=scene_id, case=case, value=float(value))
