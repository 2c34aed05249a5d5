"""The verb ``bench``: measure, print what was measured, and write it as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import click
import torch

from annotation.wsad_curves import plot_curves
from engine.bench.appends import AppendBenchConfig, bench_appends
from engine.bench.collect import CollectBenchConfig, bench_collect
from engine.bench.sight import SightBenchConfig, bench_sight
from engine.bench.sync import SyncBenchConfig, bench_sync
from engine.explore.report import ReportConfig, bench_explore, plot_report
from flows.bench_wsad import WsadBenchConfig, bench_wsad
from flows.commands.options import OUT_FILE, PLOT, SIZE
from inference.bench.cases import SIZES, SizeName
from inference.bench.denoiser import DenoiserBenchConfig, bench_denoiser
from inference.bench.play import PlayBenchConfig, bench_play
from infra.store import open_store


def unseen_options(config: type[SyncBenchConfig | WsadBenchConfig]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of what is recorded anew for a benchmark: scenes of the embedded world, and games."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        some, any_ = click.IntRange(min=1), click.IntRange(min=0)
        for option in (
            click.option("--minetest", type=any_, default=config.minetest, show_default=True, help="Episodes; 0 leaves it out."),
            click.option("--games", type=any_, default=config.games, show_default=True, help="ViZDoom episodes."),
            click.option("--family", "families", multiple=True, help="Scene family; repeatable.  [default: all]"),
            click.option("--scenes", type=some, default=config.scenes_per_family, show_default=True, help="A family."),
        ):
            command = option(command)
        return command

    return add


def _write(out: Path | None, figures: object) -> None:
    if out is not None:
        out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


@click.group(epilog="Example: worldloom bench denoiser --size tiny")
def bench() -> None:
    """Measure a part of Worldloom on this machine."""


@bench.command(epilog="Example: worldloom bench denoiser --size wide --repeats 5 --out bench.json")
@click.option("--size", "sizes", multiple=True, type=click.Choice(get_args(SizeName)), help="Repeatable.  [default: all]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="[default: cuda where there is one]")
@click.option("--repeats", type=click.IntRange(min=1), default=DenoiserBenchConfig.repeats, show_default=True)
@click.option("--out", type=OUT_FILE, help="Write all figures there as JSON.")
def denoiser(sizes: tuple[SizeName, ...], device: str | None, repeats: int, out: Path | None) -> None:
    """Time the denoiser's clean path and its fast path in turn on a steady segment; on a GPU also all around it."""
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    fitting: tuple[SizeName, ...] = ("tiny", "wide", "5b") if chosen == "cuda" else ("tiny", "wide")
    config = DenoiserBenchConfig(device=chosen, repeats=repeats)
    results = [bench_denoiser(size, SIZES[size], config, click.echo) for size in sizes or fitting]
    _write(out, results)


@bench.command(epilog="Example: worldloom bench play --repeats 30 --out play.json")
@click.option("--repeats", type=click.IntRange(min=1), default=PlayBenchConfig.repeats, show_default=True, help="Segments.")
@click.option("--out", type=OUT_FILE, help="Write all figures there as JSON.")
def play(repeats: int, out: Path | None) -> None:
    """Time a segment of the shipped weights on the CPU: in both types, with one thread and with two."""
    _write(out, bench_play(PlayBenchConfig(repeats=repeats), click.echo))


@bench.command(epilog="Example: worldloom bench explore --out explore.json --plot explore.png")
@click.option("--scenes", type=click.IntRange(min=1), default=ReportConfig.scenes_per_family, show_default=True, help="A family.")
@click.option("--frames", type=click.IntRange(min=64), default=ReportConfig.frames, show_default=True, help="Of each walk.")
@click.option("--by-depth", is_flag=True, help="By drawn depth and swept moves, as in an unknown Unreal map.")
@click.option("--out", type=OUT_FILE, help="Write all figures there as JSON.")
@click.option("--plot", type=PLOT, help="Draw them there (png, svg, pdf).")
def explore(scenes: int, frames: int, by_depth: bool, out: Path | None, plot: Path | None) -> None:
    """Walk unseen scenes with the learned explorer, route following and a random walk; nothing is drawn but --by-depth."""
    if by_depth:
        result = bench_sight(SightBenchConfig(scenes_per_family=scenes, frames=frames), click.echo)
    else:
        result = bench_explore(ReportConfig(scenes_per_family=scenes, frames=frames), click.echo)
    _write(out, result)
    if plot is not None:
        plot_report(result, plot)


@bench.command(epilog="Example: worldloom bench collect --world embedded --out collect.json")
@click.option("--world", "worlds", multiple=True, help="Source to time; repeatable.  [default: embedded, unreal, vizdoom]")
@click.option("--size", "sizes", multiple=True, type=SIZE, help="Repeatable.  [default: 224x128, 640x360, 1280x720]")
@click.option("--masks/--no-masks", default=CollectBenchConfig.masks, show_default=True, help="Over the protocol.")
@click.option("--repeats", type=click.IntRange(min=1), default=CollectBenchConfig.repeats, show_default=True)
@click.option("--appends", "stores", multiple=True, help="Time appends in stores below a folder or s3:// address; repeatable.")
@click.option("--out", type=OUT_FILE, help="Write all figures there as JSON.")
def collect(
    worlds: tuple[str, ...], sizes: tuple[tuple[int, int], ...], masks: bool, repeats: int, stores: tuple[str, ...],
    out: Path | None,
) -> None:  # fmt: skip
    """Time full recording beside the bare renderer, or with --appends and no --world, rows into small and large tables."""
    chosen = worlds or (() if stores else CollectBenchConfig.worlds)
    config = CollectBenchConfig(worlds=chosen, sizes=sizes or CollectBenchConfig.sizes, masks=masks, repeats=repeats)
    figures = {"recording": bench_collect(config, click.echo)}
    figures["appends"] = [row for uri in stores for row in bench_appends(uri, AppendBenchConfig(), click.echo)]
    _write(out, figures)


@bench.command(epilog="Example: worldloom bench sync --minetest 0 --out sync.json")
@unseen_options(SyncBenchConfig)
@click.option("--out", type=OUT_FILE, help="Write all figures there as JSON.")
def sync(families: tuple[str, ...], scenes: int, games: int, minetest: int, out: Path | None) -> None:
    """Record unseen scenes and games, then make their rows wrong: does the sync self-test pass the first alone?"""
    chosen = families or SyncBenchConfig.families
    config = SyncBenchConfig(families=chosen, scenes_per_family=scenes, games=games, minetest=minetest)
    result = bench_sync(config, click.echo)
    _write(out, result)


@bench.command(epilog="Example: worldloom bench wsad --out wsad.json --plot wsad.png")
@unseen_options(WsadBenchConfig)
@click.option("--frames", type=click.IntRange(min=64), default=WsadBenchConfig.frames, show_default=True, help="Of each walk.")
@click.option("--store", "uri", help="Score the recorded episodes of this store instead: a folder or s3://bucket/prefix.")
@click.option("--out", type=OUT_FILE, help="Write all figures there as JSON.")
@click.option("--plot", type=PLOT, help="Draw the curves there (png, svg, pdf).")
def wsad(
    scenes: int,
    families: tuple[str, ...],
    frames: int,
    games: int,
    minetest: int,
    uri: str | None,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Compare inferred keys and mouse with recorded ones in unseen scenes and games; scenes are walked, not drawn."""
    chosen = families or WsadBenchConfig.families
    config = WsadBenchConfig(families=chosen, scenes_per_family=scenes, frames=frames, games=games, minetest=minetest)
    result = bench_wsad(config, open_store(uri) if uri else None, click.echo)
    _write(out, result)
    if plot is not None:
        plot_curves(result["curves"], plot)
