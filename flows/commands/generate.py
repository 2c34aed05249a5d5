"""The verb ``generate``: a video from the published Matrix-Game 3.0 weights."""

import sys
from pathlib import Path
from typing import get_args

import click
import torch

from inference.released.actions import HEADER, ActionSource, FileActions, RandomActions, StreamedActions
from inference.released.generate import FPS, generate_video
from inference.released.loop import SamplingConfig
from inference.released.published import NEGATIVE_PROMPT, PublishedConfig, check_device
from inference.released.settings import LAYOUTS, GenerateConfig
from inference.released.start import check_output, check_prompt, check_segments, read_start
from infra.pictures import BACKGROUND, FORMATS
from infra.schema import SegmentConfig
from modeling.released.autoencoder import DecoderName

STEPS = {False: 3, True: 50}  # by whether the base model is asked for
GUIDANCE = {False: 1.0, True: 5.0}
IMAGE_HELP = (
    f"Picture ({', '.join(FORMATS)}), read as viewers show it: turned by its EXIF tag, in sRGB, transparency over {BACKGROUND}. "
    "The video has its size; where that is no multiple of 32 each way, or above 1280x704, it is scaled and cut to the nearest."
)
ACTIONS_HELP = (
    f"random, stdin or a CSV file with columns {HEADER} in any order: a row a frame, keys 1 or 0 (TRUE or FALSE), turns of -12 "
    "to 12. Between commas, semicolons or tabs; decimal commas, capitals, quotes, lines of # and a column without a name are "
    "understood, rows that are not needed are not read. UTF-8, or UTF-16 with its mark."
)


@click.command(
    epilog="Example: worldloom generate --weights Matrix-Game-3.0 --image start.png --prompt 'A quiet street.' --out walk.mp4"
)
@click.option("--weights", required=True, type=click.Path(path_type=Path), help="Folder with the published files.")
@click.option("--image", required=True, type=click.Path(path_type=Path), help=IMAGE_HELP)
@click.option("--prompt", required=True, help="What the picture shows.")
@click.option("--actions", default="random", show_default=True, help=ACTIONS_HELP)
@click.option("--segments", type=int, default=1, show_default=True, help="57 frames first, then 40 each.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="MP4; the memory plot is written beside it.")
@click.option("--base", is_flag=True, help="The base model in place of the distilled one.")
@click.option("--steps", type=click.IntRange(1, 1000), default=None, help="[default: 3, with --base 50]")
@click.option("--guidance", type=click.FloatRange(1, 100), default=None, help="[default: 1 (none), with --base 5]")
@click.option("--int8", is_flag=True, help="8-bit q, k, v and o.")
@click.option("--decoder", type=click.Choice(get_args(DecoderName)), default="wan", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of random actions.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default=None, help="[default: cuda where there is one]")
@click.option(
    "--layout", type=click.Choice(list(LAYOUTS)), default="1", show_default=True, help="Ranks, and +1 for a decoder apart."
)
@click.option("--negative", default=NEGATIVE_PROMPT, show_default="as published", help="What guidance leads away from.")
def generate(
    weights: Path,
    image: Path,
    prompt: str,
    actions: str,
    segments: int,
    out: Path,
    base: bool,
    steps: int | None,
    guidance: float | None,
    int8: bool,
    decoder: DecoderName,
    seed: int,
    device: str | None,
    layout: str,
    negative: str,
) -> None:
    """Make a video of 57 + 40 (n - 1) frames from a picture, a prompt and actions."""
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    check_segments(segments)
    check_device(place, LAYOUTS[layout].ranks)
    check_prompt(prompt)
    check_output(out)
    picture = read_start(image, click.echo)
    source = open_actions(actions, SegmentConfig().total_frames(segments), seed)
    config = GenerateConfig(
        segments=segments,
        seed=seed,
        sampling=SamplingConfig(steps=steps or STEPS[base], guidance=GUIDANCE[base] if guidance is None else guidance),
        published=PublishedConfig(base=base, int8=int8, decoder=decoder, device=place),
        layout=LAYOUTS[layout],
        negative=negative,
    )
    made = generate_video(weights, picture, prompt, source, out, config, click.echo)
    click.echo(f"video      {made.video} ({made.frames} frames at {FPS:g} a second, made at {made.frames / made.seconds:.2f})")
    click.echo(f"memory     {made.plot}")


def open_actions(name: str, rows: int, seed: int) -> ActionSource:
    """Where actions come from: ``random``, ``stdin`` or the path of a CSV file, of which ``rows`` rows are read."""
    if name == "random":
        return RandomActions(seed)
    if name == "stdin":
        return StreamedActions(sys.stdin.buffer, "stdin")
    return FileActions(Path(name), rows)
