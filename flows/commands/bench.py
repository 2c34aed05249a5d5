"""The verb ``bench``: measure, print what was measured, and write it as JSON."""

import json
from pathlib import Path
from typing import get_args

import click
import torch

from inference.bench.cases import SIZES, SizeName
from inference.bench.denoiser import DenoiserBenchConfig, bench_denoiser


@click.group(epilog="Example: worldloom bench denoiser --size tiny")
def bench() -> None:
    """Measure a part of Worldloom on this machine."""


@bench.command(epilog="Example: worldloom bench denoiser --size wide --repeats 5 --out bench.json")
@click.option("--size", "sizes", multiple=True, type=click.Choice(get_args(SizeName)), help="Repeatable.  [default: all]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="[default: cuda where there is one]")
@click.option("--repeats", type=click.IntRange(min=1), default=DenoiserBenchConfig.repeats, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures there as JSON.")
def denoiser(sizes: tuple[SizeName, ...], device: str | None, repeats: int, out: Path | None) -> None:
    """Time the denoiser's clean path and its fast path in turn on a steady segment; on a GPU also all around it."""
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if out is not None and not out.parent.is_dir():
        raise click.ClickException(f"no folder {out.parent} for --out; make it first")
    fitting: tuple[SizeName, ...] = ("tiny", "wide", "5b") if chosen == "cuda" else ("tiny", "wide")
    config = DenoiserBenchConfig(device=chosen, repeats=repeats)
    results = [bench_denoiser(size, SIZES[size], config, click.echo) for size in sizes or fitting]
    if out is not None:
        out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
