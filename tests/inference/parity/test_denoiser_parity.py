"""All calls and activations of the denoiser pass, and a changed tensor of any of its files is caught."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from inference.parity import denoiser, mixed_precision
from inference.parity.fixture import FixtureError
from modeling.weights import WeightsError

PARITY = Path(__file__).parents[2] / "parity"
META = json.loads((PARITY / "meta.json").read_text())
NAMES = ("dit_weights", "dit_inputs", "dit_outputs", "dit_debug", "dit_outputs_mixed_precision")


@pytest.fixture
def copied(tmp_path) -> Path:
    for name in NAMES:
        shutil.copy(PARITY / f"{name}.safetensors", tmp_path)
    shutil.copy(PARITY / "dit_config.json", tmp_path)
    return tmp_path


def change(folder: Path, file: str, tensor: str) -> None:
    tensors = load_file(folder / f"{file}.safetensors")
    tensors[tensor] = tensors[tensor] + max(0.1 * float(tensors[tensor].abs().max()), 0.1)
    save_file(tensors, folder / f"{file}.safetensors")


def test_every_call_and_activation_passes():
    results = denoiser.run(PARITY, META)
    assert not [result for result in results if not result.passed]
    names = {result.name for result in results}
    assert {f"dit {name}" for name in META["files"]["dit_outputs.safetensors"]["cases"]} <= names
    assert {f"dit {name}" for name in META["files"]["dit_debug.safetensors"]["tensors"]} <= names


def test_mixed_precision_passes():
    results = mixed_precision.run(PARITY, META)
    assert len(results) == 6 and all(result.passed for result in results)


@pytest.mark.parametrize(
    ("file", "tensor"),
    [
        ("dit_weights", "blocks.3.ffn.0.bias"),
        ("dit_inputs", "small.mouse_cond"),
        ("dit_outputs", "later_return_memory.memory.sp"),
        ("dit_debug", "later.block0.action_mouse_branch"),
    ],
)
def test_a_changed_tensor_is_caught(copied, file, tensor):
    change(copied, file, tensor)
    assert [result for result in denoiser.run(copied, META) if not result.passed]


@pytest.mark.parametrize("tensor", ["later.sp", "null.sp.rel_rms_vs_float32"])
def test_a_changed_tensor_of_mixed_precision_is_caught(copied, tensor):
    change(copied, "dit_outputs_mixed_precision", tensor)
    failed = [result.name for result in mixed_precision.run(copied, META) if not result.passed]
    assert f"dit mixed precision {tensor}" in failed


def test_inputs_that_do_not_fit_together_are_named(copied):
    tensors = load_file(copied / "dit_inputs.safetensors")
    tensors["first.predict_latent_idx"][0] += 1
    save_file(tensors, copied / "dit_inputs.safetensors")
    with pytest.raises(FixtureError, match="inputs of call first do not fit together"):
        denoiser.run(copied, META)


def test_a_folder_without_activations_is_complete(copied):
    meta = json.loads(json.dumps(META))
    del meta["files"]["dit_debug.safetensors"]
    (copied / "dit_debug.safetensors").unlink()
    results = denoiser.run(copied, meta)
    assert len(results) > 20 and all(result.passed for result in results)


def test_a_changed_config_is_caught(copied):
    path = copied / "dit_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"eps": 1e-5}))
    assert "dit config" in [result.name for result in denoiser.run(copied, META) if not result.passed]
    path.write_text(json.dumps(config | {"num_layers": 3}))
    with pytest.raises(WeightsError, match=r"blocks\.3"):
        denoiser.run(copied, META)
