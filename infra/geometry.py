"""Camera geometry on tensors: lifting, projecting, relative poses, rays, view overlap.

Poses are camera-to-world (..., 4, 4), metres, OpenCV axes; intrinsics (..., 4) are fx, fy, cx, cy in pixels, with
pixel centres at + 0.5. No function loops over frames or waits for the device.
"""

import torch
from torch import Tensor


def invert_pose(c2w: Tensor) -> Tensor:
    """World-to-camera from camera-to-world, exactly, for rigid poses (..., 4, 4)."""
    rotation = c2w[..., :3, :3].transpose(-1, -2)
    inverse = torch.zeros_like(c2w)
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3] = -(rotation @ c2w[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1
    return inverse


def relative_pose(c2w: Tensor, reference: Tensor) -> Tensor:
    """Express poses (..., 4, 4) in the frame of ``reference`` (..., 4, 4)."""
    return invert_pose(reference) @ c2w


def pixel_grid(width: int, height: int, step: int, device: torch.device) -> Tensor:
    """Centres (h, w, 2) of cells of ``step`` pixels, as (u, v) in pixels."""
    v, u = torch.meshgrid(
        torch.arange(height // step, device=device) * step + step / 2,
        torch.arange(width // step, device=device) * step + step / 2,
        indexing="ij",
    )
    return torch.stack([u, v], -1)


def ray_directions(pixels: Tensor, intrinsics: Tensor) -> Tensor:
    """Directions (..., h, w, 3) with z = 1 through pixels (h, w, 2) for intrinsics (..., 4)."""
    focal, centre = intrinsics[..., None, None, :2], intrinsics[..., None, None, 2:]
    flat = (pixels - centre) / focal
    return torch.cat([flat, torch.ones_like(flat[..., :1])], -1)


def lift(depth: Tensor, c2w: Tensor, directions: Tensor) -> Tensor:
    """World points (..., h, w, 3) of z-depths (..., h, w) in metres along ``directions`` (..., h, w, 3)."""
    points = directions * depth[..., None]
    rotated = torch.einsum("...ij,...hwj->...hwi", c2w[..., :3, :3], points)
    return rotated + c2w[..., None, None, :3, 3]


def project(points: Tensor, w2c: Tensor, intrinsics: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (..., h, w, 2) and z-depth (..., h, w) of world points (..., h, w, 3); pixels behind are meaningless."""
    camera = torch.einsum("...ij,...hwj->...hwi", w2c[..., :3, :3], points) + w2c[..., None, None, :3, 3]
    z = camera[..., 2]
    flat = camera[..., :2] / z.clamp(min=1e-3)[..., None]
    return flat * intrinsics[..., None, None, :2] + intrinsics[..., None, None, 2:], z


def plucker_rays(c2w: Tensor, intrinsics: Tensor, width: int, height: int, step: int) -> Tensor:
    """Ray moments and unit directions (..., 6, h, w) at cells of ``step`` pixels, in the poses' own frame."""
    directions = ray_directions(pixel_grid(width, height, step, c2w.device).to(c2w.dtype), intrinsics)
    world = torch.einsum("...ij,...hwj->...hwi", c2w[..., :3, :3], directions)
    world = torch.nn.functional.normalize(world, dim=-1)
    origin = c2w[..., None, None, :3, 3].expand_as(world)
    return torch.cat([torch.linalg.cross(origin, world), world], -1).movedim(-1, -3)


def view_overlap(
    queries: Tensor, candidates: Tensor, intrinsics: Tensor, width: int, height: int, *, near: float, far: float, samples: int
) -> Tensor:
    """Share of the points of each query's view that each candidate sees, (Q, C) in 0..1.

    The view of a query (Q, 4, 4) is sampled by ``samples``^3 points between ``near`` and ``far`` metres; a candidate
    (C, 4, 4) sees a point that falls inside its image (intrinsics (4,), shared) and depth range.
    """
    u = torch.linspace(0, width, samples, dtype=queries.dtype, device=queries.device)
    v = torch.linspace(0, height, samples, dtype=queries.dtype, device=queries.device)
    z = torch.linspace(near, far, samples, dtype=queries.dtype, device=queries.device)
    grid = torch.cartesian_prod(u, v, z)  # (P, 3)
    points = torch.cat([(grid[:, :2] - intrinsics[2:]) / intrinsics[:2] * grid[:, 2:], grid[:, 2:]], -1)
    world = points @ queries[:, :3, :3].transpose(-1, -2) + queries[:, None, :3, 3]  # (Q, P, 3)
    w2c = invert_pose(candidates)
    seen = torch.einsum("cij,qpj->qcpi", w2c[:, :3, :3], world) + w2c[None, :, None, :3, 3]
    depth = seen[..., 2]
    pixels = seen[..., :2] / depth.clamp(min=1e-6)[..., None] * intrinsics[:2] + intrinsics[2:]
    limit = torch.tensor([width, height], dtype=pixels.dtype, device=pixels.device)
    inside = ((pixels >= 0) & (pixels <= limit)).all(-1) & (depth >= near) & (depth <= far)
    return inside.to(queries.dtype).mean(-1)
