"""What the benchmark adds on a CUDA device: stages, frames a second with each decoder, memory, roofline, kernels.

Every figure is measured here and now; what this device or this torch lacks is a line that says so.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from inference.bench.cases import Case, run_plainly
from inference.bench.kernels import compare_attention, compare_products
from inference.bench.measure import Flops, Times, time_often
from inference.fast.denoiser import FastDenoiser
from inference.fast.frozen import Frozen
from inference.fast.prompt import prepare_prompt
from modeling.autoencoder import Autoencoder, AutoencoderConfig
from modeling.autoencoder_layers import Stream
from modeling.int8 import quantise_linears

DECODER_WIDTHS: Final = {"wan": 256, "light50": 128, "light75": 64}
PIECE: Final = 2  # latents decoded at a time: full-size activations of all ten would not fit beside the denoiser
# Sustained bfloat16 rates that published kernels reach on Hopper (H100, H200), for the share of the roofline.
ROOFLINE: Final = {"products": 790e12, "attention": 620e12}
REPEATS: Final = 5

Segment = Callable[[], Tensor]


def measure_gpu(
    fast: FastDenoiser, case: Case, segment: Segment, flops: dict[str, Flops], steps: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Everything beside the ratio; ``segment`` gives the new latents of one segment."""
    device = case.noise.device
    stages = _stages(fast, case, device)
    for name, taken in stages.items():
        say(f"  {name:<34} {1e3 * taken.median:>10.2f} ms  (min {1e3 * taken.min:.2f})")
    result: dict[str, Any] = {"stages_seconds": {name: vars(taken) for name, taken in stages.items()}}
    result["roofline"] = _roofline(stages["step, fast"], flops["fast_step"], device, say)
    result["end_to_end"] = {}
    if case.model.config.latent_channels == AutoencoderConfig().latent_channels:
        for name in DECODER_WIDTHS:
            result["end_to_end"][name] = _attempt(name, partial(_end_to_end, name, case, segment, say), say)
    result["attention"] = compare_attention(case, say)
    result["products"] = compare_products(case, say)
    quantise_linears(case.model)  # last: it changes the model
    cache = fast.prepare(case.inputs, prepare_prompt(case.model, case.text))
    eight = _attempt("step, 8-bit q k v o", lambda: vars(_step_times(fast, case, cache)), say)
    result["stages_seconds"]["step, 8-bit q k v o"] = eight
    if "median" in eight:
        say(f"  {'step, 8-bit q k v o':<34} {1e3 * eight['median']:>10.2f} ms  (min {1e3 * eight['min']:.2f})")
    return result


def _stages(fast: FastDenoiser, case: Case, device: torch.device) -> dict[str, Times]:
    time = torch.full((1,), 900.0, device=device)
    prompt = prepare_prompt(case.model, case.text)
    cache = fast.prepare(case.inputs, prompt)
    frozen = Frozen()
    fast.step(case.noise, time, cache, frozen)
    work: dict[str, Callable[[], object]] = {
        "prompt": lambda: prepare_prompt(case.model, case.text),
        "prepare a segment": lambda: fast.prepare(case.inputs, prompt),
        "step, plain": lambda: run_plainly(case.model, case.inputs, case.text, case.noise, time),
        "step, fast": lambda: fast.step(case.noise, time, cache),
        "step, approximate (frozen)": lambda: fast.step(case.noise, time, cache, frozen),
    }
    return {name: time_often(one, device, REPEATS) for name, one in work.items()}


def _step_times(fast: FastDenoiser, case: Case, cache: Any) -> Times:
    time = torch.full((1,), 900.0, device=case.noise.device)
    return time_often(lambda: fast.step(case.noise, time, cache), case.noise.device, REPEATS)


def _roofline(step: Times, flops: Flops, device: torch.device, say: Callable[[str], None]) -> dict[str, float] | None:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    if not any(known in name for known in ("H100", "H200")):
        say(f"  share of the roofline: no rates are known for {name}")
        return None
    bound = flops.products / ROOFLINE["products"] + flops.attention / ROOFLINE["attention"]
    reached = flops.total / step.median / 1e12
    say(f"  fast step: {reached:.0f} TFLOP/s, {100 * bound / step.median:.0f} % of the roofline (790 products, 620 attention)")
    return {"tflops": reached, "share": bound / step.median, "bound_seconds": bound}


def _end_to_end(name: str, case: Case, segment: Segment, say: Callable[[str], None]) -> dict[str, Any]:
    """One segment from its inputs to bytes in host memory; the video goes on from one to the next."""
    device, dtype = case.noise.device, case.noise.dtype
    config = replace(AutoencoderConfig(), encoder_width=16, decoder_width=DECODER_WIDTHS[name])  # the encoder does not run
    autoencoder = Autoencoder(config).to(device, dtype).eval().requires_grad_(False)
    stream = Stream()
    assert case.inputs.past is not None
    decode_bytes(autoencoder, case.inputs.past, stream)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    latents = segment()
    decoding = time_often(lambda: decode_bytes(autoencoder, latents, stream), device, REPEATS)
    whole = time_often(lambda: decode_bytes(autoencoder, segment(), stream), device, REPEATS)
    frames = config.time_stride * latents.shape[2]
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    say(
        f"  {name:<8} decode {1e3 * decoding.median:>8.1f} ms, segment {1e3 * whole.median:>8.1f} ms, "
        f"{frames / whole.median:>6.2f} frames a second end to end" + (f", peak {peak:.1f} GiB" if peak else "")
    )
    seconds = {"decode_seconds": vars(decoding), "segment_seconds": vars(whole)}
    return {**seconds, "frames": frames, "frames_a_second": frames / whole.median, "peak_gib": peak}


def decode_bytes(autoencoder: Autoencoder, latents: Tensor, stream: Stream) -> Tensor:
    """Frames (T, H, W, 3) uint8 in host memory."""
    pieces = []
    for piece in latents.split(PIECE, 2):
        video = autoencoder.decode(piece, stream)[0, :3]
        pieces.append(((video.float() + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 3, 0).cpu())
    return torch.cat(pieces)


def _attempt(name: str, work: Callable[[], dict[str, Any]], say: Callable[[str], None]) -> dict[str, Any]:
    """Run it, or say in one line why not."""
    try:
        return work()
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        say(f"  {name}: did not run: {reason}")
        return {"did_not_run": reason}
