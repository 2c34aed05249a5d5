"""The model's process: frames come back whole, a crash is one line and mends itself."""

import os
import signal

import numpy as np
import pytest

from inference.frame_ring import FrameRing, RingShape, TornFramesError
from inference.generator import CommandFailedError, Generator, GeneratorConfig, ModelStoppedError
from infra.schema import idle_actions
from tests.inference.panning_world import (
    FRAMES,
    PanningSession,
    load_nothing,
    load_panning,
    panning_shape,
    start_image,
)


def test_frames_cross_processes_unchanged(panning_generator):
    keyboard, mouse = idle_actions(FRAMES)
    mouse[:, 1] = 0.1
    alone = PanningSession()
    alone.reset(start_image(1), "", 4)
    panning_generator.begin(0, start_image(1), "", 4).result(20)
    for _ in range(3):
        made = panning_generator.step(0, keyboard, mouse).result(20)
        expected = alone.step((keyboard, mouse))
        np.testing.assert_array_equal(made.frames, expected.frames)
        np.testing.assert_array_equal(made.c2w, expected.c2w)
        assert made.memory_frames == (0,)


def test_seats_do_not_mix(panning_generator):
    still = idle_actions(FRAMES)
    begun = [panning_generator.begin(seat, start_image(seat), "", 0) for seat in (0, 1)]
    steps = [panning_generator.step(seat, *still) for seat in (0, 1)]
    for future in begun:
        future.result(20)
    for seat, future in enumerate(steps):
        np.testing.assert_array_equal(future.result(20).frames[-1], start_image(seat))


def test_a_new_walk_may_begin_while_a_segment_of_the_old_one_is_under_way(panning_generator):
    still = idle_actions(FRAMES)
    panning_generator.begin(0, start_image(0), "slow", 0).result(20)
    old = panning_generator.step(0, *still)
    panning_generator.begin(0, start_image(1), "", 0).result(20)
    np.testing.assert_array_equal(panning_generator.step(0, *still).result(20).frames[-1], start_image(1))
    np.testing.assert_array_equal(old.result(20).frames[-1], start_image(0))


def test_a_refused_command_is_one_line_and_leaves_the_process_alive(panning_generator):
    pid = panning_generator.pid
    with pytest.raises(CommandFailedError, match="this prompt is refused") as caught:
        panning_generator.begin(0, start_image(0), "refuse", 0).result(20)
    assert "\n" not in str(caught.value)
    assert panning_generator.pid == pid and panning_generator.status == "ready"


def test_a_killed_process_fails_what_was_pending_and_comes_back():
    with Generator(load_panning, panning_shape(), GeneratorConfig()) as generator:
        generator.wait_ready(60)
        generator.begin(0, start_image(0), "hang", 0).result(20)
        pending = generator.step(0, *idle_actions(FRAMES))
        os.kill(generator.pid, signal.SIGKILL)
        with pytest.raises(ModelStoppedError, match="killed by signal 9"):
            pending.result(20)
        generator.wait_ready(60)
        generator.begin(0, start_image(0), "", 0).result(20)
        assert generator.step(0, *idle_actions(FRAMES)).result(20).frames.shape[0] == FRAMES
        assert generator.restarts == 1
        pid = generator.pid
    assert not os.path.exists(f"/proc/{pid}")  # closing leaves nothing behind


def test_a_hanging_process_is_killed_and_its_heart_beat_named():
    with Generator(load_panning, panning_shape(), GeneratorConfig(stall_seconds=1.0)) as generator:
        generator.wait_ready(60)
        generator.begin(0, start_image(0), "hang", 0).result(20)
        with pytest.raises(ModelStoppedError, match="no sign of life"):
            generator.step(0, *idle_actions(FRAMES)).result(20)


def test_a_model_that_cannot_be_loaded_is_not_tried_again():
    with Generator(load_nothing, panning_shape(), GeneratorConfig()) as generator:
        with pytest.raises(ModelStoppedError, match="cannot be loaded: FileNotFoundError: weights are gone"):
            generator.wait_ready(60)
        assert generator.restarts == 0
        with pytest.raises(ModelStoppedError, match="weights are gone"):
            generator.step(0, *idle_actions(FRAMES)).result(20)


def test_a_ring_knows_what_it_holds():
    ring = FrameRing.create(RingShape(seats=1, frames=3, height=4, width=5))
    try:
        frames = np.random.default_rng(0).integers(0, 255, (2, 4, 5, 3), dtype=np.uint8)
        ring.write(1, 7, frames)
        np.testing.assert_array_equal(ring.read(1, 7), frames)
        with pytest.raises(TornFramesError, match="slot 1 holds sequence 7, expected 8"):
            ring.read(1, 8)
        with pytest.raises(ValueError, match="a slot takes up to 3"):
            ring.write(0, 1, frames[:, :3])
        with pytest.raises(ValueError, match="slot 2 is not one of 2"):
            ring.write(2, 1, frames)
    finally:
        ring.unlink()
