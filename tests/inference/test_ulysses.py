"""Two ranks that share the tokens predict what one rank does, by the clean path and by the fast one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from inference.released.plan import ClipPlan
from inference.released.predictor import ClipInputs, FastPredictor, PlainPredictor
from inference.ulysses import Shard, UlyssesPredictor, share_attention
from modeling.action_module import Actions
from modeling.denoiser import Denoiser, Memory
from modeling.released.denoiser import read_config

PARITY = Path(__file__).parents[1] / "parity"
RANKS = 2


def load_small() -> Denoiser:
    tensors = {name: value.float() for name, value in load_file(PARITY / "dit_weights.safetensors").items()}
    model = Denoiser(read_config(json.loads((PARITY / "dit_config.json").read_text()), tensors, PARITY))
    model.load_state_dict(tensors)
    return model.eval()


def later_clip() -> tuple[ClipInputs, Tensor, Tensor]:
    """The fixtures' later clip, its noisy latents and its text."""
    given = {name: value.float() for name, value in load_file(PARITY / "dit_inputs.safetensors").items()}
    plan = ClipPlan(number=1)
    inputs = ClipInputs(
        plan=plan,
        past=given["later.x"][:, :, : plan.clean],
        rays=given["later.plucker_emb"],
        actions=Actions(
            keyboard=given["later.keyboard_cond"],
            mouse=given["later.mouse_cond"],
            memory_keyboard=given["later.keyboard_cond_memory"],
            memory_mouse=given["later.mouse_cond_memory"],
        ),
        memory=Memory(latents=given["later.x_memory"], positions=given["later.memory_latent_idx"].long()),
    )
    return inputs, given["later.x"][:, :, plan.clean :], given["ctx"][None]


def predict_both(model: Denoiser, wrap: bool) -> list[Tensor]:
    inputs, noisy, text = later_clip()
    found = []
    for kind in (PlainPredictor, FastPredictor):
        predictor = UlyssesPredictor(kind(model, text), model) if wrap else kind(model, text)
        for clip in (inputs, inputs.unconditional()):
            found.append(predictor.prepare(clip)(noisy, 800.0))
    return found


def run_rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=RANKS)
    try:
        model = load_small()
        share_attention(model)
        with torch.no_grad():
            torch.save(predict_both(model, wrap=True), Path(folder) / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


def test_two_ranks_predict_what_one_does(tmp_path):
    spawn(run_rank, (str(tmp_path),), nprocs=RANKS)
    with torch.no_grad():
        alone = predict_both(load_small(), wrap=False)
    for rank in range(RANKS):
        for together, one in zip(torch.load(tmp_path / f"{rank}.pt"), alone, strict=True):
            torch.testing.assert_close(together, one, atol=2e-5, rtol=0)


def test_every_token_has_one_rank_and_keeps_its_place():
    shards = [Shard(rank=rank, ranks=3, patch=2, height=4, width=6) for rank in range(3)]
    x = torch.arange(2 * 3 * 4 * 6).view(1, 2, 3, 4, 6)
    parts = [shard.take(x) for shard in shards]
    assert torch.cat(parts, 4).flatten().sort().values.equal(x.flatten())
    for shard, part in zip(shards, parts, strict=True):
        for number, (row, column) in enumerate(shard.spots(1, 2).tolist()):
            there = x[..., 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert part[..., 2 * number : 2 * number + 2].equal(there)


def test_what_cannot_be_shared_evenly_is_refused():
    with pytest.raises(ValueError, match="6 tokens a latent cannot be shared by 4 ranks"):
        Shard(rank=0, ranks=4, patch=2, height=4, width=6)
    with pytest.raises(ValueError, match="was given 2x3"):
        replace(Shard(rank=0, ranks=2, patch=2, height=4, width=6)).spots(2, 3)
