"""Generation from a folder of published files: how many frames, from what, and nothing left behind where it fails."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from flows.verbs import run_command
from inference.released.actions import HEADER, RandomActions
from inference.released.generate import begin, run_clips
from inference.released.memory_plot import Recall
from inference.released.published import PublishedConfig
from inference.released.settings import GenerateConfig
from infra.schema import SegmentConfig
from infra.video import VideoReader
from modeling.released.autoencoder import DECODER_FILES
from tests.inference.released.weights_folder import NEGATIVE, PROMPT, write_weights

WIDTH, HEIGHT = 64, 32


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def picture(tmp_path) -> Path:
    Image.effect_noise((WIDTH, HEIGHT), 60).convert("RGB").save(tmp_path / "start.png")
    return tmp_path / "start.png"


def generate(folder: Path, picture: Path, **options: object) -> int:
    """The exit status of ``worldloom generate``; None as a value makes a flag."""
    given = {
        "weights": folder,
        "image": picture,
        "prompt": PROMPT,
        "out": picture.parent / "walk.mp4",
        "device": "cpu",
    } | options
    words = [str(word) for name, value in given.items() for word in ([f"--{name}"] if value is None else [f"--{name}", value])]
    return run_command(["generate", *words])


def frames_of(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        return reader.decode_range(0, len(reader))


def write_actions(path: Path, rows: int, seed: int = 3) -> Path:
    keyboard, mouse = RandomActions(seed).take(rows)
    lines = [",".join(f"{value:.7g}" for value in (*keys, *turn)) for keys, turn in zip(keyboard, mouse, strict=True)]
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_video_has_57_frames_and_40_more_a_segment_and_a_plot_beside_it(weights, picture):
    assert generate(weights, picture, segments=2) == 0
    frames = frames_of(picture.parent / "walk.mp4")
    assert frames.shape == (97, HEIGHT, WIDTH, 3)
    assert np.abs(np.diff(frames.astype(int), axis=0)).mean() > 0.5  # it moves
    with Image.open(picture.parent / "walk.memory.png") as plot:
        assert plot.width > 400
    assert sorted(path.name for path in picture.parent.iterdir()) == ["start.png", "walk.memory.png", "walk.mp4"]


def test_the_same_seed_and_actions_make_the_same_video_however_they_come_in(weights, picture, monkeypatch):
    actions = write_actions(picture.parent / "walk.csv", 57, seed=3)
    videos = []
    for name, source in (("a", "random"), ("b", str(actions)), ("c", "stdin")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(actions.read_bytes())))
        out = picture.parent / f"{name}.mp4"
        assert generate(weights, picture, actions=source, seed=3, out=out) == 0
        videos.append(out.read_bytes())
    assert videos[0] == videos[1] == videos[2]


def test_base_guidance_8_bit_and_pruned_decoders_each_change_what_is_made(weights, picture):
    made = {}
    variants: dict[str, dict[str, object]] = {
        "distilled": {},
        "base": {"base": None, "steps": 4, "negative": NEGATIVE},
        "unguided": {"base": None, "steps": 4, "guidance": 1},
        "int8": {"int8": None},
        "light50": {"decoder": "light50"},
        "light75": {"decoder": "light75"},
    }
    for name, options in variants.items():
        out = picture.parent / f"{name}.mp4"
        assert generate(weights, picture, **options, out=out) == 0
        made[name] = out.read_bytes()
        assert len(frames_of(out)) == 57
    assert len(set(made.values())) == len(made)


def test_the_fast_path_and_the_clean_path_make_the_same_latents(weights):
    made = []
    for plain in (True, False):
        config = GenerateConfig(published=PublishedConfig(plain=plain))
        loop = begin(weights, np.full((HEIGHT, WIDTH, 3), 90, np.uint8), PROMPT, config).open_loop()
        source, recalls = RandomActions(1), list[Recall]()
        clips = run_clips(loop, lambda _: None, source, replace(config, segments=3), recalls, lambda _: None)
        with torch.no_grad():
            made.append((list(clips), [recall.frames for recall in recalls]))
    assert made[0][1] == made[1][1]
    for clean, fast in zip(made[0][0], made[1][0], strict=True):
        torch.testing.assert_close(clean, fast, atol=1e-3, rtol=0)


@pytest.mark.parametrize("layout", ["1+1", "2+1"])
def test_other_processes_make_the_same_video(weights, picture, layout):
    alone, together = picture.parent / "alone.mp4", picture.parent / "together.mp4"
    assert generate(weights, picture, segments=2, out=alone) == 0
    assert generate(weights, picture, segments=2, out=together, layout=layout) == 0
    difference = np.abs(frames_of(alone).astype(int) - frames_of(together).astype(int))
    assert len(difference) == 97 and difference.mean() < 0.5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"segments": 0}, "--segments is 0"),
        ({"prompt": " "}, "the prompt is empty"),
        ({"prompt": "rain " * 16}, "the prompt has 17 tokens, the model takes 16; shorten it"),
        ({"actions": "none.csv"}, "none.csv is missing; name a CSV file with columns forward"),
        ({"weights": "nowhere"}, "config.json is missing"),
        ({"out": "walk.avi"}, r"end it in .mp4"),
    ],
)
def test_what_cannot_be_generated_is_one_line_and_status_2(weights, picture, capsys, options, says):
    assert generate(weights, picture, **options) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
    assert [path.name for path in picture.parent.iterdir()] == ["start.png"]


def test_actions_that_end_too_early_leave_no_video(weights, picture, capsys, monkeypatch):
    actions = write_actions(picture.parent / "walk.csv", 90)
    assert generate(weights, picture, segments=2, actions=actions) == 2
    assert "ends after 90 rows; 97 or more are needed" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(actions.read_bytes())))
    (picture.parent / "walk.mp4").write_text("an earlier video")
    assert generate(weights, picture, segments=2, actions="stdin") == 2  # after the first segment was made
    assert "stdin ends after 90 rows" in capsys.readouterr().err
    assert (picture.parent / "walk.mp4").read_text() == "an earlier video"
    assert sorted(path.name for path in picture.parent.iterdir()) == ["start.png", "walk.csv", "walk.mp4"]


@pytest.mark.parametrize(
    "file",
    ["base_distilled_model/diffusion_pytorch_model.safetensors", *DECODER_FILES.values(), "models_t5_umt5-xxl-enc-bf16.pth"],
)
def test_a_truncated_weight_file_is_named(tmp_path, picture, capsys, file):
    weights = write_weights(tmp_path / "weights")
    whole = (weights / file).read_bytes()
    (weights / file).write_bytes(whole[: len(whole) // 2])
    decoder = next((name for name, path in DECODER_FILES.items() if path == file), "wan")
    assert generate(weights, picture, decoder=decoder) == 2
    said = capsys.readouterr().err
    assert Path(file).name in said or Path(file).parent.name in said
    assert "fetch it again" in said and said.count("\n") == 1
    assert not list(picture.parent.glob("*.mp4*"))


def test_weights_of_another_model_are_named(tmp_path, picture, capsys):
    weights = write_weights(tmp_path / "weights")
    (weights / DECODER_FILES["wan"]).write_bytes((weights / "models_t5_umt5-xxl-enc-bf16.pth").read_bytes())
    assert generate(weights, picture) == 2
    said = capsys.readouterr().err
    assert "Wan2.2_VAE.pth" in said and said.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        (
            "base_distilled_model",
            lambda value: (value / 0.01).to(torch.float8_e4m3fn),
            "the denoiser's latents of segment 1 came",
        ),
        (DECODER_FILES["wan"], lambda value: value * 1e30, "the encoder's latent of the picture came out as NaN"),
    ],
)
def test_what_is_made_of_weights_that_lost_their_scale_stops_by_name(tmp_path, picture, capsys, file, change, says):
    folder = write_weights(tmp_path / "weights")
    path = folder / file
    if path.is_dir():
        path = next(path.glob("*.safetensors"))
        save_file({name: change(value) if value.ndim > 1 else value for name, value in load_file(path).items()}, path)
    else:
        torch.save({name: change(value) if value.ndim > 1 else value for name, value in torch.load(path).items()}, path)
    assert generate(folder, picture) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
    assert sorted(found.name for found in picture.parent.iterdir()) == ["start.png", "weights"]


def test_a_photograph_of_a_phone_makes_an_upright_video_of_a_near_size(weights, picture, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (101, 70), (90, 30, 30)).save(picture.with_suffix(".jpg"), exif=exif)
    assert generate(weights, picture, image=picture.with_suffix(".jpg")) == 0
    assert "start.jpg is 70x101; scaled and cut to 64x96" in capsys.readouterr().out
    assert frames_of(picture.parent / "walk.mp4").shape == (57, 96, 64, 3)


def test_memory_does_not_grow_with_the_number_of_segments(weights, picture):
    script = (
        "import resource, sys\nfrom flows.verbs import run_command\nstatus = run_command(sys.argv[1:])\n"
        "print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for segments in (2, 12):
        out = picture.parent / f"{segments}.mp4"
        words = ["generate", "--weights", weights, "--image", picture, "--prompt", PROMPT, "--out", out, "--segments", segments]
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, words), "--device", "cpu"], capture_output=True, text=True, check=True
        )
        status, peak = done.stdout.split("\n")[-2].split()
        assert status == "0" and len(frames_of(out)) == SegmentConfig().total_frames(segments)
        peaks.append(int(peak))
    assert peaks[1] < 1.08 * peaks[0]  # what allocators and the video encoder take in their first seconds
