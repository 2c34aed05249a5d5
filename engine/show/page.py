"""One self-contained page that plays an episode: keys and mouse over the video, path on the map, depth, things, sync."""

import base64
import importlib.resources
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import jinja2
import numpy as np
from numpy.typing import NDArray

from engine.scenes.scene import COLOURS
from engine.show.paint import colour_of, css_of, greatest_things, paint_depth, paint_things
from infra.depth import DepthReader
from infra.dynamics import pitch_and_yaw
from infra.episodes import read_episode, read_masks, read_scene
from infra.masks import MaskReader
from infra.schema import KEYS, Episode, Frames
from infra.schema.episode import UNKNOWN_AGREEMENT
from infra.store import Store
from infra.video import encode_video

PAINTED_QUALITY: Final = 28  # quantiser of H.264: coloured depth and things are for eyes
FACTS: Final = (
    "source", "family", "scene_id", "weather", "time_of_day", "season", "perspective", "character_id", "walk", "split",
    "sync", "sync_lag_frames", "action_lag_frames", "action_agreement", "sync_checked", "depth_kind", "renderer",
    "revisit_share", "licence",
)  # fmt: skip


def write_page(store: Store, episode: Episode, path: Path) -> Path:
    """Write the page of ``episode`` to ``path``; it needs no server and no network.

    Raises:
        MissingObjectError, CorruptObjectError, DamagedVideoError: the store does not hold the episode whole.
        OSError: the page cannot be written there.
    """
    frames, video, depth = read_episode(store, episode)
    video.close()
    scene = read_scene(store, episode)
    painted, things = _things(store, episode)
    page = _template().render(
        episode=episode,
        facts=_facts(episode, scene.get("sync") or {}),
        mapped=bool(scene.get("objects")),
        video=_inline(store.local_path(episode.video_object).read_bytes(), "video/mp4"),
        depth=_depth_video(depth, episode.fps) if depth is not None else "",
        things=painted,
        data=json.dumps(page_data(episode, frames, scene) | {"things": things}, allow_nan=False).replace("<", "\\u003c"),
        script=_resource("episode.js"),
    )
    path.write_text(page, encoding="utf-8")
    return path


def page_data(episode: Episode, frames: Frames, scene: dict[str, Any]) -> dict[str, Any]:
    """What the page's script draws, as JSON values; angles in degrees, places in metres."""
    pitch, yaw = pitch_and_yaw(frames.c2w)
    return {
        "fps": episode.fps,
        "keys": list(KEYS),
        "place": np.round(frames.c2w[:, [0, 2], 3], 3).tolist(),
        "yaw": np.round(yaw, 2).tolist(),
        "pitch": np.round(pitch, 2).tolist(),
        "keyboard": frames.keyboard.tolist(),
        "mouse": [[None if np.isnan(value) else round(float(value), 4) for value in row] for row in frames.mouse],
        "collided": frames.collided.tolist(),
        "tick": frames.tick.tolist(),
        "fov": float(np.degrees(2 * np.arctan(episode.width / 2 / frames.intrinsics[0, 0]))),
        "map": scene_map(scene),
        "sync": scene.get("sync"),
    }


def scene_map(scene: dict[str, Any]) -> list[dict[str, Any]]:
    """Footprints of the scene's things for the map: centre and size in metres, yaw in degrees; empty for games."""
    return [
        {
            "x": thing["position"][0],
            "z": thing["position"][2],
            "width": thing["size"][0],
            "depth": thing["size"][2],
            "yaw": thing["yaw"],
            "name": thing["name"],
            "colour": css_of(COLOURS.get(str(thing["colour"]), COLOURS["grey"])),
        }
        for thing in scene.get("objects", ())
    ]


def _facts(episode: Episode, sync: dict[str, Any]) -> list[tuple[str, str]]:
    """What the row says, as people write it; what could not be measured is said to be so, though the row holds a number."""
    facts = {name: _plain(value) for name in FACTS if (value := getattr(episode, name)) not in ("", None)}
    if "lag_frames" in sync and sync["lag_frames"] is None:
        facts["sync_lag_frames"] = "not told"
    if episode.action_agreement == UNKNOWN_AGREEMENT:
        facts |= {"action_lag_frames": "not told", "action_agreement": "too little changed"}
    if sync.get("doubt"):
        facts["sync_checked"] = f"no: {sync['doubt']}"
    return [(name.replace("_", " "), fact) for name, fact in facts.items()]


def _plain(value: object) -> str:
    """A fact as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _depth_video(depth: DepthReader, fps: float) -> str:
    with depth:
        return _painted(map(paint_depth, _decoded(depth)), fps)


def _things(store: Store, episode: Episode) -> tuple[str, list[list[tuple[str, str]]]]:
    """The masks as a video in colours, and for each frame names and colours of what covers most of it; empty without masks."""
    found = read_masks(store, episode)
    if found is None:
        return "", []
    masks, names = found
    listed: list[list[tuple[str, str]]] = []

    def painted() -> Iterator[NDArray[np.uint8]]:
        for mask in _decoded(masks):
            greatest = greatest_things(mask)
            listed.append([(names.get(number, str(number)), css_of(colour_of(number))) for number in greatest])
            yield paint_things(mask)

    with masks:
        return _painted(painted(), episode.fps), listed


def _decoded(reader: DepthReader | MaskReader) -> Iterator[NDArray[Any]]:
    return (reader.decode([frame])[0] for frame in range(len(reader)))


def _painted(pictures: Iterable[NDArray[np.uint8]], fps: float) -> str:
    """A video of pictures (H, W, 3) for the page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "painted.mp4"
        encode_video(path, pictures, fps, qp=PAINTED_QUALITY)
        return _inline(path.read_bytes(), "video/mp4")


def _inline(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_resource("episode.html.j2"))


def _resource(name: str) -> str:
    return (importlib.resources.files("engine.show") / name).read_text(encoding="utf-8")
