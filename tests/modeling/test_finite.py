"""NaN and infinity stop by name, wherever they stand and in whatever type."""

import numpy as np
import pytest
import torch

from infra.local_store import LocalStore
from infra.schema import idle_actions
from infra.tables import read_rows
from modeling.checkpoint import save_checkpoint
from modeling.finite import READABLE, NotFiniteError, check_weights, is_finite, require_finite
from modeling.loop import TrainingLog
from modeling.rollout import rollout_segment, start_rollout
from modeling.world_model import random_world_model
from tests.modeling.small_world import HEIGHT, SMALL_AUTOENCODER, SMALL_WORLD, WIDTH


@pytest.mark.parametrize("dtype", READABLE)
def test_one_nan_in_many_values_is_found(dtype):
    values = torch.ones(3, 2**21 + 7).to(dtype)
    assert is_finite(values) and is_finite(values[:0])
    values[2, -1] = float("nan")
    assert not is_finite(values) and not is_finite(values.T)


def test_infinity_of_either_sign_is_found_and_whole_numbers_are_finite():
    for end in (float("inf"), float("-inf")):
        assert not is_finite(torch.tensor([0.0, end, 3e38]))
    assert is_finite(torch.tensor([3e38, -3e38])) and is_finite(torch.tensor([1, 2], dtype=torch.int8))


def test_the_tensor_and_what_was_made_are_named():
    with pytest.raises(NotFiniteError, match=r"^file\.pth: tensor b holds NaN or infinity; [^\n]+$"):
        check_weights({"a": torch.zeros(2), "b": torch.tensor([float("nan")])}, "file.pth")
    assert require_finite(torch.zeros(2), "frames").shape == (2,)
    with pytest.raises(NotFiniteError, match=r"^the frames of segment 3 came out as NaN"):
        require_finite(torch.tensor(float("inf")), "the frames of segment 3")


@pytest.mark.parametrize("part", ["denoiser", "autoencoder"])
def test_a_walk_through_a_damaged_model_stops_at_its_segment(part):
    model = random_world_model(SMALL_WORLD, SMALL_AUTOENCODER, width=WIDTH, height=HEIGHT, seed=0)
    state = start_rollout(model, np.full((HEIGHT, WIDTH, 3), 90, np.uint8), "A wall.", seed=1)
    last = list(getattr(model, part).parameters())[-1]
    with torch.no_grad():
        last.fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="of segment 0 came out as NaN"):
        rollout_segment(model, state, *idle_actions(model.segments.new_frames))


def test_training_leaves_no_checkpoint_that_nobody_can_play(tmp_path):
    store, layer = LocalStore(tmp_path), torch.nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 0] = 1e6  # too large for the float16 of a checkpoint
    log = TrainingLog(steps=1, seconds=1.0, stopped_early=False, curve=())
    with pytest.raises(NotFiniteError, match="the trained base: tensor weight holds NaN or infinity"):
        save_checkpoint(store, layer, kind="base", config="{}", parents=(), origin="random", log=log, metrics={})
    assert read_rows(store, "checkpoints").num_rows == 0
