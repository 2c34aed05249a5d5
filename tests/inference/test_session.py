"""A walk is decided by its image, prompt, seed and actions alone."""

import numpy as np
import pytest
import torch

from inference.accelerate import AccelerateConfig
from inference.session import WorldSession, warm_up
from infra.schema import idle_actions
from modeling.rollout import RolloutOptions
from modeling.world_model import random_world_model
from tests.modeling.small_world import HEIGHT, SMALL_AUTOENCODER, SMALL_WORLD, WIDTH

FRAMES = SMALL_WORLD.segments.new_frames
IMAGE = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return random_world_model(SMALL_WORLD, SMALL_AUTOENCODER, width=WIDTH, height=HEIGHT, seed=0)


def walk(session: WorldSession, seed: int, turn: float = 0.0, segments: int = 2) -> np.ndarray:
    session.reset(IMAGE, "A park.", seed)
    keyboard, mouse = idle_actions(FRAMES)
    mouse[:, 1] = turn
    return np.concatenate([session.step((keyboard, mouse)).frames for _ in range(segments)])


def test_the_same_seed_gives_identical_frames_twice_in_one_session_and_in_another(model):
    session = WorldSession(model)
    first = walk(session, seed=3)
    assert first.shape == (2 * FRAMES, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(walk(session, seed=3), first)
    np.testing.assert_array_equal(walk(WorldSession(model), seed=3), first)


def test_two_sessions_over_one_model_do_not_disturb_each_other(model):
    one, two = WorldSession(model), WorldSession(model)
    alone = walk(one, seed=1)
    one.reset(IMAGE, "A park.", 1)
    two.reset(IMAGE[:, ::-1], "A town.", 2)
    mixed = []
    for _ in range(2):
        mixed.append(one.step(idle_actions(FRAMES)).frames)
        two.step(idle_actions(FRAMES))
    np.testing.assert_array_equal(np.concatenate(mixed), alone)


def test_actions_move_the_camera(model):
    session = WorldSession(model)
    assert (walk(session, seed=1, turn=0.1) != walk(session, seed=1)).any()


def test_a_state_that_was_kept_can_be_played_on_from(model):
    session = WorldSession(model)
    session.reset(IMAGE, "", 5)
    session.step(idle_actions(FRAMES))
    kept = session.state
    first = session.step(idle_actions(FRAMES)).frames
    session.restore(kept)
    np.testing.assert_array_equal(session.step(idle_actions(FRAMES)).frames, first)


def test_a_session_that_has_not_begun_says_so(model):
    with pytest.raises(ValueError, match="call reset"):
        WorldSession(model).step(idle_actions(FRAMES))


def test_an_image_of_another_size_and_a_wrong_number_of_actions_are_refused(model):
    session = WorldSession(model)
    with pytest.raises(ValueError, match=f"needs uint8 RGB of {WIDTH}x{HEIGHT}"):
        session.reset(IMAGE[:-1], "", 0)
    session.reset(IMAGE, "", 0)
    with pytest.raises(ValueError, match="give finite"):
        session.step(idle_actions(FRAMES + 1))


def test_warming_up_leaves_no_trace_in_later_walks(model):
    before = walk(WorldSession(model), seed=9)
    warm_up(model, AccelerateConfig(threads=1, trials=2))
    np.testing.assert_array_equal(walk(WorldSession(model), seed=9), before)


@pytest.mark.parametrize("geometry", [True, False])
def test_a_segment_is_encoded_denoised_and_decoded_once(model, geometry, monkeypatch):
    calls = []

    def counted(name, work):
        def call(*arguments, **more):
            calls.append(name)
            return work(*arguments, **more)

        return call

    session = WorldSession(model, RolloutOptions(geometry=geometry))
    session.reset(IMAGE, "", 0)
    for part, name in ((model.autoencoder, "encode_raw"), (model.denoiser, "forward"), (model.autoencoder, "decode_raw")):
        monkeypatch.setattr(part, name, counted(name, getattr(part, name)))
    session.step(idle_actions(FRAMES))
    assert calls == ["encode_raw"] * geometry + ["forward"] * model.steps + ["decode_raw"]
