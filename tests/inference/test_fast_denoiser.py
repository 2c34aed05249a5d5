"""The fast path gives the clean denoiser's numbers, whatever the clip; the approximate mode is close and separate."""

from dataclasses import replace

import pytest
import torch

from inference.bench.cases import run_plainly
from inference.fast.denoiser import FastDenoiser, SegmentInputs, first_equal
from inference.fast.frozen import Frozen
from inference.fast.prompt import prepare_prompt
from modeling.int8 import quantise_linears
from tests.inference.denoiser_cases import ACTION, CELLS, random_denoiser, random_segment

EXACT = 1e-5  # absolute and relative, float32


def noisy_latents(inputs: SegmentInputs, batch: int = 1, seed: int = 5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 48, inputs.noisy, *CELLS, generator=generator)


def assert_same_over_steps(model, inputs, text, batch=1):
    fast = FastDenoiser(model)
    cache = fast.prepare(inputs, prepare_prompt(model, text))
    for seed, level in enumerate((999.0, 713.0)):
        noisy, time = noisy_latents(inputs, batch, seed), torch.linspace(level - 50, level, batch)
        expected = run_plainly(model, inputs, text, noisy, time)
        torch.testing.assert_close(fast.step(noisy, time, cache), expected, atol=EXACT, rtol=EXACT)


@pytest.fixture(scope="module")
def model():
    return random_denoiser()


@torch.no_grad()
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("memory", [0, 2])
@pytest.mark.parametrize("past", [0, 2])
def test_a_segment_equals_the_clean_model(model, batch, memory, past):
    assert_same_over_steps(model, *random_segment(batch, memory=memory, past=past), batch)


@torch.no_grad()
def test_it_does_so_without_rays_or_actions(model):
    inputs, text = random_segment(rays=False)
    assert_same_over_steps(model, inputs, text)
    assert_same_over_steps(model, replace(inputs, actions=None), text)


@torch.no_grad()
def test_it_does_so_with_actions_in_the_last_block_and_extra_channels():
    everywhere = random_denoiser(action=replace(ACTION, blocks=(0, 2)), extra_channels=5)
    for past, memory in ((2, 2), (2, 0), (0, 0)):
        inputs, text = random_segment(past=past, memory=memory, extra=5)
        assert_same_over_steps(everywhere, inputs, text)


@torch.no_grad()
def test_a_full_text_and_an_empty_one_are_the_same_too(model):
    inputs, text = random_segment()
    assert_same_over_steps(model, inputs, torch.randn(1, 24, 20))
    assert_same_over_steps(model, inputs, torch.zeros_like(text))


@torch.no_grad()
def test_latents_with_the_same_rays_share_their_camera_rows(model):
    inputs, text = random_segment(2)
    assert inputs.rays is not None
    same = inputs.rays.clone()
    same[:, :, 3:] = same[:1, :, 3:4]
    assert_same_over_steps(model, replace(inputs, rays=same), text, 2)
    assert first_equal(same.transpose(1, 2).flatten(0, 1)) == [0, 1, 2, 3, 3, 3, 3, 7, 8, 9, 3, 3, 3, 3]


@torch.no_grad()
def test_8_bit_layers_and_half_precision_stay_close():
    inputs, text = random_segment()
    noisy, time = noisy_latents(inputs), torch.tensor([900.0])
    model = random_denoiser()
    truth = run_plainly(model, inputs, text, noisy, time)
    with torch.autocast("cpu", torch.bfloat16):
        plain = run_plainly(model, inputs, text, noisy, time).float()
        fast = FastDenoiser(model)
        found = fast.step(noisy, time, fast.prepare(inputs, prepare_prompt(model, text))).float()
    assert (found - truth).norm() < 1.1 * (plain - truth).norm() < 0.05 * truth.norm()
    quantise_linears(model)
    plain = run_plainly(model, inputs, text, noisy, time)
    found = fast.step(noisy, time, fast.prepare(inputs, prepare_prompt(model, text)))
    assert (found - plain).norm() < 0.02 * plain.norm()


@torch.no_grad()
def test_inputs_are_left_as_they_were(model):
    inputs, text = random_segment()
    fast = FastDenoiser(model)
    cache = fast.prepare(inputs, prepare_prompt(model, text))
    noisy, time = noisy_latents(inputs), torch.tensor([900.0])
    before = noisy.clone()
    first = fast.step(noisy, time, cache)
    assert torch.equal(noisy, before)
    assert torch.equal(fast.step(noisy, time, cache), first)


@torch.no_grad()
def test_frozen_clean_tokens_are_exact_in_the_first_step_and_near_later(model):
    inputs, text = random_segment()
    fast = FastDenoiser(model)
    cache, frozen = fast.prepare(inputs, prepare_prompt(model, text)), Frozen()
    first, second = noisy_latents(inputs, seed=1), noisy_latents(inputs, seed=2)
    early, late = torch.tensor([999.0]), torch.tensor([713.0])
    torch.testing.assert_close(fast.step(first, early, cache, frozen), fast.step(first, early, cache), atol=EXACT, rtol=EXACT)
    exact, near = fast.step(second, late, cache), fast.step(second, late, cache, frozen)
    assert not torch.equal(near, exact)
    assert (near - exact).norm() < 0.5 * exact.norm()
    repeated = fast.step(first, early, cache, frozen)  # with the first step's own input nothing was approximated
    torch.testing.assert_close(repeated, fast.step(first, early, cache), atol=EXACT, rtol=EXACT)


def test_what_it_cannot_take_is_refused_by_name(model):
    inputs, text = random_segment()
    prompt = prepare_prompt(model, text)
    assert inputs.memory is not None
    noisy_memory = replace(inputs.memory, time=torch.full((1, 2), 5.0))
    with pytest.raises(ValueError, match="clean memory"):
        FastDenoiser(model).prepare(replace(inputs, memory=noisy_memory), prompt)
    with pytest.raises(ValueError, match="multiples of 2"):
        FastDenoiser(model).prepare(replace(inputs, height=3), prompt)
    with pytest.raises(ValueError, match="shorten the prompt"):
        prepare_prompt(model, torch.zeros(1, 25, 20))
