"""Each filter is set off by the clip that it is for, and by no other; good clips pass all of them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from curation.filters import FilterConfig, Format, choose_format, clip_reasons, episode_reasons
from curation.score import ClipScores, ScoreConfig, score_clip
from infra.depth import DepthReader
from infra.episodes import Recording, read_episode, write_episode
from infra.schema import Clip, Episode
from infra.store import open_store
from infra.video import VideoReader
from tests.recordings import HEIGHT, WIDTH, make_recording, with_pictures

FILTERS = FilterConfig()


def scores_of(folder: Path, recording: Recording) -> ClipScores:
    """What the recording scores once it was stored and read back."""
    store = open_store(folder)
    episode = write_episode(store, recording)
    frames, video, depth = read_episode(store, episode)
    assert isinstance(video, VideoReader) and (depth is None or isinstance(depth, DepthReader))
    clip = Clip(episode_id=episode.episode_id, start=0, stop=len(frames))
    return score_clip(clip, "test", frames, video, depth, ScoreConfig())


def blur(pictures: np.ndarray) -> np.ndarray:
    """Gaussian blur of 6 pixels, contrast kept."""
    waves = np.fft.fft2(pictures, axes=(1, 2))
    down, across = np.fft.fftfreq(HEIGHT)[:, None, None], np.fft.fftfreq(WIDTH)[None, :, None]
    smooth = np.fft.ifft2(waves * np.exp(-2 * (np.pi * 6) ** 2 * (down**2 + across**2)), axes=(1, 2)).real
    contrast = smooth - smooth.mean()
    return np.clip(120 + 50 * contrast / contrast.std(), 0, 255).astype(np.uint8)


def teleported(recording: Recording) -> Recording:
    c2w = recording.frames.c2w.copy()
    c2w[35:, 0, 3] += 4.0
    return dataclasses.replace(recording, frames=dataclasses.replace(recording.frames, c2w=c2w))


def test_a_good_clip_passes_every_filter(tmp_path: Path) -> None:
    assert clip_reasons(scores_of(tmp_path, make_recording()), FILTERS) == ()


def test_an_idle_clip_is_no_frozen_picture(tmp_path: Path) -> None:
    assert clip_reasons(scores_of(tmp_path, make_recording(actions="none")), FILTERS) == ()


@pytest.mark.parametrize(
    ("reason", "recording"),
    [
        ("dark", with_pictures(make_recording(), lambda rgb: rgb // 20)),
        ("burnt_out", with_pictures(make_recording(), lambda rgb: np.maximum(rgb, 250))),
        ("frozen_picture", with_pictures(make_recording(), lambda rgb: np.repeat(rgb[:1], len(rgb), 0))),
        ("blurred", with_pictures(make_recording(), blur)),
        ("no_texture", with_pictures(make_recording(), lambda rgb: (rgb // 32 + 120).astype(np.uint8))),
        ("wall_close_up", make_recording(depth_metres=0.4)),
        ("pose_jump", teleported(make_recording())),
        (
            "too_fast",
            with_pictures(make_recording(), lambda rgb: np.stack([np.roll(p, -8 * k, 1) for k, p in enumerate(blur(rgb))])),
        ),
    ],
)
def test_each_fault_is_named(tmp_path: Path, reason: str, recording: Recording) -> None:
    assert reason in clip_reasons(scores_of(tmp_path, recording), FILTERS)


@pytest.mark.parametrize("reason", ["wall_close_up", "pose_jump"])
def test_a_fault_of_the_poses_or_the_depth_is_the_only_reason(tmp_path: Path, reason: str) -> None:
    recording = make_recording(depth_metres=0.4) if reason == "wall_close_up" else teleported(make_recording())
    assert clip_reasons(scores_of(tmp_path, recording), FILTERS) == (reason,)


def test_without_depth_nothing_is_said_about_walls(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, make_recording(depth_metres=None))
    assert np.isnan(scores.near_share)
    assert clip_reasons(scores, FILTERS) == ()


def test_thresholds_change_without_new_scores(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, make_recording())
    strict = dataclasses.replace(FILTERS, least_sharpness=scores.sharpness + 0.01)
    assert clip_reasons(scores, strict) == ("blurred",)


def an_episode(**changes: object) -> Episode:
    return dataclasses.replace(make_recording().episode, **changes)  # type: ignore[arg-type]


def test_software_pictures_stay_out_of_a_set_that_has_others() -> None:
    software, egl = an_episode(renderer="software"), an_episode()
    mixed, alone = choose_format([software, egl]), choose_format([software])
    assert episode_reasons(software, mixed, FILTERS) == ("software_renderer",)
    assert episode_reasons(egl, mixed, FILTERS) == ()
    assert episode_reasons(software, alone, FILTERS) == ()


@pytest.mark.parametrize(
    ("changes", "filters", "reason"),
    [
        ({"width": 640}, FILTERS, "other_size"),
        ({"fps": 30.0}, FILTERS, "other_rate"),
        ({"sync_lag_frames": -1.0}, FILTERS, "out_of_sync"),
        ({"action_agreement": 0.4}, FILTERS, "actions_disagree"),
        ({"action_agreement": 1.0, "action_lag_frames": 1.0}, FILTERS, "actions_disagree"),
        ({"sync": "measured"}, FILTERS, "sync_unchecked"),
        ({"redistributable": False}, dataclasses.replace(FILTERS, redistributable_only=True), "not_redistributable"),
        ({"commercial_ok": False}, dataclasses.replace(FILTERS, commercial_only=True), "not_for_commerce"),
    ],
)
def test_whole_episodes_are_refused_for_what_they_are(changes: dict[str, object], filters: FilterConfig, reason: str) -> None:
    shape = Format(width=WIDTH, height=HEIGHT, fps=16.0, renderers=("egl",))
    assert episode_reasons(an_episode(**changes), shape, filters) == (reason,)
    assert episode_reasons(an_episode(), shape, filters) == ()


def test_sync_that_needs_no_measuring_or_is_not_asked_for_may_be_unmeasured() -> None:
    shape = Format(width=WIDTH, height=HEIGHT, fps=16.0, renderers=("egl",))
    still, measured = an_episode(sync_checked=False), an_episode(sync="measured", sync_checked=True, action_agreement=0.9)
    assert episode_reasons(still, shape, FILTERS) == episode_reasons(measured, shape, FILTERS) == ()
    lenient = dataclasses.replace(FILTERS, unchecked_sync=True)
    assert episode_reasons(an_episode(sync="measured"), shape, lenient) == ()


def test_the_format_is_the_commonest_one() -> None:
    few, many = an_episode(width=640, height=360), an_episode()
    assert choose_format([few, many, many]).width == WIDTH
    assert choose_format([few, many]).width == 640
    with pytest.raises(ValueError, match="run collect"):
        choose_format([])
