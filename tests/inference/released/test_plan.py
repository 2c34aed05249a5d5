"""The bookkeeping of clips, held to what the reference pipeline recorded."""

import json
from pathlib import Path

import pytest

from inference.released.plan import ClipPlan
from infra.schema import SegmentConfig

TABLE = Path(__file__).parents[2] / "parity" / "segment_table.json"
ROWS = [row for rows in json.loads(TABLE.read_text(encoding="utf-8"))["tables"].values() for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"clip{row['clip_idx']}")
def test_a_plan_is_what_the_reference_did(row):
    plan = ClipPlan(number=row["clip_idx"])
    assert (plan.frames.start, plan.frames.stop) == (row["start_frame"], row["end_frame_exclusive"])
    assert (plan.latents.start, plan.latents.stop) == (row["latent_start"], row["latent_end_exclusive"])
    assert plan.clean == row["clean_latents_at_front"]
    assert list(plan.camera_frames) == row["camera_target_frames"]
    assert [plan.decoded.start, plan.decoded.stop] == row["latents_decoded_global_range"]
    assert [plan.handed_on.start, plan.handed_on.stop] == row["clean_latents_passed_to_next_clip_global_range"]
    assert plan.new_frames.stop == row["total_frames_so_far"]
    assert len(plan.new_frames) == row["frames_decoded"]


@pytest.mark.parametrize("row", [row for row in ROWS if not row["first_clip"]], ids=lambda row: f"clip{row['clip_idx']}")
def test_memory_is_what_the_reference_used(row):
    plan = ClipPlan(number=row["clip_idx"])
    assert list(plan.queries) == row["selected_index_base"]
    assert [plan.candidates[0], plan.candidates[-1]] == row["memory_candidates_frames"]
    selected = plan.with_sink(tuple(row["selected_index_before_override"]))
    assert list(selected) == row["selected_index"]
    assert [plan.memory_latent(frame) for frame in selected] == row["latent_idx"]
    blocks = [plan.memory_block(frame) for frame in selected]
    assert [[block[0], block[-1]] for block in blocks] == row["aligned_memory_blocks"]


@pytest.mark.parametrize("segments", [SegmentConfig(), SegmentConfig(first_latents=5, new_latents=3, past_latents=2)])
def test_clips_follow_one_another_without_a_gap(segments):
    plans = [ClipPlan(number=number, segments=segments) for number in range(1, 6)]
    for plan in plans:
        before = ClipPlan(number=plan.number - 1, segments=segments)
        assert plan.new_frames.start == before.new_frames.stop
        assert plan.decoded.start == before.decoded.stop
        assert plan.new_frames.stop == segments.total_frames(plan.number + 1)


def test_clips_begin_with_what_was_handed_on():
    for number in range(1, 6):
        plan, before = ClipPlan(number=number), ClipPlan(number=number - 1)
        assert plan.latents[: plan.clean] == before.handed_on
