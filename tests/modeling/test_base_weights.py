"""The shipped weights are the recorded ones, small enough for a repository, and fit the tiny model."""

import dataclasses

import pytest

from modeling.autoencoder import TINY_AUTOENCODER, Autoencoder
from modeling.base_weights import FOLDER, load_base_weights, read_record
from modeling.base_weights.export import MAX_BYTES
from modeling.conditioning import TINY_WORLD
from modeling.denoiser import Denoiser


def test_the_record_names_how_they_were_made():
    record = read_record()
    assert {"command", "dataset", "hardware", "seconds", "training"} <= record.keys()
    assert sum(part["bytes"] for part in record["parts"].values()) <= MAX_BYTES
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) <= MAX_BYTES


@pytest.mark.parametrize("part", ["base", "student"])
def test_the_denoisers_load_strictly_into_the_tiny_model(part):
    load_base_weights(part).load_into(Denoiser(TINY_WORLD.denoiser), dataclasses.asdict(TINY_WORLD.denoiser))


def test_the_autoencoder_loads_strictly_into_the_tiny_model():
    load_base_weights("autoencoder").load_into(Autoencoder(TINY_AUTOENCODER), dataclasses.asdict(TINY_AUTOENCODER))


def test_another_model_is_refused_by_the_settings_that_differ():
    other = dataclasses.replace(TINY_AUTOENCODER, latent_channels=8)
    with pytest.raises(ValueError, match="latent_channels"):
        load_base_weights("autoencoder").load_into(Autoencoder(other), dataclasses.asdict(other))
