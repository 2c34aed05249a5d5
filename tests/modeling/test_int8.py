"""8-bit layers: nearest is the better rounding, cutting is there for compatibility, and what is converted is chosen."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from modeling.action_module import ActionConfig
from modeling.denoiser import Denoiser, DenoiserConfig
from modeling.int8 import Int8Config, Int8Linear, choose_kernel, converted_layers, quantise_linears, quantise_rows

ROOT = Path(__file__).parents[2]
SMALL = DenoiserConfig(
    width=48,
    ffn_width=64,
    heads=2,
    layers=2,
    latent_channels=4,
    text_tokens=3,
    text_width=8,
    time_width=16,
    ray_channels=6,
    action=ActionConfig(blocks=()),
)


def small_denoiser() -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(SMALL).eval()


def relative_error(layer: Int8Linear, linear: nn.Linear, x: torch.Tensor) -> float:
    with torch.no_grad():
        return float((layer.multiply_integers(x) - linear(x)).norm() / linear(x).norm())


def test_nearest_is_about_twice_as_close_as_cutting():
    torch.manual_seed(0)
    linear, x = nn.Linear(256, 64), torch.randn(40, 256)
    nearest = relative_error(Int8Linear.from_linear(linear), linear, x)
    cut = relative_error(Int8Linear.from_linear(linear, "truncate"), linear, x)
    assert nearest < 0.02 and 1.5 * nearest < cut


EXACT = """
import torch
from modeling.int8 import integer_matmul
torch.manual_seed(0)
for width in (64, 1500):
    x, weight = (torch.randint(-127, 128, (rows, width), dtype=torch.int8) for rows in (33, 40))
    x[0], weight[0] = 127, 127
    assert torch.equal(integer_matmul(x, weight).long(), x.long() @ weight.long().t()), width
"""


@pytest.mark.parametrize("instructions", ["DEFAULT", "AVX512_CORE", "AVX2"])
def test_integer_products_are_exact_whatever_instructions_the_processor_has(instructions):
    subprocess.run([sys.executable, "-c", EXACT], env=os.environ | {"ONEDNN_MAX_CPU_ISA": instructions}, cwd=ROOT, check=True)


def test_cutting_goes_toward_zero_and_never_past_the_largest():
    values, scale = quantise_rows(torch.tensor([[127.0, 0.9, -0.9, -127.0]]), "truncate")
    assert values.tolist() == [[127, 0, 0, -127]] and scale.item() == 1.0


@torch.no_grad()
def test_a_device_without_integer_products_multiplies_floats_and_stays_close():
    torch.manual_seed(0)
    linear, x = nn.Linear(64, 32), torch.randn(5, 64)
    layer = Int8Linear.from_linear(linear)
    assert choose_kernel(torch.device("meta"), 32, 64) == "dequantised"
    floats, integers = layer.multiply_floats(x), layer.multiply_integers(x)
    assert (floats - integers).norm() / floats.norm() < 0.02
    torch.testing.assert_close(layer(x), integers if choose_kernel(torch.device("cpu"), 32, 64) == "integer" else floats)


@torch.no_grad()
@pytest.mark.parametrize(("slow", "chosen"), [("multiply_integers", "dequantised"), ("multiply_floats", "integer")])
def test_a_processor_multiplies_with_the_kernel_that_is_faster_on_it(slow, chosen, monkeypatch):
    kernel = getattr(Int8Linear, slow)

    def slowed(layer: Int8Linear, x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.005)
        return kernel(layer, x)

    monkeypatch.setattr(Int8Linear, slow, slowed)
    layer, x = Int8Linear.from_linear(nn.Linear(64, 32)), torch.randn(5, 64)
    choose_kernel.cache_clear()
    try:
        assert choose_kernel(torch.device("cpu"), 32, 64) == chosen
        torch.testing.assert_close(layer(x), layer.multiply_integers(x) if chosen == "integer" else layer.multiply_floats(x))
    finally:
        choose_kernel.cache_clear()


@pytest.mark.parametrize(
    ("config", "count"),
    [(Int8Config(), 8), (Int8Config(ffn=True), 10), (Int8Config(camera=True), 12), (Int8Config(ffn=True, camera=True), 14)],
)
def test_feed_forward_and_camera_layers_are_converted_where_asked(config, count):
    model = small_denoiser()
    names = converted_layers(model, config)
    quantise_linears(model, config)
    found = [name for name, layer in model.named_modules() if isinstance(layer, Int8Linear)]
    assert len(names) == 2 * count and sorted(found) == sorted(names)


@torch.no_grad()
def test_a_converted_denoiser_stays_close_in_either_mode():
    x, time, text = torch.randn(2, 4, 3, 4, 4), torch.tensor([500.0, 900.0]), torch.randn(2, 3, 8)
    rays = torch.randn(2, 6, 3, 4, 4)
    expected = small_denoiser()(x, time, text, rays=rays)
    for config in (Int8Config(), Int8Config(ffn=True, camera=True), Int8Config(rounding="truncate")):
        model = small_denoiser()
        quantise_linears(model, config)
        found = model(x, time, text, rays=rays)
        assert 0 < (found - expected).norm() / expected.norm() < 0.05
