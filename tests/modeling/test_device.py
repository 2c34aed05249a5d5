"""Training keeps every tensor on the device that it is told to use, and learns the same there."""

import contextlib
import dataclasses
import json
from typing import Any

import pytest
import torch

from infra.local_store import LocalStore
from modeling.checkpoint import find_checkpoint
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
