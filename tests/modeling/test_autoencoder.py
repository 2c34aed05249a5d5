"""The autoencoder gives the reference's numbers, streams without seams, and its CPU path equals the 3-D convolution."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from modeling.autoencoder import TINY_AUTOENCODER, Autoencoder, AutoencoderConfig
from modeling.autoencoder_layers import CausalConv3d, Stream

PARITY = Path(__file__).parent.parent / "parity"


@pytest.fixture(scope="module")
def cases() -> dict[str, Tensor]:
    return load_file(PARITY / "vae_cases.safetensors")


@pytest.fixture(scope="module")
def reference(cases) -> Autoencoder:
    model = Autoencoder(AutoencoderConfig(encoder_width=8, decoder_width=8))
    weights = {name: value.float() for name, value in load_file(PARITY / "vae_weights.safetensors").items()}
    weights |= {"latent_mean": cases["latent_mean"], "latent_std": 1 / cases["latent_inv_std"]}
    model.load_state_dict(weights, strict=True)
    return model.eval()


@torch.no_grad()
def test_encoding_matches_the_reference(reference, cases):
    for name, source in (("encode.image", "image"), ("encode.video17", "video17")):
        found = reference.encode(cases[source].float()[None])[0]
        torch.testing.assert_close(found, cases[name], atol=5e-5, rtol=0)


@torch.no_grad()
def test_decoding_matches_the_reference_at_once_and_in_pieces(reference, cases):
    z = cases["z"].float()
    for count in (1, 5):
        found = reference.decode(z[:, :, :count])[0]
        torch.testing.assert_close(found, cases[f"decode.z_first{count}"], atol=5e-5, rtol=0)
    stream = Stream()
    for chunk, latents in enumerate((z[:, :, :5], z[:, :, 5:9])):
        found = reference.decode(latents, stream)
        torch.testing.assert_close(found, cases[f"stream.5_4.seg4.chunk{chunk}"], atol=5e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("taps,stride", [(1, 1), (3, 1), (3, 2)])
def test_the_cpu_convolution_equals_the_three_dimensional_one(taps, stride):
    torch.manual_seed(0)
    layer = CausalConv3d(6, 8, (taps, 3, 3), stride=(stride, 1, 1))
    x = torch.randn(2, 6, 7, 10, 12)
    expected = F.conv3d(x, layer.weight, layer.bias, (stride, 1, 1), (0, 1, 1))
    torch.testing.assert_close(layer.valid(x), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_tiny_form_streams_without_seams():
    torch.manual_seed(0)
    model = Autoencoder(TINY_AUTOENCODER).eval()
    latents = torch.randn(1, TINY_AUTOENCODER.latent_channels, 4, 4, 6)
    whole, stream = model.decode(latents), Stream()
    pieces = torch.cat([model.decode(latents[:, :, :1], stream), model.decode(latents[:, :, 1:], stream)], 2)
    assert whole.shape == (1, 4, 13, 32, 48)
    torch.testing.assert_close(pieces, whole, atol=1e-5, rtol=0)


def test_a_wrong_size_is_refused_by_name():
    with pytest.raises(ValueError, match="30x32"):
        Autoencoder(TINY_AUTOENCODER).encode(torch.zeros(1, 3, 5, 32, 30))


@torch.no_grad()
def test_a_stateless_autoencoder_takes_pieces_of_a_video_without_history():
    torch.manual_seed(0)
    model = Autoencoder(TINY_AUTOENCODER).eval()
    video = torch.rand(1, 3, 13, 16, 16) * 2 - 1
    latents = model.encode(video)
    torch.testing.assert_close(model.encode(video[:, :, 5:], goes_on=True), latents[:, :, 2:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        model.decode(latents[:, :, 2:], goes_on=True), model.decode(latents)[:, :, 5:], atol=1e-5, rtol=1e-4
    )


def test_an_autoencoder_with_history_refuses_pieces_without_it(reference):
    with pytest.raises(ValueError, match="carries history"):
        reference.encode(torch.zeros(1, 3, 4, 16, 16), goes_on=True)
    with pytest.raises(ValueError, match="pass a stream"):
        reference.decode(torch.zeros(1, 48, 1, 1, 1), goes_on=True)
