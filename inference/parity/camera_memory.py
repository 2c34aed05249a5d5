"""Parity of memory selection: overlaps, which frames win, and how clear each choice was."""

from typing import Final

import torch
from torch import Tensor

from inference.parity.fixture import Fixture, compare
from inference.parity.result import CaseResult
from inference.released.plan import ClipPlan
from modeling.memory import NO_CANDIDATE, select_frames

POINT: Final = 1e-4  # less than one point of a view's grid is worth; a difference of 0.02 may be a little more or less


def compare_memory(cases: Fixture, track: str, tolerance: float) -> list[CaseResult]:
    """All clips of a track. Points on a view's border may fall to either side, hence the tolerance."""
    prefix, label = f"{track}.memory.", f"camera {track} memory"
    selected, listed = cases[prefix + "selected"], cases[prefix + "overlap_ratio"]
    clips = [_select(cases, track, clip, listed.shape[-1]) for clip in range(len(selected))]
    picks, overlap = torch.stack([clip[0] for clip in clips]), torch.stack([clip[1] for clip in clips])
    wrong = sum(int((a >= 0).ne(b >= 0).sum()) for a, b in zip(overlap, listed, strict=True))
    best = listed.amax(-1)
    shortfall = best - torch.minimum(_at(listed, picks), _at(listed, selected))
    plans = [ClipPlan(number=clip + 1) for clip in range(len(selected))]
    return [
        compare(f"{label} start frames", torch.tensor([p.frames.start for p in plans]), cases[prefix + "start_frame"], 0.0),
        compare(f"{label} reference frames", torch.tensor([p.queries for p in plans]), cases[prefix + "base_frames"], 0.0),
        CaseResult(name=f"{label} candidates", worst=float(wrong), tolerance=0.0),
        compare(f"{label} overlap", overlap, listed, tolerance),
        CaseResult(name=f"{label} choice", worst=float(shortfall.max()), tolerance=tolerance, note="less overlap than the best"),
        compare(f"{label} confidence", overlap.amax(-1), cases[prefix + "confidence"], tolerance),
        _count(f"{label} ties", overlap, listed, cases[prefix + "num_tied"], 0.0),
        _count(f"{label} choices within {tolerance:g}", overlap, listed, cases[prefix + f"num_within_{tolerance:g}"], tolerance),
    ]


def _select(cases: Fixture, track: str, clip: int, frames: int) -> tuple[Tensor, Tensor]:
    """Frames (M,) that memory picks, and the overlap (M, frames) of all, -1 for those that are no candidates."""
    c2w, plan = cases.raw(f"{track}.extrinsics"), ClipPlan(number=clip + 1)
    picks, overlap = select_frames(c2w[list(plan.queries)], c2w[plan.candidates.start : plan.candidates.stop])
    known = torch.full((len(picks), frames), NO_CANDIDATE)
    known[:, plan.candidates.start : plan.candidates.stop] = overlap.float()
    return picks + plan.candidates.start, known


def _at(overlap: Tensor, frames: Tensor) -> Tensor:
    return overlap.gather(-1, frames[..., None])[..., 0]


def _count(name: str, found: Tensor, listed: Tensor, expected: Tensor, within: float) -> CaseResult:
    """How many candidates come within ``within`` of the best; those that rounding can move in or out may be counted or not."""
    slack = 2 * float((found - listed).abs().max()) + (POINT if within else 0.0)
    gap = (found.amax(-1, keepdim=True) - found).masked_fill(found < 0, torch.inf)
    fewest, most = (gap <= within - slack).sum(-1).clamp(min=1), (gap <= within + slack).sum(-1)
    off = torch.maximum(fewest - expected, expected - most).clamp(min=0)
    return CaseResult(name=name, worst=float(off.max()), tolerance=0.0)
