"""Split-screen videos of a few walks: truth, model, network alone, repeat-last, and the keys that were down."""

import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.evaluate.cases import case_name, read_cases
from inference.evaluate.plan import TestPlan
from infra.schema import Keyboard, Mouse
from infra.store import Store
from infra.video import VideoReader, encode_video

PANELS: Final = {
    "truth": "Recorded truth",
    "candidate": "Model",
    "candidate_no_geometry": "Network alone, geometry off",
    "repeat_last": "Repeat the last frame",
}
_LEAST_WIDTH: Final = 200  # pixels of a panel; smaller pictures are shown at a multiple of their size
_QP: Final = 29  # x264's quantiser: several walks have to fit into one page
_STRIP: Final = 32  # pixels above the panels, for keys and the clock
_GAP: Final = 4  # pixels between panels
_INK, _DIM, _LIT, _GROUND = (225, 229, 236), (92, 99, 112), (255, 179, 64), (17, 19, 24)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One walk to show: its four panels and its actions."""

    panels: dict[str, NDArray[np.uint8]]  # (T, H, W, 3) by names of PANELS, left to right
    keyboard: Keyboard  # (T, 6)
    mouse: Mouse  # (T, 2)
    fps: float


def gather_shown(plan: TestPlan, objects: Mapping[str, Mapping[str, str]], store: Store) -> dict[str, Shown]:
    """The shown walks by case name; ``objects`` are arm to case name to its stored pictures. Absent arms have no panel."""
    gathered = {}
    for start in {(one.scene_id, one.seed): one for one in plan.long_starts + plan.branch_starts}.values():
        walks = [walk for walk in start.walks if case_name(start, walk) in objects["candidate"]]
        for case in read_cases(store, start, walks, plan.measure.long_frames + 1):
            played = {arm: objects[arm][case.name] for arm in PANELS if case.name in objects.get(arm, {})}
            made = {arm: _read_pictures(store, name) for arm, name in played.items()}
            count = min(len(frames) for frames in made.values())
            panels = {"truth": case.frames} | made | {"repeat_last": np.repeat(case.frames[:1], count, 0)}
            gathered[case.name] = Shown(panels=panels, keyboard=case.keyboard, mouse=case.mouse, fps=plan.fps)
    return gathered


def _read_pictures(store: Store, name: str) -> NDArray[np.uint8]:
    reader = VideoReader(store.local_path(name))
    return reader.decode_range(0, len(reader))


def encode_shown(shown: Shown) -> bytes:
    """Encode a split screen as an H.264 file that browsers play."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shown.mp4"
        encode_video(path, draw_frames(shown), shown.fps, qp=_QP)
        return path.read_bytes()


def draw_poster(shown: Shown) -> bytes:
    """A JPEG of the frame two thirds in, which players show before the video runs."""
    frames = list(draw_frames(shown))
    buffer = io.BytesIO()
    Image.fromarray(frames[2 * len(frames) // 3]).save(buffer, "JPEG", quality=80, optimize=True)
    return buffer.getvalue()


def draw_frames(shown: Shown) -> Iterator[NDArray[np.uint8]]:
    """Frames (H', W', 3) with even sides: the keys on top, where no player's controls hide them, the panels below."""
    panels = list(shown.panels.values())
    count = min(len(panel) for panel in panels)
    scale = -(-_LEAST_WIDTH // panels[0].shape[2])
    height, width = (side * scale for side in panels[0].shape[1:3])
    total = len(panels) * width + (len(panels) - 1) * _GAP
    font = ImageFont.load_default(size=16)
    for frame in range(count):
        canvas = Image.new("RGB", (total + total % 2, height + _STRIP), _GROUND)
        for number, panel in enumerate(panels):
            picture = Image.fromarray(panel[frame]).resize((width, height), Image.Resampling.BICUBIC)
            canvas.paste(picture, (number * (width + _GAP), _STRIP))
        draw = ImageDraw.Draw(canvas)
        _draw_keys(draw, font, shown.keyboard[frame], shown.mouse[frame])
        text = f"frame {frame:3d}   {frame / shown.fps:5.2f} s"
        draw.text((total - 10, _STRIP // 2), text, font=font, fill=_INK, anchor="rm")
        yield np.asarray(canvas)


def _draw_keys(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, keys: NDArray[np.int8], mouse: Mouse
) -> None:
    """Key caps W A S D and turn arrows; lit while they are down."""
    labels = [("W", keys[0] > 0), ("A", keys[2] > 0), ("S", keys[1] > 0), ("D", keys[3] > 0)]
    labels += [("turn left", mouse[1] < 0), ("turn right", mouse[1] > 0)]
    left = 10
    for label, lit in labels:
        wide = 26 if len(label) == 1 else 96
        box = (left, 4, left + wide, _STRIP - 4)
        draw.rounded_rectangle(box, 5, fill=_LIT if lit else None, outline=_LIT if lit else _DIM)
        draw.text((left + wide / 2, _STRIP / 2), label, font=font, fill=_GROUND if lit else _DIM, anchor="mm")
        left += wide + 6
