"""The camera of the published Matrix-Game 3.0: its poses, rays and their order, which differ from ours in everything.

The release's world is in centimetres, x forward, y right, as in Unreal Engine; a pose is (x, y, z, pitch, yaw) with
degrees. Its cameras are left-handed (determinant -1: columns right, up in Unreal's sense, forward) with positions in
metres. ``to_release`` and ``from_release`` are the only ways between it and the rest of the project. Nothing here
loops over frames or waits for the device. Legend: T frames, F latents, M memory latents, h w cells.
"""

from typing import Final

import torch
from einops import rearrange
from torch import Tensor

from infra.geometry import pixel_grid, ray_directions, relative_pose

STEP: Final = 12.35  # centimetres a frame along one axis
DIAGONAL_STEP: Final = 8.73  # along each of two axes: 0.03 % shorter than STEP in all
DEGREES_PER_MOUSE_UNIT: Final = 15.0
DEAD_ZONE: Final = 0.02  # a smaller mouse value turns nothing
METRES: Final = 0.01  # a unit of position


def integrate_actions(keyboard: Tensor, mouse: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Poses (..., T, 5) before each action row (..., T, 6), (..., T, 2) from pose ``first`` (..., 5), and the pose after all.

    As ``infra.dynamics.integrate``, but for three habits of the release: on a diagonal a step is 0.03 % shorter, no
    pitch is too steep, and a step whose yaw passes +-180 goes backwards, because it follows the mean of wrapped angles.
    """
    first = first.double()
    turns = torch.where(mouse.abs() >= DEAD_ZONE, mouse, 0).float() * DEGREES_PER_MOUSE_UNIT  # rounded as the release's
    angles = first[..., None, 3:] + _sums(turns.double())
    yaw = wrap_degrees(angles[..., 1])
    forward = (keyboard[..., 0] - keyboard[..., 1]).double()
    right = (keyboard[..., 3] - keyboard[..., 2]).double()
    step = STEP + (DIAGONAL_STEP - STEP) * (forward * right).abs()
    along = torch.deg2rad((yaw[..., 1:] + yaw[..., :-1]) / 2)
    moves = torch.stack([forward * along.cos() - right * along.sin(), forward * along.sin() + right * along.cos()], -1)
    places = first[..., None, :2] + _sums(moves * step[..., None])
    height = first[..., None, 2:3].expand_as(places[..., :1])
    poses = torch.cat([places, height, angles[..., :1], yaw[..., None]], -1)
    return poses[..., :-1, :], poses[..., -1, :]


def _sums(steps: Tensor) -> Tensor:
    """Running sums (..., T + 1, n) of steps (..., T, n), from zero."""
    return torch.nn.functional.pad(steps.cumsum(-2), (0, 0, 1, 0))


def wrap_degrees(angles: Tensor) -> Tensor:
    """Angles (..., T) that follow each other, brought to -180..180; exactly half a turn keeps the sign it was reached with."""
    wrapped = angles - 360 * (angles / 360).round()
    steps = torch.arange(angles.shape[-1], device=angles.device)
    certain = torch.where(wrapped.abs() == 180, 0, steps).cummax(-1).values
    return torch.where(wrapped.abs() == 180, 180 * wrapped.gather(-1, certain).sign(), wrapped)


def extrinsics(poses: Tensor) -> Tensor:
    """Left-handed camera-to-world (..., 4, 4) float64 of poses (..., 5)."""
    position, pitch, yaw = poses[..., :3], poses[..., 3], poses[..., 4]
    return camera_to_world(position, torch.stack([torch.zeros_like(pitch), pitch, yaw], -1))


def camera_to_world(position: Tensor, angles: Tensor) -> Tensor:
    """Left-handed camera-to-world (..., 4, 4) float64 of positions (..., 3) in centimetres, (roll, pitch, yaw) in degrees."""
    roll, pitch, yaw = torch.deg2rad(angles.double()).unbind(-1)
    sr, sp, sy, cr, cp, cy = roll.sin(), pitch.sin(), yaw.sin(), roll.cos(), pitch.cos(), yaw.cos()
    forward = torch.stack([cp * cy, cp * sy, -sp], -1)
    right = torch.stack([sr * sp * cy - cr * sy, sr * sp * sy + cr * cy, sr * cp], -1)
    third = torch.stack([-cr * sp * cy - sr * sy, sr * cy - cr * sp * sy, -cr * cp], -1)
    return _pose(torch.stack([right, third, forward], -1), position.double() * METRES)


def to_release(c2w: Tensor) -> Tensor:
    """Our camera-to-world poses (..., 4, 4) as the release's, still in metres.

    Our axes right, down, forward become forward, right, down, and the camera's second one is mirrored.
    """
    return _pose(_mirrored(c2w[..., :3, :3].roll(1, -2), -1), c2w[..., :3, 3].roll(1, -1))


def from_release(c2w: Tensor) -> Tensor:
    """The inverse of ``to_release``."""
    return _pose(_mirrored(c2w[..., :3, :3].roll(-1, -2), -1), c2w[..., :3, 3].roll(-1, -1))


def _mirrored(rotation: Tensor, side: Tensor | int) -> Tensor:
    """The second column of cameras (..., 3, 3) times ``side``, +1 or -1 (..., 1, 1): changes handedness and back."""
    return torch.cat([rotation[..., :1], rotation[..., 1:2] * side, rotation[..., 2:]], -1)


def _pose(rotation: Tensor, position: Tensor) -> Tensor:
    top = torch.cat([rotation, position[..., None]], -1)
    bottom = torch.zeros_like(top[..., :1, :])
    bottom[..., 3] = 1
    return torch.cat([top, bottom], -2)


def intrinsics_of(height: int, width: int) -> Tensor:
    """Intrinsics (4,) float64 of the release's view: 90 degrees wide and 90 high whatever the picture's shape."""
    return torch.tensor([width / 2, height / 2, width / 2, height / 2], dtype=torch.float64)


def fit_intrinsics(intrinsics: Tensor, original: tuple[int, int], resized: tuple[int, int], final: tuple[int, int]) -> Tensor:
    """Intrinsics (..., 4) after a picture was resized, then cropped or padded about its middle; sizes are (height, width)."""
    fx, fy, cx, cy = intrinsics.unbind(-1)
    scale_x, scale_y = resized[1] / original[1], resized[0] / original[0]
    shift_x, shift_y = (final[1] - resized[1]) / 2, (final[0] - resized[0]) / 2
    return torch.stack([fx * scale_x, fy * scale_y, cx * scale_x + shift_x, cy * scale_y + shift_y], -1)


def relative_poses(c2w: Tensor, *, framewise: bool, normalise: bool) -> Tensor:
    """Poses (..., F, 4, 4) relative to the one before (``framewise``) or to the first; the first becomes the identity.

    ``normalise`` divides all translations by the longest, if there is any.
    """
    reference = torch.cat([c2w[..., :1, :, :], c2w[..., :-1, :, :]], -3) if framewise else c2w[..., :1, :, :]
    relative = relative_pose(c2w, reference)
    if not normalise:
        return relative
    longest = relative[..., :3, 3].norm(dim=-1).amax(-1)
    return _scale_translation(relative, longest[..., None])


def memory_poses(c2w: Tensor, reference: Tensor) -> Tensor:
    """Poses (..., M, 4, 4), each relative to a reference (..., M, 4, 4) of its own, a metre away from it or not at all."""
    relative = relative_pose(c2w, reference)
    return _scale_translation(relative, relative[..., :3, 3].norm(dim=-1))


def _scale_translation(c2w: Tensor, length: Tensor) -> Tensor:
    translation = c2w[..., :3, 3] / torch.where(length > 0, length, 1)[..., None]
    return _pose(c2w[..., :3, :3], translation)


def interpolate_poses(c2w: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Poses (..., F, 4, 4) at times ``target`` (F,) between those (..., T, 4, 4) at increasing times ``source`` (T,).

    Positions go straight and cameras turn evenly. Left-handed cameras are mirrored for it and back. Times outside take
    the nearest pose.
    """
    after = torch.searchsorted(source.contiguous(), target.contiguous()).clamp(1, max(1, len(source) - 1))
    after = after.clamp(max=len(source) - 1)
    before = (after - 1).clamp(min=0)
    span = source[after] - source[before]
    share = ((target - source[before]) / torch.where(span > 0, span, 1)).clamp(0, 1).to(c2w)
    rotation, position = c2w[..., :3, :3], c2w[..., :3, 3]
    third = torch.linalg.cross(rotation[..., 0], rotation[..., 1], dim=-1)
    side = (third * rotation[..., 2]).sum(-1).sign()[..., None, None]  # determinant
    turned = _quaternions(_mirrored(rotation, side))
    between = _slerp(turned[..., before, :], turned[..., after, :], share[..., None])
    start, stop = position[..., before, :], position[..., after, :]
    return _pose(_mirrored(_matrices(between), side[..., before, :, :]), start + share[..., None] * (stop - start))


def _quaternions(rotation: Tensor) -> Tensor:
    """Unit quaternions (..., 4), real part first, of rotations (..., 3, 3).

    Each row of q q^T can be read off the matrix; the row of the largest component is exact whatever the angle.
    """
    m = rotation.flatten(-2).unbind(-1)
    rows = [
        [1 + m[0] + m[4] + m[8], m[7] - m[5], m[2] - m[6], m[3] - m[1]],
        [m[7] - m[5], 1 + m[0] - m[4] - m[8], m[1] + m[3], m[2] + m[6]],
        [m[2] - m[6], m[1] + m[3], 1 - m[0] + m[4] - m[8], m[5] + m[7]],
        [m[3] - m[1], m[2] + m[6], m[5] + m[7], 1 - m[0] - m[4] + m[8]],
    ]
    products = torch.stack([torch.stack(row, -1) for row in rows], -2)  # (..., 4, 4)
    largest = products.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*products.shape[:-2], 1, 4)
    return torch.nn.functional.normalize(products.gather(-2, largest)[..., 0, :], dim=-1)


def _slerp(start: Tensor, stop: Tensor, share: Tensor) -> Tensor:
    """Quaternions (..., 4) a ``share`` (..., 1) of the shorter way from ``start`` to ``stop``."""
    dot = (start * stop).sum(-1, keepdim=True)
    stop = torch.where(dot < 0, -stop, stop)
    half = torch.atan2((stop - start).norm(dim=-1, keepdim=True), (stop + start).norm(dim=-1, keepdim=True))
    angle = 2 * half
    near = angle < 1e-6
    sine = torch.where(near, 1, angle.sin())
    left = torch.where(near, 1 - share, ((1 - share) * angle).sin() / sine)
    right = torch.where(near, share, (share * angle).sin() / sine)
    return torch.nn.functional.normalize(left * start + right * stop, dim=-1)


def _matrices(quaternions: Tensor) -> Tensor:
    w, x, y, z = quaternions.unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def pixel_rays(c2w: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Origin and unit direction (..., H, W, 6) of the ray through each pixel's centre, for poses (..., 4, 4)."""
    directions = ray_directions(pixel_grid(width, height, 1, c2w.device).to(c2w), intrinsics.to(c2w))
    directions = torch.nn.functional.normalize(directions, dim=-1)
    world = torch.einsum("...ij,...hwj->...hwi", c2w[..., :3, :3], directions)
    origin = c2w[..., None, None, :3, 3].expand_as(world)
    return torch.cat([origin, world], -1)


def ray_channels(c2w: Tensor, intrinsics: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Rays of relative poses (B, F, 4, 4) or (F, 4, 4) as the model takes them, (B, 6 stride^2, F, h, w) float32.

    Channels go by ray component, then row, then column within a cell of ``stride`` pixels. Without a batch axis B is 1.
    Directions are made once for all poses and put in order before they are turned: the picture is the large part.
    """
    poses = c2w.reshape(-1, *c2w.shape[-3:]).float()
    pixels = pixel_grid(width, height, 1, c2w.device).to(c2w.dtype)
    directions = torch.nn.functional.normalize(ray_directions(pixels, intrinsics.to(c2w)), dim=-1).float()
    directions = rearrange(directions, "(h r) (w s) c -> c (r s) 1 (h w)", r=stride, s=stride)
    rays = poses.new_empty(len(poses), 6, stride**2, poses.shape[1], directions.shape[-1])
    rays[:, :3] = rearrange(poses[..., :3, 3], "b f c -> b c 1 f 1")
    turns = rearrange(poses[..., :3, :3], "b f i j -> j b i 1 f 1")
    torch.mul(turns[0], directions[0], out=rays[:, 3:])
    rays[:, 3:].addcmul_(turns[1], directions[1]).addcmul_(turns[2], directions[2])
    return rays.view(len(poses), -1, poses.shape[1], height // stride, width // stride)


def clip_rays(c2w: Tensor, intrinsics: Tensor, height: int, width: int, stride: int, *, framewise: bool = True) -> Tensor:
    """Ray channels (B, 6 stride^2, F, h, w) of a clip, from the poses (B, F, 4, 4) or (F, 4, 4) that stand for its latents."""
    return ray_channels(relative_poses(c2w, framewise=framewise, normalise=True), intrinsics, height, width, stride)


def memory_rays(c2w: Tensor, reference: Tensor, intrinsics: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Ray channels (B, 6 stride^2, M, h, w) of memory latents, each seen from the view that it was asked for."""
    return ray_channels(memory_poses(c2w, reference), intrinsics, height, width, stride)
