"""Parity of the camera: poses from actions, matrices, intrinsics, interpolation, rays; and which frames memory picks."""

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from inference.parity.camera_memory import compare_memory
from inference.parity.fixture import Fixture, compare
from inference.parity.result import CaseResult
from inference.released.plan import ClipPlan
from infra.release_camera import (
    camera_to_world,
    clip_rays,
    extrinsics,
    fit_intrinsics,
    integrate_actions,
    interpolate_poses,
    intrinsics_of,
    memory_poses,
    memory_rays,
    pixel_rays,
    relative_poses,
)
from infra.schema import SegmentConfig
from modeling.memory import select_frames

CASES: Final = "camera.safetensors"
LATENT: Final = SegmentConfig().frames_per_latent
TRACK: Final = "walk"  # which the clips and the memory pose are cut from


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Every tensor of ``camera``."""
    cases = Fixture(folder, CASES, meta)
    results = []
    for track in [match[1] for match in cases.names(r"(\w+)\.extrinsics")]:
        results += _poses(cases, track)
        results.append(_matrix(cases, f"{track} extrinsics", extrinsics(cases[f"{track}.poses"]), f"{track}.extrinsics"))
        results += compare_memory(cases, track, cases.stated(r"within ([\d.e+-]+) of the best"))
    results += [*_no_history(cases), *_poses(cases, "pose_start", "first_pose", "last_pose"), *_single_matrices(cases)]
    results += [*_relative(cases), *_interpolated(cases), *_clips(cases), *_recalled(cases)]
    return results + cases.unused()


def _matrix(cases: Fixture, label: str, found: Tensor, name: str) -> CaseResult:
    """Compare with ``name``, relative to its magnitude."""
    expected = cases.raw(name)
    tolerance = cases.stated(r"embeddings: atol ([\d.e+-]+)") * max(1.0, float(expected.abs().max()))
    return compare(f"camera {label}", found, expected, tolerance)


def _poses(cases: Fixture, track: str, first: str | None = None, last: str | None = None) -> list[CaseResult]:
    start = cases.raw(f"{track}.{first}") if first else torch.zeros(5)
    found, after = integrate_actions(cases[f"{track}.keyboard"], cases[f"{track}.mouse"], start)
    tolerance = cases.stated(r"poses: atol ([\d.e+-]+)")
    results = [compare(f"camera {track} poses", found, cases[f"{track}.poses"], tolerance)]
    if last:
        results.append(compare(f"camera {track} pose after", after, cases.raw(f"{track}.{last}"), tolerance))
    return results


def _no_history(cases: Fixture) -> list[CaseResult]:
    views = torch.eye(4, dtype=torch.float64).expand(len(cases["memory_no_history.selected"]), 4, 4)
    picks, overlap = select_frames(views, views[:0])
    confidence = torch.nn.functional.pad(overlap, (0, 1)).amax(-1)
    return [
        compare("camera memory without history", picks, cases["memory_no_history.selected"], 0.0),
        compare("camera memory without history overlap", confidence, cases["memory_no_history.confidence"], 0.0),
    ]


def _single_matrices(cases: Fixture) -> list[CaseResult]:
    turned = camera_to_world(cases.raw("extrinsics.position"), cases.raw("extrinsics.rotation_deg_roll_pitch_yaw"))
    lenses = torch.stack([intrinsics_of(*size) for size in cases["intrinsics.height_width"].tolist()])
    sizes = cases["Ks_transformed.sizes_org_resize_final_h_w"].view(3, 2).tolist()
    original, resized, final = ((height, width) for height, width in sizes)
    fitted = fit_intrinsics(cases["Ks_transformed.in"], original, resized, final)
    lens, pictures = cases["rays.K"], cases.raw("rays.out").shape[1:3]
    return [
        _matrix(cases, "extrinsics with roll", turned, "extrinsics.out"),
        _matrix(cases, "intrinsics", lenses, "intrinsics.fx_fy_cx_cy"),
        _matrix(cases, "intrinsics resized and cropped", fitted, "Ks_transformed.out"),
        _matrix(cases, "pixel rays", pixel_rays(cases["rays.c2w"], lens, *pictures), "rays.out"),
    ]


def _relative(cases: Fixture) -> list[CaseResult]:
    """``relative.framewise_1.normalize_0.f32``; the static clip does not move, so that its poses have no longest step."""
    types = {"f32": torch.float32, "f64": torch.float64}
    results = []
    for match in cases.names(r"relative\.framewise_([01])\.normalize_([01])\.(f32|f64)"):
        given = cases.raw("relative.in").to(types[match[3]])
        found = relative_poses(given, framewise=match[1] == "1", normalise=match[2] == "1")
        results.append(_matrix(cases, match[0], found, match[0]))
    still = relative_poses(cases.raw("relative.static_in"), framewise=True, normalise=True)
    return [*results, _matrix(cases, "relative.static", still, "relative.static_out")]


def _interpolated(cases: Fixture) -> list[CaseResult]:
    """``plain_right`` is the right-handed case through the reference's function that knows no other."""
    source, target = cases.raw("interp.src"), cases.raw("interp.tgt")
    amiss = int((source.diff() <= 0).sum()) + int(((target < source[0]) | (target > source[-1])).sum())
    results = [CaseResult(name="camera interpolation times within the clip", worst=float(amiss), tolerance=0.0)]
    for match in cases.names(r"interp\.((?:plain_)?(right|left))\.out"):
        given = torch.cat([cases.raw(f"interp.{match[2]}.rot"), cases.raw(f"interp.{match[2]}.trans")[..., None]], -1)
        given = torch.cat([given, given.new_tensor([0, 0, 0, 1]).expand(len(given), 1, 4)], 1)
        found = interpolate_poses(given, source, target)
        results.append(_matrix(cases, f"interpolation {match[1]}", found, match[0]))
    return results


def _clips(cases: Fixture) -> list[CaseResult]:
    """The first clip of a track, one from ``later_range``, and the first latents without frame-to-frame mode."""
    height, width, rows, columns = cases["clip.height_width_lat"].tolist()
    first, stop = cases["clip.later_range"].tolist()
    starts = {"clip.first": 0, "clip.later": first, "clip.first_not_framewise": 0}
    stops = {"clip.later": stop}
    results = []
    for match in cases.names(r"clip\.(first|later|first_not_framewise)"):
        name, latents = match[0], cases.raw(match[0]).shape[2]
        frames = torch.arange(starts[name], stops.get(name, LATENT * latents - LATENT + 1))
        poses = cases.raw(f"{TRACK}.extrinsics")[frames]
        target = frames[frames % LATENT == 0]
        clip = interpolate_poses(poses, frames.double(), target.double())
        framewise = not name.endswith("not_framewise")
        rays = clip_rays(clip, intrinsics_of(height, width), height, width, height // rows, framewise=framewise)
        results.append(_matrix(cases, name, rays, name))
        cells = tuple(rays.shape[-2:])
        results.append(CaseResult(name=f"camera {name} cells", worst=float(cells != (rows, columns)), tolerance=0.0))
    return results


def _recalled(cases: Fixture) -> list[CaseResult]:
    """A memory frame's latent, its pose, and that pose seen from the frame that asked for it."""
    height, width, rows, _ = cases["clip.height_width_lat"].tolist()
    frame, reference, aligned = cases["memory_pose.mem_ref_aligned"].tolist()
    block = ClipPlan(number=1).memory_block(frame)
    c2w = cases.raw(f"{TRACK}.extrinsics")
    source = torch.arange(block.start, block.stop).double()
    pose = interpolate_poses(c2w[block.start : block.stop], source, source[-1:])
    view = c2w[reference : reference + 1]
    rays = memory_rays(pose, view, intrinsics_of(height, width), height, width, height // rows)
    return [
        CaseResult(name="camera memory block", worst=float(abs(block.start - aligned)), tolerance=0.0),
        _matrix(cases, "memory pose", pose, "memory_pose.interpolated"),
        _matrix(cases, "memory pose relative", memory_poses(pose, view), "memory_pose.relative"),
        _matrix(cases, "memory rays", rays, "memory_pose.embedding"),
    ]
