"""Recording: the same job gives the same pixels, and rows that hold the vocabulary's rules."""

import pickle
from typing import Any

import numpy as np
import pytest

from engine.job import Job
from engine.record import record_job
from infra.dynamics import DynamicsConfig, integrate
from infra.schema import frames_from_table, frames_to_table
from tests.engine.jobs import MakeJob


def test_a_job_records_the_same_twice_even_after_another(egl: str, make_job: MakeJob) -> None:
    first = record_job(make_job())
    record_job(make_job(family="rooms", walk="spin", frames=4))
    again = record_job(pickle.loads(pickle.dumps(make_job())))
    assert first.frames.rgb_sha256 == again.frames.rgb_sha256
    assert first.depth is not None and again.depth is not None and np.array_equal(first.depth, again.depth)
    assert first.episode == again.episode
    other = record_job(make_job(seed=1))
    assert other.frames.rgb_sha256 != first.frames.rgb_sha256 and other.episode.episode_id != first.episode.episode_id


def test_rows_hold_state_and_the_action_that_leads_on(egl: str, make_job: MakeJob) -> None:
    recording = record_job(make_job(frames=40))
    frames = recording.frames
    assert len(frames) == len(recording.rgb) == recording.episode.frames == 40
    assert np.array_equal(frames.tick, np.arange(40)) and frames.time[16] == 10**9
    assert not frames.collided.any()
    expected = integrate(frames.c2w[0], frames.keyboard[:-1], frames.mouse[:-1], DynamicsConfig())
    assert np.allclose(frames.c2w[1:], expected, atol=1e-9)
    assert np.allclose(frames.c2w, frames_from_table(frames_to_table(frames)).c2w)


def test_the_episode_says_where_it_comes_from(egl: str, make_job: MakeJob) -> None:
    episode = record_job(make_job(frames=4)).episode
    assert (episode.source, episode.depth_kind, episode.renderer, episode.sync) == ("embedded", "exact", "egl", "exact")
    assert episode.licence and episode.redistributable and episode.commercial_ok and episode.scale_known


def test_the_software_renderer_marks_its_episodes(make_job: MakeJob) -> None:
    recording = record_job(make_job(frames=4, renderer="software"))
    assert recording.depth is None
    assert (recording.episode.depth_kind, recording.episode.renderer) == ("none", "software")


def test_evaluation_walks_have_their_own_lengths(egl: str, make_job: MakeJob) -> None:
    recording = record_job(make_job(split="test", walk="key_D", seed=0))
    assert len(recording.frames) == 49 and not recording.frames.collided.any()
    assert (recording.frames.keyboard[:48, 3] == 1).all()


def test_an_episode_over_sixty_seconds_is_refused(make_job: MakeJob) -> None:
    with pytest.raises(ValueError, match="lower frames_per_episode"):
        record_job(make_job(frames=961))


def test_an_episode_id_names_every_part_of_the_job(make_job: MakeJob) -> None:
    changes: list[dict[str, Any]] = [{}, {"seed": 9}, {"walk": "spin"}, {"frames": 5}, {"renderer": "software"}]
    changes += [{"scene_seed": 8}, {"width": 112}]
    ids = {make_job(**change).episode_id for change in changes}
    assert len(ids) == len(changes)
    assert isinstance(make_job(), Job) and make_job().episode_id == make_job().episode_id
