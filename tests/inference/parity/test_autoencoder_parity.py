"""All cases of the three autoencoders pass, a changed tensor is caught, and a case that is not known fails."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.parity.autoencoder import run
from inference.parity.fixture import FixtureError

PARITY = Path(__file__).parents[2] / "parity"
META = json.loads((PARITY / "meta.json").read_text())
FILES = ("vae_cases", "vae_weights", "vae_light50_checkpoint", "vae_light75_checkpoint")


@pytest.fixture
def copied(tmp_path) -> Path:
    for file in FILES:
        shutil.copy(PARITY / f"{file}.safetensors", tmp_path)
    return tmp_path


def test_every_case_passes():
    results = run(PARITY, META)
    assert len(results) == 20 and not [result for result in results if not result.passed]


@pytest.mark.parametrize(
    ("file", "tensor"),
    [
        ("vae_cases", "latent_mean"),
        ("vae_cases", "light75.stream.3_2.seg4.chunk1"),
        ("vae_weights", "encoder.middle.1.to_qkv.weight"),
        ("vae_light50_checkpoint", "decoder.up_blocks.1.upsampler.time_conv.weight"),
    ],
)
def test_a_changed_tensor_is_caught(copied, file, tensor):
    tensors = load_file(copied / f"{file}.safetensors")
    tensors[tensor] = tensors[tensor] + 0.1 * tensors[tensor].abs().max()
    save_file(tensors, copied / f"{file}.safetensors")
    assert [result for result in run(copied, META) if not result.passed]


def test_a_case_that_is_not_known_fails(copied):
    meta = json.loads(json.dumps(META))
    meta["files"]["vae_cases.safetensors"]["tensors"]["tiled.decode"] = {}
    tensors = load_file(copied / "vae_cases.safetensors") | {"tiled.decode": torch.zeros(1)}
    save_file(tensors, copied / "vae_cases.safetensors")
    assert [result.name for result in run(copied, meta) if not result.passed] == ["vae_cases.safetensors tiled.decode"]


def test_a_tensor_that_only_the_list_or_only_the_file_has_is_named(copied):
    tensors = load_file(copied / "vae_cases.safetensors")
    save_file({name: value for name, value in tensors.items() if name != "z"}, copied / "vae_cases.safetensors")
    with pytest.raises(FixtureError, match=r"tensor z is in meta\.json only"):
        run(copied, META)
