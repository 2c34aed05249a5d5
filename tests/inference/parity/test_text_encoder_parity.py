"""Both outputs of the text encoder pass, and a changed tensor is caught whichever it is."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from inference.parity.text_encoder import run

PARITY = Path(__file__).parents[2] / "parity"
META = json.loads((PARITY / "meta.json").read_text())
TENSORS = sorted(META["files"]["text_encoder.safetensors"]["tensors"])


def test_every_case_passes():
    assert [result.passed for result in run(PARITY, META)] == [True, True]


@pytest.mark.parametrize("tensor", [name for name in TENSORS if not name.startswith("w.blocks.1")])
def test_a_changed_tensor_is_caught(tmp_path, tensor):
    tensors = load_file(PARITY / "text_encoder.safetensors")
    changed = tensors[tensor]
    if tensor == "mask":
        changed[0, 0] = 0
    elif changed.is_floating_point():
        changed += 0.1 * changed.abs().max()
    else:
        changed[0, 0] += 1
    save_file(tensors, tmp_path / "text_encoder.safetensors")
    assert not all(result.passed for result in run(tmp_path, META))
