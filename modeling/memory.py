"""Which earlier frames a clip of the published model remembers: those that see most of where the camera goes.

Legend: ... batch, M views that memory is asked for, K candidates, S candidates that are scored in full, P points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from infra.geometry import invert_pose

BORDER = 1e-9  # so that rounding does not push a point off the border of the very view that it is from
NO_CANDIDATE = -1.0  # in place of an overlap that was not computed


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """How overlap is measured; the defaults are the release's, whatever the video's size.

    The release's view is 1280x720 and 90 x 90 degrees: with both angles given the pixels cancel out.
    """

    near: float = 0.1  # release metres
    far: float = 30.0
    samples: int = 10  # along each axis of a view, its borders included
    scored: int = 512  # candidates a view whose overlap is computed in full
    coarse_samples: int = 4  # along each axis, to find those among more
    points_at_once: int = 80_000  # of all views and candidates: 5 MB in memory, however many candidates there are


def select_frames(views: Tensor, poses: Tensor, config: MemoryConfig = MemoryConfig()) -> tuple[Tensor, Tensor]:
    """For each view (..., M, 4, 4) the index (..., M) of the pose (..., K, 4, 4) that sees most of it, and all overlaps.

    Overlaps (..., M, K) are in 0..1, -1 where not computed. The earliest pose wins a tie; without poses the answer is 0.

    Cost: up to ``scored`` poses M K P points are tested, P = samples^3, as in the release. Beyond that a coarse grid of
    coarse_samples^3 points looks at all K poses and only the best ``scored`` of each view are computed in full: at most
    M (512 * 1000 + 64 K) points, in one batch. K itself is bounded by what the caller keeps (2048 frames in
    ``inference.released.bank``), so that a clip's cost and memory do not grow with the episode.
    """
    if poses.shape[-3] == 0:
        empty = views.new_full((*views.shape[:-2], 0), NO_CANDIDATE)
        return torch.zeros(views.shape[:-2], dtype=torch.long, device=views.device), empty
    if poses.shape[-3] <= config.scored:
        overlap = frustum_overlap(views, poses, config, config.samples)
        return overlap.argmax(-1), overlap
    chosen = _shortlist(views, poses, config)  # (..., M, S)
    near = poses[..., None, :, :, :].expand(*chosen.shape[:-1], *poses.shape[-3:])
    near = near.gather(-3, chosen[..., None, None].expand(*chosen.shape, 4, 4))
    scores = frustum_overlap(views[..., None, :, :], near, config, config.samples)[..., 0, :]
    overlap = torch.full_like(scores[..., :1], NO_CANDIDATE).expand(*scores.shape[:-1], poses.shape[-3])
    return chosen.gather(-1, scores.argmax(-1, keepdim=True))[..., 0], overlap.scatter(-1, chosen, scores)


def _shortlist(views: Tensor, poses: Tensor, config: MemoryConfig) -> Tensor:
    """The indices (..., M, S) of the poses that see most of a coarse grid, in order; among equals the nearest."""
    coarse = frustum_overlap(views, poses, config, config.coarse_samples)
    distance = (views[..., :, None, :3, 3] - poses[..., None, :, :3, 3]).norm(dim=-1)
    closeness = config.far / (config.far + distance) / config.coarse_samples**3  # less than a point of the grid
    return (coarse + closeness).topk(config.scored, -1).indices.sort(-1).values


def frustum_overlap(views: Tensor, poses: Tensor, config: MemoryConfig, samples: int) -> Tensor:
    """The share (..., M, K) of each view's points that each pose sees; ``samples``^3 points fill a view evenly."""
    points = _view_points(views, config, samples)
    blocks = poses.split(max(1, config.points_at_once // (views[..., 0, 0].numel() * len(points))), -3)
    return torch.cat([_overlap(views, block, points, config) for block in blocks], -1)


def _overlap(views: Tensor, poses: Tensor, points: Tensor, config: MemoryConfig) -> Tensor:
    """The share of ``points`` (P, 3), in each view's own frame, that each pose sees."""
    relative = invert_pose(poses)[..., None, :, :, :] @ views[..., :, None, :, :]  # view to pose, (..., M, K, 4, 4)
    seen = torch.einsum("...ij,pj->...pi", relative[..., :3, :3], points) + relative[..., None, :3, 3]
    depth = seen[..., 2]
    u, v = seen[..., 0] / depth, seen[..., 1] / depth  # -1..1 within the view
    depth_inside = (depth >= config.near - BORDER) & (depth <= config.far + BORDER)
    u_inside, v_inside = (u.abs() <= 1 + BORDER), (v.abs() <= 1 + BORDER)
    inside = depth_inside & u_inside & v_inside
    return inside.to(views.dtype).mean(-1)


def _view_points(views: Tensor, config: MemoryConfig, samples: int) -> Tensor:
    """Points (P, 3) of a view in its own frame, as the type and on the device of ``views``."""
    steps = torch.linspace(-1, 1, samples, dtype=views.dtype, device=views.device)
    depth = torch.linspace(config.near, config.far, samples, dtype=views.dtype, device=views.device)
    grid = torch.cartesian_prod(steps, steps, depth)
    return torch.cat([grid[:, :2] * grid[:, 2:], grid[:, 2:]], -1)
