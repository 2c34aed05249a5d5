"""An episode as a file for the Rerun viewer: camera, video, depth, masks, things, actions. The door to Rerun."""

from pathlib import Path
from typing import Any

import numpy as np

from engine.show.paint import colour_of
from infra.episodes import read_episode, read_masks, read_scene
from infra.errors import NotHereError
from infra.schema import KEYS, Episode, Frames
from infra.store import Store


def write_rerun(store: Store, episode: Episode, path: Path) -> Path:
    """Write ``path`` (``.rrd``); open it with ``rerun PATH``. World axes as in the episode: y points down, metres.

    Raises:
        NotHereError: the viewer's package is not installed.
        MissingObjectError, CorruptObjectError, DamagedVideoError: the store does not hold the episode whole.
    """
    try:
        import rerun
    except ImportError:
        raise NotHereError("Rerun is not installed; run: pip install 'worldloom[viewer]'") from None
    frames, video, depth = read_episode(store, episode)
    video.close()
    with rerun.RecordingStream("worldloom", recording_id=episode.episode_id) as recording:
        recording.save(path)
        recording.log("world", rerun.ViewCoordinates.RDF, static=True)
        _log_things(recording, rerun, read_scene(store, episode))
        recording.log("world/path", rerun.LineStrips3D([frames.c2w[:, :3, 3]]), static=True)
        recording.log(
            "world/camera/video",
            rerun.AssetVideo(path=store.local_path(episode.video_object), media_type="video/mp4"),
            static=True,
        )
        _log_rows(recording, rerun, episode, frames)
        if depth is not None:
            with depth:
                for row in range(len(depth)):
                    (metres,) = depth.decode([row])
                    _at(recording, episode, row)
                    image = np.where(np.isfinite(metres), metres, 0.0).astype(np.float16)  # 0 is "unknown" to Rerun
                    recording.log("world/camera/depth", rerun.DepthImage(image, meter=1.0))
        _log_masks(recording, rerun, store, episode)
        recording.flush()
    return path


def _log_rows(recording: Any, rerun: Any, episode: Episode, frames: Frames) -> None:
    """Pose, intrinsics, the frame of the video and the action of every row."""
    for row in range(len(frames)):
        _at(recording, episode, row)
        pose, (fx, fy, cx, cy) = frames.c2w[row], frames.intrinsics[row]
        recording.log("world/camera", rerun.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]))
        recording.log(
            "world/camera",
            rerun.Pinhole(focal_length=(fx, fy), principal_point=(cx, cy), width=episode.width, height=episode.height),
        )
        seconds = row / episode.fps
        reference = rerun.VideoFrameReference(seconds=seconds, video_reference="world/camera/video")
        recording.log("world/camera/video", reference)
        for key, value in zip(KEYS, frames.keyboard[row], strict=True):
            recording.log(f"action/{key}", rerun.Scalars(float(value)))
        for axis, value in zip(("pitch", "yaw"), frames.mouse[row], strict=True):
            recording.log(f"action/mouse_{axis}", rerun.Scalars(float(value)))
        recording.log("collided", rerun.Scalars(float(frames.collided[row])))


def _log_masks(recording: Any, rerun: Any, store: Store, episode: Episode) -> None:
    """Which thing each pixel shows, with names."""
    found = read_masks(store, episode)
    if found is None:
        return
    masks, names = found
    classes = [rerun.AnnotationInfo(id=number, label=name, color=colour_of(number)) for number, name in names.items()]
    recording.log("world/camera/mask", rerun.AnnotationContext(classes), static=True)
    with masks:
        for row in range(len(masks)):
            (mask,) = masks.decode([row])
            _at(recording, episode, row)
            recording.log("world/camera/mask", rerun.SegmentationImage(mask))


def _log_things(recording: Any, rerun: Any, scene: dict[str, Any]) -> None:
    """The scene's things as boxes that stand on the ground."""
    things = scene.get("objects", ())
    if not things:
        return
    sizes = np.array([thing["size"] for thing in things], np.float64)
    centres = np.array([thing["position"] for thing in things], np.float64) - sizes * [0, 0.5, 0]
    half = np.radians([thing["yaw"] for thing in things]) / 2
    turns = np.stack([np.zeros_like(half), np.sin(half), np.zeros_like(half), np.cos(half)], -1)
    names = [thing["name"] for thing in things]
    boxes = rerun.Boxes3D(centers=centres, half_sizes=sizes / 2, quaternions=turns, labels=names, show_labels=False)
    recording.log("world/things", boxes, static=True)


def _at(recording: Any, episode: Episode, row: int) -> None:
    recording.set_time("frame", sequence=row)
    recording.set_time("episode", duration=row / episode.fps)
