"""Parity of the clip loop's bookkeeping: the loop runs with a stand-in model and decoder, and every column is compared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn

from inference.parity.fixture import Fixture
from inference.parity.result import CaseResult
from inference.released.decoding import ClipDecoder
from inference.released.loop import Clip, ClipLoop
from inference.released.predictor import PlainPredictor
from modeling.autoencoder_layers import Stream

TIE: Final = 0.02  # how much less than the best a remembered view may overlap: points on borders fall to either side
ANSWERS: Final = "selected_index_before_override"
LENGTHS: Final = ("seq_len",)  # tokens with padding: there is none here, so all that counts is that it holds them


@dataclass
class StandInDenoiser:
    """Keeps what it is asked with and answers with noise of its own, so that every latent differs from the others."""

    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, x: Tensor, time: Tensor, text: Tensor, **given: Any) -> Tensor:
        self.calls.append({"x": x, "time": time, **given})
        return torch.randn(x.shape, generator=torch.Generator().manual_seed(len(self.calls)))


@dataclass
class StandInDecoder:
    """Keeps which latents it is given and whether they begin a video."""

    calls: list[tuple[int, bool]] = field(default_factory=list)
    conv1: nn.Module = field(default_factory=lambda: nn.Conv3d(1, 1, 1))

    def decode(self, latents: Tensor, stream: Stream) -> Tensor:
        self.calls.append((latents.shape[2], not stream.started))
        frames = 4 * latents.shape[2] - 3 * (not stream.started)
        stream.history[self.conv1] = latents
        return torch.zeros(1, 3, frames, 2, 2)


def compare_tables(table: Mapping[str, Any], clips: Fixture, stride: int, patch: int) -> list[CaseResult]:
    """One row a clip for its columns, and one for what memory answered."""
    results = []
    for track, rows in table["tables"].items():
        results += _compare_track(track, rows, clips, stride, patch)
    counts = {"clips": max(len(rows) for rows in table["tables"].values()), "total_frames": _total(table)}
    off = [name for name in table.keys() - {"note", "tables"} if table[name] != counts.get(name)]
    return [*results, CaseResult(name="segment table in all", worst=float(len(off)), tolerance=0.0, note=", ".join(off))]


def _total(table: Mapping[str, Any]) -> int:
    return max(int(row["total_frames_so_far"]) for rows in table["tables"].values() for row in rows)


def _compare_track(track: str, rows: list[dict[str, Any]], clips: Fixture, stride: int, patch: int) -> list[CaseResult]:
    keyboard, mouse = clips[f"table.{track}.keyboard"], clips[f"table.{track}.mouse"]
    model, decoder, picture = StandInDenoiser(), StandInDecoder(), clips["image_latent"]
    loop = ClipLoop(picture, PlainPredictor(model, clips["ctx"][None]), stride=stride)
    frames = ClipDecoder(decoder.decode)
    world, total, results = torch.zeros_like(picture[:, :, :0]), 0, []  # world: all latents so far
    for row in rows:
        model.calls.clear()
        decoder.calls.clear()
        new = slice(loop.plan.new_frames.start, loop.plan.new_frames.stop)
        noise = torch.randn(loop.noise_shape, generator=torch.Generator().manual_seed(new.start))
        clip = loop.next(keyboard[new], mouse[new], noise, row.get(ANSWERS))
        made = len(list(frames.decode(clip.latents)))
        total += made
        found = _columns(clip, model.calls[0], world, patch) | _decoded(decoder, made, total)
        results += _compare_row(f"segment table {track} clip {row['clip_idx']}", row, found, clip)
        world = torch.cat([world, clip.latents], 2)
    return results


def _compare_row(name: str, row: Mapping[str, Any], found: dict[str, Any], clip: Clip) -> list[CaseResult]:
    """Columns are equal or not; of memory's answers each may be a little worse than the best."""
    off = sorted(
        column for column in row.keys() | found.keys() if column not in (ANSWERS, *LENGTHS) and _differs(column, row, found)
    )
    off += [column for column in LENGTHS if column not in row or row[column] < found["tokens_used"]]
    results = [CaseResult(name=name, worst=float(len(off)), tolerance=0.0, note=", ".join(off))]
    if ANSWERS in row or clip.answer is not None:
        worst = clip.answer.shortfall(row[ANSWERS]) if clip.answer and ANSWERS in row else math.inf
        results.append(CaseResult(name=f"{name} memory", worst=worst, tolerance=TIE, note="less overlap than the best"))
    return results


def _differs(column: str, row: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return column not in row or column not in found or row[column] != found[column]


def _columns(clip: Clip, call: Mapping[str, Any], world: Tensor, patch: int) -> dict[str, Any]:
    """What the model was given in the clip's first step, under the table's names."""
    plan, x, actions = clip.plan, call["x"], call["actions"]
    spots = x.shape[3] * x.shape[4] // patch**2
    memory = 0 if call["memory"] is None else call["memory"].latents.shape[2]
    columns = {
        "clip_idx": plan.number,
        "first_clip": plan.number == 0,
        "start_frame": plan.frames.start,
        "end_frame_exclusive": plan.frames.stop,
        "num_frames": len(plan.frames),
        "camera_source_frames": [plan.frames.start, plan.frames.stop - 1],
        "camera_target_frames": list(plan.camera_frames),
        "framewise_relative": True,  # the only form there is; the embeddings of segment_e2e prove it
        "latent_start": int(call["positions"][0]),
        "latent_end_exclusive": int(call["positions"][-1]) + 1,
        "num_latents_denoised": x.shape[2],
        "action_frames_given": [actions.mouse.shape[1], actions.keyboard.shape[1]],
        "clean_latents_at_front": clip.inputs.past.shape[2],
        "timestep_per_latent_first_step": call["time"][0].tolist(),
        "tokens_per_latent": spots,
        "tokens_used": spots * (memory + x.shape[2]),
        "plucker_latents": call["rays"].shape[2],
        "clean_latents_passed_to_next_clip_global_range": [plan.handed_on.start, plan.handed_on.stop],
        "latents_decoded_global_range": [plan.decoded.start, plan.decoded.stop],
    }
    return columns if memory == 0 else columns | _memory_columns(clip, call, world)


def _memory_columns(clip: Clip, call: Mapping[str, Any], world: Tensor) -> dict[str, Any]:
    plan, memory, actions = clip.plan, call["memory"], call["actions"]
    blocks = [plan.memory_block(frame) for frame in clip.memory_frames]
    clean = call["x"][:, :, : plan.clean]
    places = [start for start in range(world.shape[2]) if torch.equal(clean, world[:, :, start : start + plan.clean])]
    return {
        "memory_candidates_frames": [plan.candidates[0], plan.candidates[-1]],
        "selected_index_base": list(plan.queries),
        "selected_index": list(clip.memory_frames),
        "latent_idx": memory.positions.tolist(),
        "aligned_memory_blocks": [[block[0], block[-1]] for block in blocks],
        "memory_pose_frame": [block[-1] for block in blocks],
        "x_memory_equals_generated_latents_at_latent_idx": torch.equal(memory.latents, world[:, :, memory.positions]),
        "clean_latents_equal_global_latents": [places[0], places[0] + plan.clean] if places else None,
        "timestep_memory_all_zero": memory.time is None or not bool(memory.time.any()),
        "mouse_cond_memory": actions.memory_mouse.unique().tolist(),
        "keyboard_cond_memory": actions.memory_keyboard.unique().tolist(),
    }


def _decoded(decoder: StandInDecoder, frames: int, total: int) -> dict[str, Any]:
    return {
        "decode_first_chunk": decoder.calls[0][1],
        "decode_segment_size": max(latents for latents, _ in decoder.calls),
        "frames_decoded": frames,
        "total_frames_so_far": total,
    }
