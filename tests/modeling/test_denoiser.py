"""The denoiser gives the reference implementation's numbers from its weights, whatever the batch."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from modeling.action_module import ActionConfig, Actions
from modeling.denoiser import Denoiser, DenoiserConfig, Memory

PARITY = Path(__file__).parent.parent / "parity"
TOLERANCE = 5e-5  # float32; the fixtures' own noise floor is about 3e-6


@pytest.fixture(scope="module")
def inputs() -> dict[str, Tensor]:
    tensors = load_file(PARITY / "dit_inputs.safetensors")
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


@pytest.fixture(scope="module")
def outputs() -> dict[str, Tensor]:
    return load_file(PARITY / "dit_outputs.safetensors")


@pytest.fixture(scope="module", params=["s0", "sp"])
def case(request: pytest.FixtureRequest) -> tuple[str, Denoiser]:
    action = ActionConfig(blocks=(0, 1), heads=4, key_width=32, mouse_width=64, keyboard_width=64, rope_widths=(8, 4, 4))
    sizes = {"width": 128, "ffn_width": 256, "heads": 4, "layers": 4, "text_tokens": 16, "text_width": 64, "time_width": 64}
    config = DenoiserConfig(**sizes, sigma_theta=0.0 if request.param == "s0" else 0.8, action=action)
    model = Denoiser(config)
    weights = load_file(PARITY / "dit_weights.safetensors")
    model.load_state_dict({name: value.float() for name, value in weights.items()}, strict=True)
    return request.param, model.eval()


def actions_of(inputs: dict[str, Tensor], name: str, memory: bool = False) -> Actions:
    return Actions(
        keyboard=inputs[f"{name}.keyboard_cond"],
        mouse=inputs[f"{name}.mouse_cond"],
        memory_keyboard=inputs[f"{name}.keyboard_cond_memory"] if memory else None,
        memory_mouse=inputs[f"{name}.mouse_cond_memory"] if memory else None,
    )


def later_call(model: Denoiser, inputs: dict[str, Tensor], copies: int = 1, default_positions: bool = False) -> Tensor:
    def repeated(value: Tensor) -> Tensor:
        return value.expand(copies, *value.shape[1:])

    memory = Memory(
        latents=repeated(inputs["later.x_memory"]),
        positions=torch.arange(5) if default_positions else inputs["later.memory_latent_idx"],
        time=repeated(inputs["later.timestep_memory"]),
    )
    actions = actions_of(inputs, "later", memory=True)
    assert actions.memory_keyboard is not None and actions.memory_mouse is not None
    return model(
        repeated(inputs["later.x"]),
        repeated(inputs["later.t"]),
        repeated(inputs["ctx"][None]),
        rays=repeated(inputs["later.plucker_emb"]),
        actions=Actions(
            keyboard=repeated(actions.keyboard),
            mouse=repeated(actions.mouse),
            memory_keyboard=repeated(actions.memory_keyboard),
            memory_mouse=repeated(actions.memory_mouse),
        ),
        memory=memory,
        positions=None if default_positions else torch.arange(21, 35),
    )


@torch.no_grad()
def test_the_first_clip_matches_the_reference(case, inputs, outputs):
    name, model = case
    for text, expected in (("ctx", "first"), ("ctx_short", "first_short_context")):
        found = model(
            inputs["first.x"],
            inputs["first.t"],
            inputs[text][None],
            rays=inputs["first.plucker_emb"],
            actions=actions_of(inputs, "first"),
            positions=torch.arange(15),
        )
        torch.testing.assert_close(found, outputs[f"{expected}.{name}"], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_a_later_clip_with_memory_matches_the_reference(case, inputs, outputs):
    name, model = case
    torch.testing.assert_close(later_call(model, inputs), outputs[f"later.{name}"], atol=TOLERANCE, rtol=0)
    found = later_call(model, inputs, default_positions=True)
    torch.testing.assert_close(found, outputs[f"later_default_idx.{name}"], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_the_unconditional_call_matches_the_reference(case, inputs, outputs):
    name, model = case
    keyboard, mouse = inputs["later.keyboard_cond"], inputs["later.mouse_cond"]
    found = model(
        inputs["later.x"],
        inputs["later.t"],
        inputs["ctx_null"][None],
        rays=inputs["later.plucker_emb"][:, :, 5:],
        actions=Actions(keyboard=-torch.ones_like(keyboard), mouse=torch.ones_like(mouse)),
        positions=torch.arange(21, 35),
    )
    torch.testing.assert_close(found, outputs[f"null.{name}"], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_short_clips_match_the_reference_with_times_by_token_or_by_sample(case, inputs, outputs):
    name, model = case
    text = inputs["ctx"][None]
    for clip, time, expected in (
        ("small", "small.t", "small"),
        ("small", "small.t_1d", "small_t1d"),
        ("tiny", "tiny.t", "tiny"),
    ):
        found = model(inputs[f"{clip}.x"], inputs[time], text, actions=actions_of(inputs, clip))
        torch.testing.assert_close(found, outputs[f"{expected}.{name}"], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_a_batch_of_two_equals_two_single_ones(case, inputs):
    _, model = case
    single, double = later_call(model, inputs), later_call(model, inputs, copies=2)
    torch.testing.assert_close(double, single.expand_as(double), atol=1e-5, rtol=0)


def test_too_long_a_text_is_refused_by_name(case, inputs):
    _, model = case
    with pytest.raises(ValueError, match="text of 17 tokens"):
        model(inputs["tiny.x"], inputs["tiny.t"], torch.zeros(1, 17, 64))
