"""The published autoencoder files load by their own names: full, and both pruned ones, as one class of other widths."""

import json
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from modeling.autoencoder import Autoencoder, AutoencoderConfig
from modeling.released.autoencoder import (
    DECODER_FILES,
    LATENT_MEAN,
    LATENT_STD,
    build_autoencoder,
    internal_names,
    load_autoencoder,
    own_names,
)
from modeling.weights import WeightsError

PARITY = Path(__file__).parents[2] / "parity"
KEYS = {
    "vae_wan22": AutoencoderConfig(),
    "vae_mg_lightvae_rate050": AutoencoderConfig(encoder_width=80, decoder_width=128),
    "vae_mg_lightvae_v2_rate075": AutoencoderConfig(encoder_width=40, decoder_width=64),
}


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, Tensor]]:
    names = {
        "wan": "vae_weights",
        "light50": "vae_light50_checkpoint",
        "light75": "vae_light75_checkpoint",
    }
    return {name: load_file(PARITY / f"{file}.safetensors") for name, file in names.items()}


@pytest.fixture
def folder(tmp_path, files) -> Path:
    """The three published files, the pruned ones as training checkpoints."""
    torch.save(files["wan"], tmp_path / DECODER_FILES["wan"])
    torch.save({"gen_model": OrderedDict(files["light50"]), "step": 7}, tmp_path / DECODER_FILES["light50"])
    torch.save({"state_dict": {"generator": files["light75"]}}, tmp_path / DECODER_FILES["light75"])
    return tmp_path


@pytest.mark.parametrize("name", KEYS)
def test_the_parameters_at_full_size_are_those_listed_under_either_naming(name):
    listed = json.loads((PARITY / "keys" / f"{name}.json").read_text())
    shapes = {key: torch.empty(entry["shape"], device="meta") for key, entry in listed["parameters"].items()}
    with torch.device("meta"):
        wanted = Autoencoder(KEYS[name]).state_dict()
    assert {key: value.shape for key, value in wanted.items() if not key.startswith("latent_")} == {
        key: value.shape for key, value in shapes.items()
    }
    assert build_autoencoder(own_names(shapes), Path(name)).config == KEYS[name]
    published = listed.get("checkpoint_name_of_parameter", {})
    assert internal_names(published.values()) == {theirs: ours for ours, theirs in published.items()}


def test_a_pruned_decoder_goes_with_the_full_encoder(folder, files):
    full = load_autoencoder(folder)
    image = torch.rand(1, 3, 1, 32, 32) * 2 - 1
    for decoder in ("light50", "light75"):
        model = load_autoencoder(folder, decoder, dtype=torch.float32)
        assert model.config.encoder_width == full.config.encoder_width
        assert model.config.decoder_width == files[decoder]["decoder.conv_in.bias"].shape[0] // 4
        with torch.no_grad():
            torch.testing.assert_close(model.encode(image), full.float().encode(image))
            assert model.decode(torch.zeros(1, 48, 2, 2, 2)).shape == (1, 3, 5, 32, 32)


def test_latent_statistics_are_the_published_ones():
    cases = load_file(PARITY / "vae_cases.safetensors")
    torch.testing.assert_close(torch.tensor(LATENT_MEAN), cases["latent_mean"])
    torch.testing.assert_close(torch.tensor(LATENT_STD), 1 / cases["latent_inv_std"])


def test_what_only_training_used_is_ignored_and_anything_else_is_named(files):
    tensors = files["light75"]
    assert any(name.startswith("dynamic_feature_projection_heads.") for name in tensors)
    build_autoencoder(own_names(tensors), Path("MG-LightVAE_v2.pth"))
    with pytest.raises(WeightsError, match=r"MG-LightVAE_v2\.pth has a tensor strange\.weight"):
        build_autoencoder(own_names(tensors | {"strange.weight": torch.zeros(1)}), Path("MG-LightVAE_v2.pth"))
    short = {name: value for name, value in tensors.items() if name != "decoder.conv_out.bias"}
    with pytest.raises(WeightsError, match=r"lacks tensor decoder\.head\.2\.bias"):
        build_autoencoder(own_names(short), Path("MG-LightVAE_v2.pth"))
    with pytest.raises(WeightsError, match=r"lacks tensor encoder\.conv1\.weight"):
        build_autoencoder(own_names({}), Path("Wan2.2_VAE.pth"))


class Harmful:
    """An object that a free unpickling would build."""


def test_files_that_are_missing_cut_short_or_hold_more_than_tensors_are_refused(folder):
    path = folder / DECODER_FILES["wan"]
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no such format"):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"Wan2\.2_VAE\.pth cannot be read as a file of tensors") as caught:
            load_autoencoder(folder)
        assert "\n" not in str(caught.value)
    torch.save({"weight": Harmful()}, path)
    with pytest.raises(WeightsError, match="holds more than tensors"):
        load_autoencoder(folder)
    torch.save({"conv1.weight": 3}, path)
    with pytest.raises(WeightsError, match=r"entry conv1\.weight is a int"):
        load_autoencoder(folder)
    endless: dict[str, object] = {}
    endless["state_dict"] = endless
    torch.save(endless, path)
    with pytest.raises(WeightsError, match="entry state_dict is a dict"):
        load_autoencoder(folder)
    path.unlink()
    with pytest.raises(WeightsError, match=r"Wan2\.2_VAE\.pth is missing"):
        load_autoencoder(folder)
