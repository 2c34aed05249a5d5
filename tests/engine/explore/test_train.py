"""Training: a few hundred real steps, an export that equals the trainer's own network, and going on where it stopped."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from engine.explore.env import ExploreConfig
from engine.explore.network import PolicyError, load_policy
from engine.explore.observe import CHOICES, OBSERVED
from engine.explore.train import CHECKPOINT, PROGRESS, TrainConfig, train_policy


def test_training_exports_what_it_trained_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    world = ExploreConfig(frames=64, scenes_per_family=2)
    recipe = TrainConfig(steps=192, walkers=2, steps_each=48, batch=32, epochs=2)
    train_policy(recipe, world, tmp_path)
    first = load_policy(tmp_path)
    load_policy.cache_clear()
    model = PPO.load(tmp_path / CHECKPOINT, device="cpu")
    seen = np.random.default_rng(0).uniform(-1, 1, (32, OBSERVED)).astype(np.float32)
    with torch.no_grad():
        choices = model.policy.get_distribution(torch.from_numpy(seen)).distribution
    assert isinstance(choices, torch.distributions.Categorical)
    own = choices.logits.numpy()
    ours = first.logits(seen)
    assert ours.shape == (32, CHOICES)
    ours = ours - np.log(np.exp(ours).sum(1, keepdims=True))  # SB3 keeps them normalised
    assert np.allclose(own, ours, atol=1e-5)
    train_policy(dataclasses.replace(recipe, steps=384), world, tmp_path)
    assert len((tmp_path / PROGRESS).read_text().splitlines()) == 4
    assert not np.array_equal(load_policy(tmp_path).layers[0][0], first.layers[0][0])
    load_policy.cache_clear()


def test_a_missing_policy_is_named_with_the_way_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"python -m engine\.explore\.train"):
        load_policy(tmp_path)


def test_choices_are_drawn_as_often_as_the_policy_prefers_them() -> None:
    policy = load_policy()
    seen = np.random.default_rng(1).uniform(-1, 1, OBSERVED).astype(np.float32)
    rng = np.random.default_rng(2)
    drawn = np.bincount([policy.choose(seen, rng) for _ in range(4000)], minlength=CHOICES) / 4000
    logits = policy.logits(seen).astype(float)
    odds = np.exp(logits) / np.exp(logits).sum()
    assert np.abs(drawn - odds).max() < 0.04
