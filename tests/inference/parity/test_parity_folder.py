"""``worldloom parity`` passes on the fixtures, and fails when one is missing, unknown or changed in one tensor."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from flows.verbs import run_command
from inference.parity.folder import RUNNERS, run_folder

PARITY = Path(__file__).parents[2] / "parity"
META = json.loads((PARITY / "meta.json").read_text(encoding="utf-8"))

# One tensor, or entry, of each file. What a file's other tensors are compared with is up to its runner's own tests.
CHANGED = {
    "dit_weights.safetensors": "blocks.2.cam_scale_layer.weight",
    "dit_inputs.safetensors": "later.plucker_emb",
    "dit_outputs.safetensors": "tiny.s0",
    "dit_outputs_mixed_precision.safetensors": "later.sp",
    "dit_debug.safetensors": "later.block0.out",
    "dit_config.json": "sigma_theta",
    "camera.safetensors": "clip.later",
    "scheduler.safetensors": "steps4.shift3.sigmas",
    "vae_weights.safetensors": "decoder.middle.1.proj.weight",
    "vae_cases.safetensors": "stream.2_1_2.seg1.chunk2",
    "vae_light50_checkpoint.safetensors": "decoder.conv_out.bias",
    "vae_light75_checkpoint.safetensors": "decoder.conv_out.bias",
    "int8.safetensors": "accumulator_int32",
    "text_encoder.safetensors": "w.blocks.1.ffn.fc2.weight",
    "segment_e2e.safetensors": "distilled.clip3.latents_out",
    "segment_table.json": "tables",
}


@pytest.fixture
def folder(tmp_path) -> Path:
    for file in META["files"]:
        (tmp_path / file).symlink_to(PARITY / file)
    shutil.copy(PARITY / "meta.json", tmp_path / "meta.json")
    return tmp_path


def only(folder: Path, runner: str) -> Path:
    """The folder cut down to the files of one runner, so that running it is quick."""
    kept = {*RUNNERS[runner].cases, *RUNNERS[runner].helped_by}
    for file in META["files"].keys() - kept:
        (folder / file).unlink(missing_ok=True)
    files = {file: about for file, about in META["files"].items() if file in kept}
    (folder / "meta.json").write_text(json.dumps(META | {"files": files}))
    return folder


def failed(folder: Path) -> dict[str, str]:
    """Names and notes of the rows that fail."""
    return {result.name: result.note for result in run_folder(folder) if not result.passed}


def test_rows_are_printed_and_counted_and_the_status_says_whether_all_passed(folder, capsys):
    only(folder, "text encoder")
    assert run_command(["parity", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 0 failed"
    assert lines[1].split()[-1] == "PASS" and lines[1].split()[-2] == "0.0001"
    change(folder, "text_encoder.safetensors", "encoder_out")
    assert run_command(["parity", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"


def test_a_missing_file_an_unknown_one_and_an_unlisted_one_are_failed_rows(folder):
    only(folder, "text encoder")
    assert failed(folder) == {}
    (folder / "text_encoder.safetensors").rename(folder / "more.safetensors")
    assert failed(folder) == {
        "more.safetensors": "no case uses it",
        "text_encoder.safetensors": "meta.json lists it and the folder lacks it",
        "text encoder": f"could not go on: {folder / 'text_encoder.safetensors'} is missing; "
        "fetch it beside the other published files",
    }


def test_a_tensor_that_no_case_uses_is_a_failed_row(folder):
    only(folder, "text encoder")
    path = folder / "text_encoder.safetensors"
    tensors = load_file(path) | {"wrapper_out_of_another_kind": torch.zeros(1)}
    path.unlink()
    save_file(tensors, path)
    meta = json.loads((folder / "meta.json").read_text())
    meta["files"][path.name]["tensors"]["wrapper_out_of_another_kind"] = {"dtype": "float32", "shape": [1]}
    (folder / "meta.json").write_text(json.dumps(meta))
    assert failed(folder) == {"text_encoder.safetensors wrapper_out_of_another_kind": "no case uses it"}


def test_what_is_no_fixture_folder_is_said_in_one_line(tmp_path, capsys):
    for path in (tmp_path, tmp_path / "nowhere"):
        assert run_command(["parity", str(path)]) == 2
        said = capsys.readouterr().err
        assert "holds no fixtures" in said or "meta.json is missing" in said
        assert said.count("\n") == 1


def test_each_fixture_file_has_a_runner_and_a_tensor_to_change():
    known = {file for runner in RUNNERS.values() for file in (*runner.cases, *runner.helped_by)}
    assert set(META["files"]) == known == set(CHANGED)


@pytest.mark.slow
def test_every_case_passes(capsys):
    assert run_command(["parity", str(PARITY)]) == 0
    assert " 0 failed" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("file", CHANGED)
def test_one_changed_tensor_is_caught(folder, file):
    change(folder, file, CHANGED[file])
    assert failed(folder)


def change(folder: Path, file: str, name: str) -> None:
    """Change one element of one tensor by as much as the tensor's largest, or one number of a JSON file."""
    path = folder / file
    if path.suffix == ".json":
        values = json.loads(path.read_text())
        if name == "tables":
            values["tables"]["walk"][3]["latent_idx"][1] += 1
        else:
            values[name] = values[name] + 0.1
        path.unlink()
        path.write_text(json.dumps(values))
        return
    tensors = load_file(path)
    value = tensors[name]
    value.view(-1)[value.numel() // 2] += max(1, value.abs().max().item()) if value.is_floating_point() else 1
    path.unlink()
    save_file(tensors, path)
