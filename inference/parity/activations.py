"""Parity inside the denoiser: activations of a call, by the names that the fixtures give them."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from torch import Tensor

from inference.parity.fixture import Fixture, compare
from inference.parity.result import CaseResult
from modeling.denoiser import Denoiser

# Name in the fixture, with {block} for one of the blocks: the module, and whether what it gives or takes is meant.
PLACES: Final = {
    "patch_embedding": ("patch_embedding", "gives"),
    "text_embedding": ("text_embedding", "gives"),
    "time_embedding": ("time_embedding", "gives"),
    "camera_patch_embedding": ("patch_embedding_wancamctrl", "gives"),
    "camera_hidden": ("c2ws_hidden_states_layer2", "gives"),
    "{block}.in": ("{block}", "takes"),
    "{block}.self_attn_out": ("{block}.self_attn", "gives"),
    "{block}.after_camera_modulation": ("{block}.norm3", "takes"),
    "{block}.cross_attn_out": ("{block}.cross_attn", "gives"),
    "{block}.action_in": ("{block}.action_model", "takes"),
    "{block}.action_mouse_branch": ("{block}.action_model.proj_mouse", "gives"),
    "{block}.action_keyboard_branch": ("{block}.action_model.proj_keyboard", "gives"),
    "{block}.action_out": ("{block}.action_model", "gives"),
    "{block}.ffn_out": ("{block}.ffn", "gives"),
    "{block}.out": ("{block}", "gives"),
    "head.out": ("head.head", "gives"),
}


def compare_activations(
    model: Denoiser, call: Callable[[str], Tensor | None], expected: Fixture, tolerance: float
) -> list[CaseResult]:
    """Every activation of ``expected``, named ``<call>.<place>``; those of unknown calls or places stay unused and fail."""
    results = []
    for name in sorted({match[1] for match in expected.names(r"([^.]+)\..+")}):
        places = {match[1]: _place(match[1], len(model.blocks)) for match in expected.names(rf"{name}\.(.+)")}
        found = _keep(model, {where for where in places.values() if where is not None}, partial(call, name))
        for place, where in places.items():
            if where in found:
                results += _compare(f"dit {name}.{place}", found[where], expected[f"{name}.{place}"], tolerance)
    return results + expected.unused()


def _place(name: str, blocks: int) -> tuple[str, str] | None:
    match = re.match(r"block(\d+)\.|last_block\.", name)
    if match is None:
        return PLACES.get(name)
    block = match[1] or str(blocks - 1)
    found = PLACES.get("{block}." + name[match.end() :])
    return None if found is None else (found[0].replace("{block}", f"blocks.{block}"), found[1])


def _keep(model: Denoiser, places: set[tuple[str, str]], call: Callable[[], Tensor | None]) -> dict[tuple[str, str], Tensor]:
    """Run a call and return what the modules took and gave."""
    kept: dict[tuple[str, str], Tensor] = {}

    def keep(place: tuple[str, str], value: Tensor) -> None:  # a hook that returns something would replace it
        kept.setdefault(place, value)

    handles = []
    for place in places:
        module = model.get_submodule(place[0])
        if place[1] == "takes":
            handles.append(module.register_forward_pre_hook(lambda _, given, place=place: keep(place, given[0])))
        else:
            handles.append(module.register_forward_hook(lambda _, __, output, place=place: keep(place, output)))
    try:
        call()
    finally:
        for handle in handles:
            handle.remove()
    return kept


def _compare(name: str, found: Tensor, expected: Tensor, tolerance: float) -> list[CaseResult]:
    """The reference pads its tokens: rows beyond ours are padding, of which all that can be said is that all are alike."""
    rows = found.shape[1]
    if found.ndim != 3 or expected.ndim != 3 or expected.shape[1] <= rows:
        return [compare(name, found, expected, tolerance)]
    padding = expected[:, rows:]
    alike = compare(f"{name} padding alike", padding, padding[:, :1].expand_as(padding), tolerance)
    return [compare(name, found, expected[:, :rows], tolerance), alike]
