"""Models compute in the type that their device is fast in; training keeps every tensor on the device that it is told to use."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from infra.local_store import LocalStore
from modeling.checkpoint import find_checkpoint
from modeling.device import compute_type, computing, native_type, set_precision
from modeling.distil import DistilConfig, distil
from modeling.error_buffer import ErrorBufferConfig
from modeling.loop import OptimiserConfig
from modeling.train import TrainConfig, train
from modeling.train_autoencoder import AutoencoderTrainingConfig
from modeling.train_denoiser import DenoiserTrainingConfig
from tests.modeling.pretend_device import PretendTensor, pretend_device
from tests.modeling.small_world import SMALL_AUTOENCODER, SMALL_WORLD

SHORT = OptimiserConfig(steps=4, warmup=1)
TRAINING = TrainConfig(
    world=SMALL_WORLD,
    autoencoder=AutoencoderTrainingConfig(
        model=SMALL_AUTOENCODER, optimiser=SHORT, crop_width=32, crop_height=32, batch=2, frames=4
    ),
    denoiser=DenoiserTrainingConfig(optimiser=SHORT, batch=4, full_noise_share=0.5, errors=ErrorBufferConfig(warmup=2)),
    start="random",
    threads=1,
)


CPU = torch.device("cpu")
MODELING = Path(__file__).resolve().parents[2] / "modeling"


@pytest.fixture
def any_precision(monkeypatch):
    """Lets a test set the process's precision, which is put back afterwards."""
    monkeypatch.setattr("modeling.device._precision", "auto")


@pytest.mark.parametrize("told", [{"ATEN_CPU_CAPABILITY": "avx2"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}], ids=["ATen", "oneDNN"])
def test_a_processor_without_bfloat16_computes_in_float32(told):
    script = "import torch, modeling.device as d; print(d.native_type(torch.device('cpu')), d.describe_processor())"
    command, told = [sys.executable, "-c", script], {**os.environ, **told}
    said = subprocess.run(command, env=told, cwd=MODELING.parent, capture_output=True, text=True, check=True).stdout
    assert said.startswith("torch.float32") and said.strip().endswith("float32")


def test_a_processor_with_bfloat16_computes_in_it():
    flags = torch.cpu.get_capabilities()
    native = bool(flags.get("avx512_bf16") or flags.get("amx_bf16"))
    unbound = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert native_type(CPU) == (torch.bfloat16 if native and unbound else torch.float32)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_config_overrides_what_the_device_is_fast_in(any_precision, precision):
    set_precision(precision)
    with computing(CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert compute_type(CPU) == product.dtype == getattr(torch, precision)


def test_nothing_but_the_device_names_a_type_for_autocast():
    calls = [(path.name, line) for path in MODELING.rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    calls = [(name, line.strip()) for name, line in calls if "torch.autocast(" in line]
    assert [name for name, line in calls if "enabled=False" not in line] == ["device.py"], calls


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_checkpoints_say_in_which_type_they_were_trained(walks, any_precision, precision):
    store, version = walks
    trained = train(version, dataclasses.replace(TRAINING, precision=precision), store)
    rows = [find_checkpoint(store, trained.outputs[part]) for part in ("autoencoder", "base")]
    assert [row.precision for row in rows] == [precision] * 2


def figures_of(store: LocalStore, version: str, training: TrainConfig) -> dict[str, Any]:
    """What the curves and held-out scores of all three models say."""
    trained = train(version, training, store)
    distilled = distil(trained, training, DistilConfig(optimiser=SHORT, batch=4, teacher_steps=2), store)
    digests = (trained.outputs["autoencoder"], trained.outputs["base"], distilled.outputs["student"])
    figures: dict[str, Any] = {}
    for digest in digests:
        row = find_checkpoint(store, digest)
        metrics = json.loads(row.metrics)
        figures |= {f"{row.kind} {name}": value for name, value in metrics.items() if name != "curve"}
        figures |= {f"{row.kind} loss": metrics["curve"][-1][1]}
    return figures


def test_a_pretended_device_refuses_what_a_real_one_does(monkeypatch):
    with pretend_device(monkeypatch) as device:
        there, here = torch.ones(3, device=device), torch.ones(3)
        assert isinstance(there, PretendTensor) and there.device == device
        with pytest.raises(RuntimeError, match="on meta and on the CPU"):
            there + here
        with pytest.raises(RuntimeError):
            there.numpy()
        assert (there + here.to(device)).cpu().tolist() == [2, 2, 2]


def test_training_and_distilling_on_a_device_mix_no_places_and_learn_as_on_the_cpu(walks, monkeypatch):
    store, version = walks
    monkeypatch.setattr(torch, "autocast", lambda *arguments, **more: contextlib.nullcontext())  # as on the pretended device
    wanted = figures_of(store, version, TRAINING)
    with pretend_device(monkeypatch) as device:
        monkeypatch.setattr("modeling.train.training_device", lambda name: device)
        monkeypatch.setattr("modeling.distil.training_device", lambda name: device)
        found = figures_of(store, version, dataclasses.replace(TRAINING, device="cuda"))
    assert found.keys() == wanted.keys()
    assert found == pytest.approx(wanted, rel=1e-3)
