"""Each sample of a batch goes to the expert of its viewpoint and noise level; the sizes are those that they are named after."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from modeling.action_module import ActionConfig, Actions
from modeling.denoiser import Denoiser, DenoiserConfig, Memory
from modeling.mixture import Mixture, MixtureConfig, Perspective, route
from modeling.sizes import EXPERT_14B, build_size

KEYS = Path(__file__).parent.parent / "parity" / "keys"
ACTION = ActionConfig(blocks=(0,), heads=2, key_width=8, mouse_width=16, keyboard_width=16, rope_widths=(4, 2, 2))
EXPERT = DenoiserConfig(
    width=24,
    ffn_width=32,
    heads=2,
    layers=2,
    latent_channels=4,
    text_tokens=3,
    text_width=8,
    time_width=16,
    ray_channels=6,
    action=ACTION,
)
VIEWS: list[Perspective] = ["first", "third", "first", "third"]


def clip(batch: int) -> dict[str, object]:
    """Arguments of a call with three clip latents and two of memory."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator)

    return {
        "x": draw(4, 3, 4, 4),
        "text": draw(3, 8),
        "rays": draw(6, 5, 4, 4),
        "actions": Actions(keyboard=draw(12, 6), mouse=draw(12, 2), memory_keyboard=draw(2, 6), memory_mouse=draw(2, 2)),
        "memory": Memory(latents=draw(4, 2, 4, 4), positions=torch.tensor([3, 0]), time=torch.zeros(batch, 2)),
        "positions": torch.arange(5, 8),
    }


def build(**changes: object) -> Mixture:
    torch.manual_seed(0)
    return Mixture(replace(MixtureConfig(expert=EXPERT), **changes)).eval()  # type: ignore[arg-type]  # real fields


def one(value: object, row: int) -> object:
    """One sample of an argument."""
    if isinstance(value, Actions):
        return Actions(**{name: part[row : row + 1] for name, part in vars(value).items()})
    if isinstance(value, Memory):
        time = None if value.time is None else value.time[row : row + 1]
        return replace(value, latents=value.latents[row : row + 1], time=time)
    assert isinstance(value, Tensor)
    return value[row : row + 1]


def test_the_boundary_itself_is_high_noise_and_can_be_moved():
    times = torch.tensor([900.0, 899.0, 1000.0, 0.0])
    assert route(times, VIEWS, 0.9) == ["high_first", "low", "high_first", "low"]
    assert route(times, VIEWS, 0.947) == ["low", "low", "high_first", "low"]
    assert route(times, VIEWS, 0.0) == ["high_first", "high_third", "high_first", "high_third"]


def test_the_noisiest_latent_of_a_clip_decides():
    times = torch.tensor([[0.0, 0.0, 908.0], [0.0, 712.0, 712.0], [0.0, 0.0, 0.0], [1000.0, 0.0, 999.0]])
    assert route(times, VIEWS, 0.9) == ["high_first", "low", "low", "high_third"]


@torch.no_grad()
def test_a_mixed_batch_equals_its_samples_one_by_one_by_their_own_experts():
    model, arguments = build(), clip(4)
    time = torch.tensor([[0.0, 950.0, 950.0], [0.0, 900.0, 900.0], [0.0, 899.0, 899.0], [0.0, 100.0, 100.0]])
    found = model(arguments.pop("x"), time, arguments.pop("text"), VIEWS, **arguments)
    arguments = clip(4)
    for row, expert in enumerate(("high_first", "high_third", "low", "low")):
        single = {name: value if name == "positions" else one(value, row) for name, value in arguments.items()}
        expected = model.experts[expert](time=time[row : row + 1], **single)
        torch.testing.assert_close(found[row : row + 1], expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found[0], found[1])


@torch.no_grad()
def test_only_the_experts_that_are_needed_run():
    model, calls = build(), []
    for name, expert in model.experts.items():
        expert.register_forward_hook(lambda _, __, ___, name=name: calls.append(name))
    arguments = clip(2)
    model(arguments["x"], torch.tensor([50.0, 999.0]), arguments["text"], ["third", "third"])
    assert sorted(calls) == ["high_third", "low"]


def test_a_pair_is_stored_alone_and_names_the_expert_that_it_lacks():
    pair, arguments = build(perspectives=("first",)), clip(1)
    assert sorted(pair.experts) == ["high_first", "low"] and sorted(build().experts) == ["high_first", "high_third", "low"]
    with pytest.raises(ValueError, match="no expert high_third"):
        pair(arguments["x"], torch.tensor([999.0]), arguments["text"], ["third"])


def test_wrong_boundaries_and_viewpoints_are_named():
    with pytest.raises(ValueError, match="boundary is 900"):
        build(boundary=900)
    with pytest.raises(ValueError, match="1 samples but 2 viewpoints"):
        route(torch.tensor([1.0]), ["first", "third"], 0.9)


def count(model: torch.nn.Module, without: str = r"\A\Z") -> float:
    """Parameters in billions, those whose name holds ``without`` left out."""
    return sum(value.numel() for name, value in model.named_parameters() if not re.search(without, name)) / 1e9


def test_sizes_build_on_the_meta_device_with_the_listed_names():
    listed = json.loads((KEYS / "dit_5b.json").read_text())["parameters"]
    with torch.device("meta"):
        tiny, released, mixture = build_size("tiny"), build_size("5b"), build_size("28b")
    assert count(tiny) < 0.010
    assert {name: list(value.shape) for name, value in released.state_dict().items()} == {
        name: entry["shape"] for name, entry in listed.items()
    }
    assert isinstance(mixture, Mixture) and len(mixture.experts) == 3

    def kinds(names: Iterable[str]) -> set[str]:
        return {re.sub(r"blocks\.\d+\.", "blocks.", name) for name in names}

    for expert in mixture.experts.values():
        assert isinstance(expert, Denoiser) and expert.config == EXPERT_14B
        assert kinds(expert.state_dict()) == kinds(listed)
        assert 14.0 < count(expert, r"\.cam_|c2ws|wancamctrl|action_model") < 14.6
        assert round(count(expert), 1) == 19.1
