"""All cases of camera and scheduler pass, memory agrees with the segment table, and a changed tensor is caught."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.parity import camera, scheduler
from inference.released.plan import ClipPlan
from infra.release_camera import extrinsics, integrate_actions
from modeling.memory import select_frames

PARITY = Path(__file__).parents[2] / "parity"
META = json.loads((PARITY / "meta.json").read_text())
RUN = {"camera": camera.run, "scheduler": scheduler.run}
NAMES = [(file, name) for file in RUN for name in META["files"][f"{file}.safetensors"]["tensors"]]
CHANGED = [
    ("camera", "walk.mouse"),
    ("camera", "spin.memory.num_tied"),
    ("camera", "out_and_back.memory.num_within_0.02"),
    ("camera", "memory_pose.mem_ref_aligned"),
    ("camera", "interp.left.rot"),
    ("camera", "clip.later"),
    ("scheduler", "model_outputs"),
    ("scheduler", "steps50.shift3.timesteps"),
    ("scheduler", "steps4.shift1.clamped_first_latent.after_step"),
]


@pytest.mark.parametrize(("file", "count"), [("camera", 61), ("scheduler", 48)])
def test_every_case_passes(file, count):
    results = RUN[file](PARITY, META)
    assert len(results) == count and not [result for result in results if not result.passed]


def caught_after_change(folder: Path, file: str, name: str) -> bool:
    """The first value of a tensor is moved: an integer by a latent of frames, another by a tenth of the largest."""
    shutil.copy(PARITY / f"{file}.safetensors", folder)
    tensors = load_file(folder / f"{file}.safetensors")
    changed = tensors[name].clone().contiguous()
    step = 0.1 * float(changed.abs().max()) or 0.1
    changed.view(-1)[0] += step if changed.is_floating_point() else 4
    save_file(tensors | {name: changed}, folder / f"{file}.safetensors")
    try:
        return not all(result.passed for result in RUN[file](folder, META))
    except (RuntimeError, IndexError):  # sizes that do not fit together: a failed row of the command
        return True


@pytest.mark.parametrize(("file", "name"), CHANGED)
def test_a_changed_tensor_is_caught(tmp_path, file, name):
    assert caught_after_change(tmp_path, file, name)


@pytest.mark.slow
@pytest.mark.parametrize(("file", "name"), NAMES)
def test_any_changed_tensor_is_caught(tmp_path, file, name):
    assert caught_after_change(tmp_path, file, name)


def test_a_sampler_that_is_configured_in_another_way_fails():
    meta = json.loads(json.dumps(META))
    meta["files"]["scheduler.safetensors"]["scheduler_config"]["solver_order"] = 3
    failed = [result for result in scheduler.run(PARITY, meta) if not result.passed]
    assert [result.note for result in failed] == ["solver_order"]


@pytest.mark.parametrize("track", ["walk", "out_and_back"])
def test_from_actions_alone_memory_answers_as_the_segment_table_says(track):
    rows = json.loads((PARITY / "segment_table.json").read_text())["tables"][track]
    given = load_file(PARITY / "segment_e2e.safetensors")
    poses, _ = integrate_actions(given[f"table.{track}.keyboard"], given[f"table.{track}.mouse"], torch.zeros(5))
    c2w = extrinsics(poses)
    for row in rows[1:]:
        plan = ClipPlan(number=row["clip_idx"])
        assert [plan.candidates[0], plan.candidates[-1]] == row["memory_candidates_frames"]
        assert list(plan.queries) == row["selected_index_base"]
        picks, overlap = select_frames(c2w[list(plan.queries)], c2w[plan.candidates.start : plan.candidates.stop])
        stated = torch.tensor(row["selected_index_before_override"]) - plan.candidates.start
        assert (overlap.amax(-1) - overlap.gather(-1, stated[:, None])[:, 0]).max() <= 0.02
        used = plan.with_sink(tuple((picks + plan.candidates.start).tolist()))
        assert used[-1] == row["selected_index"][-1]
        assert [plan.memory_latent(frame) for frame in row["selected_index"]] == row["latent_idx"]
        blocks = [plan.memory_block(frame) for frame in row["selected_index"]]
        assert [[block[0], block[-1]] for block in blocks] == row["aligned_memory_blocks"]
        assert [block[-1] for block in blocks] == row["memory_pose_frame"]
