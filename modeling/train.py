"""The train stage: autoencoder, prepared windows, denoiser.

Each part starts from the weights that ship with the repository unless told otherwise, and goes on where a killed run
stopped.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import nn

from infra.datasets import load_dataset
from infra.schema import Checkpoint, DatasetVersion
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store
from modeling.autoencoder import Autoencoder
from modeling.base_weights import load_base_weights
from modeling.checkpoint import find_checkpoint, save_checkpoint
from modeling.clips import clips_of
from modeling.conditioning import TINY_WORLD, WorldConfig
from modeling.denoiser import Denoiser
from modeling.denoiser_blocks import Block
from modeling.device import DeviceName, Precision, set_precision, training_device
from modeling.loop import NO_TRAINING
from modeling.train_autoencoder import AutoencoderTrainingConfig, evaluate_autoencoder, train_autoencoder
from modeling.train_denoiser import DenoiserTrainingConfig, train_denoiser, validate
from modeling.windows import WindowsConfig, WindowSet, prepare_windows
from modeling.world_model import load_autoencoder, world_to_json

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The whole stage; ``world`` is the model, the rest how it is trained."""

    world: WorldConfig = TINY_WORLD
    autoencoder: AutoencoderTrainingConfig = AutoencoderTrainingConfig()
    windows: WindowsConfig = WindowsConfig()
    denoiser: DenoiserTrainingConfig = DenoiserTrainingConfig()
    start: Literal["base weights", "random"] = "base weights"
    max_clips: int = 1000
    device: DeviceName = "cpu"
    precision: Precision = "auto"  # of products; what the device is fast in
    threads: int = 2
    seed: int = 0
    max_seconds: float = 14_400.0


def train(dataset: str, config: TrainConfig, store: Store, *, fresh: bool = False) -> StageResult:
    """Train on dataset version ``dataset``; outputs name the checkpoints ``autoencoder`` and ``base``.

    Raises:
        ValueError: the dataset has no training clips, or no base weights fit the configuration.
    """
    return run_stage(
        store,
        name="train",
        version=VERSION,
        inputs={"dataset": dataset, "start": start_digest(config)},
        config=config,
        work=lambda context: _train(dataset, config, store, context),
        fresh=fresh,
        keeps=("windows",),  # distilling goes on with them, and drops them
    )


def start_digest(config: TrainConfig) -> str:
    """What training starts from: the digest of the shipped weights, or "random"."""
    return "random" if config.start == "random" else load_base_weights("base").digest


def _train(dataset: str, config: TrainConfig, store: Store, context: StageContext) -> dict[str, Any]:
    training_device(config.device)  # asked first: a missing one is no matter of minutes
    torch.set_num_threads(config.threads)
    set_precision(config.precision)
    manifest = load_dataset(store, dataset)
    autoencoder = _train_autoencoder(manifest, dataset, config, store, context)
    windows, held_out = prepare(manifest, load_autoencoder(store, autoencoder), config, store, context)
    base = _train_denoiser(windows, held_out, dataset, autoencoder, config, store, context)
    metrics = {"autoencoder": json.loads(autoencoder.metrics), "base": json.loads(base.metrics)}
    return {"autoencoder": autoencoder.digest, "base": base.digest, "dataset": dataset, "metrics": metrics}


def _train_autoencoder(
    manifest: DatasetVersion, dataset: str, config: TrainConfig, store: Store, context: StageContext
) -> Checkpoint:
    marker = context.scratch / "autoencoder.digest"
    if marker.exists():
        return find_checkpoint(store, marker.read_text())
    torch.manual_seed(config.seed)
    model, part = Autoencoder(config.autoencoder.model), config.autoencoder
    parents: tuple[str, ...] = (dataset,)
    if config.start == "base weights":
        base = load_base_weights("autoencoder")
        base.load_into(model, dataclasses.asdict(part.model))
        parents = (dataset, base.keep(store))
    model.to(training_device(config.device))
    clips = clips_of(manifest, "train")[: config.max_clips]
    say = _labelled(context, "autoencoder")
    context.progress.doing("autoencoder: reading clips")
    if part.optimiser.steps:
        log = train_autoencoder(store, clips, part, model, context.scratch / "autoencoder", say, context.out_of_time)
    else:
        log = NO_TRAINING
    metrics = {"held_out_psnr": evaluate_autoencoder(store, clips_of(manifest, "val"), model)}
    row = save_checkpoint(
        store,
        model.eval(),
        kind="autoencoder",
        config=json.dumps(dataclasses.asdict(part.model), sort_keys=True),
        parents=parents,
        origin="base weights" if config.start == "base weights" else "random",
        log=log,
        metrics=metrics,
    )
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.with_suffix(".part").write_text(row.digest)
    marker.with_suffix(".part").replace(marker)  # whole or not at all
    return row


def prepare(
    manifest: DatasetVersion, autoencoder: Autoencoder, config: TrainConfig, store: Store, context: StageContext
) -> tuple[WindowSet, WindowSet]:
    """Training and held-out windows for an autoencoder, on the device that the config names."""
    autoencoder.to(device := training_device(config.device))
    sets = []
    for split in ("train", "val"):
        clips = clips_of(manifest, split)[: config.max_clips]
        say = _labelled(context, f"{split} windows")
        folder = context.scratch / "windows"
        paths = prepare_windows(store, clips, autoencoder, config.world, config.windows, folder, say)
        sets.append(WindowSet(paths, config.world, device))
    return sets[0], sets[1]


def _train_denoiser(
    windows: WindowSet,
    held_out: WindowSet,
    dataset: str,
    autoencoder: Checkpoint,
    config: TrainConfig,
    store: Store,
    context: StageContext,
) -> Checkpoint:
    torch.manual_seed(config.seed + 1)
    denoiser = make_denoiser(config.world)
    parents: tuple[str, ...] = (dataset, autoencoder.digest)
    if config.start == "base weights":
        base = load_base_weights("base")
        base.load_into(denoiser, dataclasses.asdict(config.world.denoiser))
        parents = (*parents, base.keep(store))
    denoiser.to(windows.device)
    say = _labelled(context, "denoiser")
    log = train_denoiser(windows, denoiser, config.world, config.denoiser, context.scratch / "denoiser", say, context.out_of_time)
    context.progress.doing("denoiser: held-out figures")
    metrics = {
        "held_out_error_geometry": validate(held_out, denoiser, config.world, geometry=True),
        "held_out_error": validate(held_out, denoiser, config.world, geometry=False),
    }
    return save_checkpoint(
        store,
        denoiser,
        kind="base",
        config=world_to_json(config.world, steps=4),
        parents=parents,
        origin="base weights" if config.start == "base weights" else "random",
        log=log,
        metrics=metrics,
    )


def make_denoiser(world: WorldConfig) -> Denoiser:
    """A denoiser ready to train: output projections start at zero, so that it first predicts its anchor."""
    denoiser = Denoiser(world.denoiser)
    outputs: list[nn.Linear] = [denoiser.head.head] if world.prediction == "residual" else []
    for block in denoiser.blocks:
        assert isinstance(block, Block)
        outputs += [block.cam_scale_layer, block.cam_shift_layer, block.cross_attn.o]
        if block.action_model is not None:
            outputs += [block.action_model.proj_mouse, block.action_model.proj_keyboard]
    for layer in outputs:
        nn.init.zeros_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return denoiser


def _labelled(context: StageContext, label: str) -> Any:
    return lambda done, total, message: context.progress(done, total, f"{label}: {message}")
