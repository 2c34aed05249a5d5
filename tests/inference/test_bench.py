"""The benchmark measures what it says, at a size that takes no time; the part for GPUs runs here too, on a CPU."""

import dataclasses
import json

import pytest
import torch

from inference.bench import gpu
from inference.bench.cases import Size, make_case, run_plainly
from inference.bench.denoiser import DenoiserBenchConfig, bench_denoiser
from inference.bench.measure import Flops, count_flops, interleave
from inference.bench.play import PlayBenchConfig, bench_play
from inference.fast.denoiser import FastDenoiser
from inference.fast.prompt import prepare_prompt
from infra.errors import WorldloomError
from tests.inference.denoiser_cases import SIZES

SMALL = Size(denoiser=SIZES, height=4, width=6)


def test_products_and_attention_are_counted():
    x, weight = torch.randn(5, 6), torch.randn(7, 6)
    heads = torch.randn(1, 2, 9, 8)
    found = count_flops(lambda: (x @ weight.t(), torch.nn.functional.scaled_dot_product_attention(heads, heads, heads)))
    assert found == Flops(products=2 * 5 * 6 * 7, attention=4 * 9 * 9 * 2 * 8)


def test_variants_are_timed_in_turn():
    order: list[str] = []
    times = interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3, torch.device("cpu"))
    assert "".join(order) == "baabbaab"
    assert [len(taken.all) for taken in times.values()] == [3, 3]


def test_a_run_gives_every_figure_and_both_paths_agree():
    lines: list[str] = []
    result = json.loads(json.dumps(bench_denoiser("small", SMALL, DenoiserBenchConfig(repeats=1), lines.append)))
    assert result["seconds"].keys() == {"plain", "fast", "frozen", "hoisted"}
    assert result["largest_difference"] < 1e-4
    assert result["flops"]["fast"]["total"] < result["flops"]["plain"]["total"]
    assert result["ratio"]["flops"] > 1
    assert result["tokens"] == 19 * 6
    assert any("GFLOP a segment" in line for line in lines)
    assert "gpu" not in result


@torch.no_grad()
def test_the_part_for_gpus_measures_or_says_why_not(monkeypatch):
    monkeypatch.setattr(gpu, "DECODER_WIDTHS", {"narrow": 8})
    case = make_case(SMALL, torch.device("cpu"), torch.float32)
    lines: list[str] = []
    fast = FastDenoiser(case.model)
    cache = fast.prepare(case.inputs, prepare_prompt(case.model, case.text))
    time = torch.tensor([900.0])
    flops = {"fast_step": count_flops(lambda: run_plainly(case.model, case.inputs, case.text, case.noise, time))}
    result = json.loads(
        json.dumps(gpu.measure_gpu(fast, case, lambda: fast.step(case.noise, time, cache), flops, 3, lines.append))
    )
    assert result["end_to_end"]["narrow"]["frames"] == 40
    assert result["end_to_end"]["narrow"]["frames_a_second"] > 0
    assert result["roofline"] is None
    for shape in result["attention"].values():
        assert shape["SDPA cuDNN"].keys() == {"did_not_run"}
    for shape in result["products"].values():
        assert shape["float32"]["tflops"] > 0
        assert shape["int8, product alone"]["median"] > 0
    assert any("no rates are known" in line for line in lines)


def test_what_cannot_be_measured_here_is_refused():
    wide = dataclasses.replace(DenoiserBenchConfig(), device="cpu")
    with pytest.raises(WorldloomError, match="needs a CUDA device"):
        bench_denoiser("5b", SMALL, wide, print)
    if not torch.cuda.is_available():
        with pytest.raises(WorldloomError, match="no CUDA device"):
            bench_denoiser("tiny", SMALL, DenoiserBenchConfig(device="cuda"), print)


def test_play_is_timed_in_both_types_with_one_thread_and_with_two():
    said: list[str] = []
    result = bench_play(PlayBenchConfig(repeats=1, width=112, height=64), said.append)
    kinds = {f"{precision}, {threads}" for precision in ("float32", "bfloat16") for threads in ("1 thread", "2 threads")}
    assert result["seconds"].keys() == kinds and all(taken["median"] > 0 for taken in result["seconds"].values())
    assert all(any(kind in line for line in said) for kind in kinds) and result["machine"]["cpu"] in said[-1]
    assert torch.get_num_threads() == 1
