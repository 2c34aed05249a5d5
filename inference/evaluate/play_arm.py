"""Play one arm's walks of a round and keep what they scored: the unit that a killed evaluation does not repeat."""

import json
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from inference.evaluate.arms import Arm, Models, Part, make_player
from inference.evaluate.cases import LONG_WALKS, Case, Start, read_cases
from inference.evaluate.measure import MeasureConfig, measure_branches, measure_long
from inference.evaluate.plan import TestPlan
from inference.evaluate.rollouts import Playback
from inference.evaluate.rounds import Round
from inference.evaluate.scores import Measurement
from inference.evaluate.speed import summarise_speed
from infra.store import Store
from infra.video import encode_video

SHOWN_ARMS = ("candidate", "candidate_no_geometry")  # whose pictures the report shows beside the truth


@dataclass(kw_only=True)
class ArmRecord:
    """What one arm left behind; grows while it plays."""

    measurements: list[Measurement] = field(default_factory=list)
    playbacks: list[Playback] = field(default_factory=list)  # without pictures, for the times
    shown: dict[str, str] = field(default_factory=dict)  # case name to a lossless video object


def play_arm(arm: Arm, turn: Round, plan: TestPlan, models: Models, store: Store) -> dict[str, Any]:
    """Play an arm's walks of a round.

    Returns the outputs of the stage: names of the stored measurements and pictures, and the speed where a model played.
    """
    record = ArmRecord()
    keep = _Keeper(arm, plan, store, record)
    measure = measure_branches if turn.part == "branches" else measure_long
    frames = _frames(arm, turn.part, plan.measure)
    player = make_player(arm, models, _other_scene(arm, plan, store, turn.start))
    cases = list(read_cases(store, turn.start, turn.walks_of(arm), frames + 1))
    record.measurements += measure(player, cases, frames, plan.measure, seed=plan.seed, keep=keep)
    return {
        "measurements": store.put_bytes(json.dumps([asdict(m) for m in record.measurements]).encode(), ".json"),
        "shown": record.shown,
        "speed": _speed(arm, models, record),
        "memory_recalls": sum(len(frames) for playback in record.playbacks for frames in playback.memory_frames),
    }


def read_measurements(store: Store, name: str) -> list[Measurement]:
    """Read back what ``play_arm`` stored."""
    return [Measurement(**values) for values in json.loads(store.get_bytes(name))]


def _frames(arm: Arm, part: Part, config: MeasureConfig) -> int:
    """How far each walk is played."""
    if part == "long":
        return config.long_frames
    control = arm.origin in ("base", "random", "random_denoiser", "int8")
    return min(config.branch_frames, config.control_frames) if control else config.branch_frames


class _Keeper:
    """Keeps times of all playbacks and pictures of the shown ones."""

    def __init__(self, arm: Arm, plan: TestPlan, store: Store, record: ArmRecord) -> None:
        self.arm, self.plan, self.store, self.record = arm, plan, store, record

    def __call__(self, case: Case, playback: Playback) -> None:
        self.record.playbacks.append(replace(playback, frames=playback.frames[:0]))
        if self.arm.name in SHOWN_ARMS and case.name in self.plan.shown:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "shown.mp4"
                encode_video(path, playback.frames, self.plan.fps, lossless=True)
                self.record.shown[case.name] = self.store.put_file(path)


def _other_scene(arm: Arm, plan: TestPlan, store: Store, start: Start) -> Case | None:
    """A walk of another scene for the wrong-scene control; none for other arms."""
    if arm.memory != "wrong_scene":
        return None
    for other in plan.long_starts:
        if other.scene_id != start.scene_id:
            return next(read_cases(store, other, LONG_WALKS[:1], 40))
    return None


def _speed(arm: Arm, models: Models, record: ArmRecord) -> dict[str, Any] | None:
    timed = [playback for playback in record.playbacks if len(playback.segment_seconds) > 1]
    if not timed or arm.origin == "baseline":
        return None
    return asdict(summarise_speed(timed, models(arm.origin).segments.new_frames))
