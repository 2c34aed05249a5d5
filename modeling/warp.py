"""Geometric memory: past frames lifted by their depth and seen again from the commanded pose.

The target's depth comes first, by splatting; then each target pixel looks its colour up in the sources, so that the
picture stays as sharp as the source. Depth edges are not trusted: predicted depth is soft there and would tear.
Legend: S sources, T targets, H W pixels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from infra.geometry import invert_pose, lift, pixel_grid, project, ray_directions


@dataclass(frozen=True, kw_only=True)
class WarpConfig:
    """How far a warp is trusted."""

    near: float = 0.1  # metres
    far: float = 100.0  # metres; the sky is warped as if it stood there
    edge: float = 0.3  # relative depth step between neighbours above which a source pixel is not used
    agreement: float = 0.4  # relative depth difference at which target and source still are the same surface
    step: int = 2  # pixels between splatted points


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Frames to warp from, the most trusted first."""

    rgb: Tensor  # (S, 3, H, W) in -1..1
    depth: Tensor  # (S, H, W) z-depth in metres
    c2w: Tensor  # (S, 4, 4) float64


@dataclass(frozen=True, kw_only=True)
class Warped:
    """What the sources show from the target poses; holes are filled smoothly and marked invalid."""

    rgb: Tensor  # (T, 3, H, W) in -1..1
    valid: Tensor  # (T, 1, H, W) 0 or 1
    depth: Tensor  # (T, H, W) metres, far where unknown


def warp_frames(sources: Sources, c2w: Tensor, intrinsics: Tensor, config: WarpConfig) -> Warped:
    """See ``sources`` from poses ``c2w`` (T, 4, 4) with ``intrinsics`` (4,)."""
    poses = torch.cat([sources.c2w, c2w])
    local = (invert_pose(sources.c2w[:1]) @ poses).float()  # float32 is enough near the origin, and faster
    origin, target = local[: len(sources.c2w)], local[len(sources.c2w) :]
    intrinsics = intrinsics.float()
    depth = sources.depth.float().clamp(config.near, config.far)
    solid = ~depth_edges(depth, config.edge)
    seen = _splat_depth(depth, solid, origin, target, intrinsics, config)  # (T, H, W)
    rgb, valid = _look_up(sources.rgb, depth, origin, target, intrinsics, seen, config)
    return Warped(rgb=fill_holes(rgb, valid), valid=valid, depth=seen)


def depth_edges(depth: Tensor, threshold: float) -> Tensor:
    """True (S, H, W) where inverse depth steps by more than ``threshold`` relative to its size within 3x3 pixels."""
    inverse = (1 / depth)[:, None]
    high = F.max_pool2d(inverse, 3, 1, 1)
    low = -F.max_pool2d(-inverse, 3, 1, 1)
    return ((high - low) > threshold * high + 0.002)[:, 0]


def _splat_depth(depth: Tensor, solid: Tensor, origin: Tensor, target: Tensor, intrinsics: Tensor, config: WarpConfig) -> Tensor:
    """Nearest depth (T, H, W) that any source point leaves on each target pixel; ``far`` where none falls."""
    height, width = depth.shape[-2:]
    step = config.step
    directions = ray_directions(pixel_grid(width, height, step, depth.device), intrinsics)
    # Of each step x step cell the nearest depth is splatted, so that thin things stay in front.
    cells = -F.max_pool2d(-torch.where(solid, depth, torch.inf)[:, None], step)[:, 0]
    usable = torch.isfinite(cells)
    world = lift(torch.where(usable, cells, config.far), origin, directions)  # (S, h, w, 3)
    pixels, z = project(world[None], invert_pose(target)[:, None], intrinsics)  # (T, S, h, w, ...)
    column, row = (pixels / step).floor().long().unbind(-1)
    w, h = width // step, height // step
    inside = usable & (column >= 0) & (column < w) & (row >= 0) & (row < h) & (z > config.near)
    index = torch.where(inside, row * w + column, h * w).flatten(1)
    buffer = depth.new_full((len(target), h * w + 1), torch.inf)
    buffer = buffer.scatter_reduce(1, index, torch.where(inside, z, torch.inf).flatten(1), "amin")
    nearness = 1 / buffer[:, :-1].view(-1, 1, h, w)  # 0 where nothing fell
    known = (nearness > 0).float()
    around = F.avg_pool2d(nearness, 3, 1, 1) / F.avg_pool2d(known, 3, 1, 1).clamp(min=1e-6)
    closed = torch.where(known > 0, nearness, around)  # cracks between splatted points take their neighbours' mean
    smooth = F.interpolate(closed, (height, width), mode="bilinear", align_corners=False)
    return 1 / smooth[:, 0].clamp(min=1 / config.far)


def _look_up(
    rgb: Tensor,
    depth: Tensor,
    origin: Tensor,
    target: Tensor,
    intrinsics: Tensor,
    seen: Tensor,
    config: WarpConfig,
) -> tuple[Tensor, Tensor]:
    """Colour (T, 3, H, W) and validity (T, 1, H, W): for each target pixel the first source that sees its surface."""
    height, width = depth.shape[-2:]
    count, sources = len(target), len(depth)
    directions = ray_directions(pixel_grid(width, height, 1, depth.device), intrinsics)
    world = lift(seen, target, directions)  # (T, H, W, 3)
    pixels, z = project(world[None], invert_pose(origin)[:, None], intrinsics)  # (S, T, H, W, ...)
    scale = torch.tensor([width, height], device=depth.device)
    grid = (pixels / scale * 2 - 1).view(sources, count * height, width, 2)
    layers = torch.cat([rgb.float(), 1 / depth[:, None]], 1)
    found = F.grid_sample(layers, grid, mode="bilinear", padding_mode="border", align_corners=False)
    found = found.view(sources, 4, count, height, width)
    same = (found[:, 3] * z - 1).abs() < config.agreement
    inside = (grid.abs() <= 1).all(-1).view(sources, count, height, width) & (z > config.near)
    good = same & inside
    image, valid = torch.zeros_like(found[0, :3]), torch.zeros_like(good[0])
    for source in range(sources):  # few: first come, first served
        take = good[source] & ~valid
        image = torch.where(take, found[source, :3], image)
        valid = valid | take
    return image.transpose(0, 1), valid[:, None].float()


def fill_holes(rgb: Tensor, valid: Tensor) -> Tensor:
    """Fill invalid pixels of (T, 3, H, W) from ever coarser averages of the valid ones around them."""
    levels = [(rgb * valid, valid)]
    while max(levels[-1][0].shape[-2:]) > 1:
        colour, weight = levels[-1]
        mean = F.avg_pool2d(weight, 2, ceil_mode=True)
        levels.append((F.avg_pool2d(colour, 2, ceil_mode=True) / mean.clamp(min=1e-6), (mean > 0).float()))
    filled = levels[-1][0]
    for colour, weight in reversed(levels[:-1]):
        coarse = F.interpolate(filled, colour.shape[-2:], mode="bilinear", align_corners=False)
        filled = colour * weight + coarse * (1 - weight)
    return filled
