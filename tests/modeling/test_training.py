"""The stages train, distil and compress run end to end, resume exactly, and their checkpoints load strictly."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from infra.schema import Bundle
from infra.store import MissingObjectError
from modeling.checkpoint import find_checkpoint
from modeling.compress import CompressConfig, compress
from modeling.device import NoDeviceError
from modeling.distil import DistilConfig, distil
from modeling.loop import OptimiserConfig, Trainer
from modeling.rollout import RolloutOptions, rollout_segment, start_rollout
from modeling.train import TrainConfig, train
from modeling.train_autoencoder import AutoencoderTrainingConfig
from modeling.train_denoiser import DenoiserTrainingConfig
from modeling.weights import WeightsError
from modeling.world_model import load_world_model
from tests.modeling.small_world import HEIGHT, SMALL_AUTOENCODER, SMALL_WORLD, WIDTH

SHORT = OptimiserConfig(steps=3, warmup=1)
TRAINING = TrainConfig(
    world=SMALL_WORLD,
    autoencoder=AutoencoderTrainingConfig(
        model=SMALL_AUTOENCODER, optimiser=SHORT, crop_width=32, crop_height=32, batch=2, frames=4
    ),
    denoiser=DenoiserTrainingConfig(optimiser=SHORT, batch=2),
    start="random",
    threads=1,
)


@pytest.fixture(scope="module")
def stages(walks):
    store, version = walks
    trained = train(version, TRAINING, store)
    distilled = distil(trained, TRAINING, DistilConfig(optimiser=SHORT, batch=2, teacher_steps=2), store)
    compressed = compress(distilled, CompressConfig(), store)
    return trained, distilled, compressed


@pytest.fixture(scope="module")
def bundle(stages) -> Bundle:
    trained, distilled, compressed = stages
    return Bundle(
        name="walls",
        autoencoder=trained.outputs["autoencoder"],
        denoiser=distilled.outputs["student"],
        denoiser_int8=compressed.outputs["int8"],
        dataset=trained.outputs["dataset"],
        profile="test",
        width=WIDTH,
        height=HEIGHT,
        fps=16.0,
        parents=(),
        start_images=(),
        start_prompts=(),
    )


def test_a_finished_stage_is_found_again_and_not_repeated(walks, stages):
    store, version = walks
    again = train(version, TRAINING, store)
    assert again.reused and again.outputs == stages[0].outputs


def test_prepared_windows_stay_until_they_are_distilled_and_then_nothing_does(walks, stages, monkeypatch):
    store, version = walks
    work = store.home / "work"
    assert not any((work / stage.key).exists() for stage in stages)
    other = dataclasses.replace(TRAINING, seed=1)
    trained = train(version, other, store)
    assert [path.name for path in (work / trained.key).iterdir()] == ["windows"]
    monkeypatch.setattr("modeling.windows.prepare_clip", None)  # they are not prepared again
    distil(trained, other, DistilConfig(optimiser=SHORT, batch=2, teacher_steps=2), store)
    assert not (work / trained.key).exists()


def test_what_was_trained_can_be_played_and_is_deterministic(walks, bundle):
    store, _ = walks
    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    keyboard, mouse = np.zeros((4, 6), np.int8), np.zeros((4, 2), np.float32)
    keyboard[:, 0] = 1
    for int8 in (False, True):
        model = load_world_model(store, bundle, int8=int8)
        runs = []
        for _ in range(2):
            state = start_rollout(model, image, "A wall.", seed=1, options=RolloutOptions(recall_gap=4))
            frames = []
            for _ in range(3):
                segment, state = rollout_segment(model, state, keyboard, mouse)
                frames.append(segment.frames)
            runs.append(np.concatenate(frames))
        assert runs[0].shape == (12, HEIGHT, WIDTH, 3)
        assert np.array_equal(runs[0], runs[1])
        assert segment.memory_frames  # walking forward, the start stays in view


def test_a_deleted_checkpoint_is_named(walks):
    with pytest.raises(MissingObjectError, match="checkpoint 000000000000"):
        find_checkpoint(walks[0], "0" * 64)


def test_a_checkpoint_of_another_model_is_refused_by_the_tensors_name(walks, bundle):
    store, _ = walks
    other = dataclasses.replace(bundle, autoencoder=bundle.denoiser)
    with pytest.raises(WeightsError, match=r"has a tensor .* that this model does not"):
        load_world_model(store, other)


def test_a_killed_training_ends_in_the_same_weights_as_an_undisturbed_one(tmp_path: Path):
    def make(folder: Path, steps_before_stop: int | None) -> Trainer:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 1))

        def loss(step: int, generator: torch.Generator):
            x = torch.randn(16, 4, generator=generator)
            return (model(x) - x.sum(1, keepdim=True)).square().mean(), {}

        trainer = Trainer(model, loss, OptimiserConfig(steps=30, warmup=3), folder)
        trainer.run(lambda done, total, text: None, lambda: steps_before_stop is not None and trainer.step >= steps_before_stop)
        return trainer

    undisturbed = make(tmp_path / "whole", None)
    make(tmp_path / "cut", 13)
    resumed = make(tmp_path / "cut", None)
    assert resumed.curve == undisturbed.curve
    for name, value in undisturbed.average.items():
        assert torch.equal(value, resumed.average[name])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_training_where_the_device_is_missing_says_so_in_one_line(walks):
    store, version = walks
    with pytest.raises(NoDeviceError, match=r"^train\.device is 'cuda', but .* --set train\.device=cpu$"):
        train(version, dataclasses.replace(TRAINING, device="cuda"), store)
