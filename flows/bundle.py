"""Bundles: what a player needs, put together from finished stages or from the weights that ship."""

import dataclasses
import io
import json
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infra.datasets import load_dataset
from infra.digest import sha256_of
from infra.lineage import code_commit
from infra.schema import Bundle, Checkpoint, DatasetClip, DatasetVersion
from infra.schema.artefact import CheckpointKind
from infra.stage import StageResult
from infra.store import Store
from infra.tables import append_rows, read_records, rows_from
from infra.video import VideoReader
from modeling.base_weights import FOLDER, Part, load_base_weights
from modeling.distil import DistilConfig
from modeling.train import TrainConfig
from modeling.world_model import world_to_json

_SHIPPED: Final[tuple[tuple[Part, CheckpointKind], ...]] = (("autoencoder", "autoencoder"), ("student", "student"))


def assemble_bundle(
    store: Store, profile: str, start_images: int, trained: StageResult, distilled: StageResult, compressed: StageResult
) -> Bundle:
    """The candidate that the loop's stages made. The same stages give the same bundle."""
    dataset = load_dataset(store, trained.outputs["dataset"])
    images, prompts = choose_starts(store, dataset, start_images)
    return Bundle(
        name=f"{profile}-{distilled.outputs['student'][:8]}",
        autoencoder=trained.outputs["autoencoder"],
        denoiser=distilled.outputs["student"],
        denoiser_int8=compressed.outputs["int8"],
        dataset=trained.outputs["dataset"],
        profile=profile,
        width=dataset.width,
        height=dataset.height,
        fps=dataset.fps,
        parents=(trained.outputs["dataset"], trained.outputs["base"]),
        start_images=images,
        start_prompts=prompts,
    )


def shipped_bundle(store: Store, candidate: Bundle, training: TrainConfig, distilling: DistilConfig) -> Bundle | None:
    """The base weights as they ship, offered like ``candidate``; None where training did not start from them."""
    if training.start != "base weights" or not (FOLDER / "record.json").exists():
        return None
    configs = {
        "autoencoder": json.dumps(dataclasses.asdict(training.autoencoder.model), sort_keys=True),
        "student": world_to_json(training.world, steps=distilling.student_steps),
    }
    digests = {part: _keep_shipped(store, part, kind, configs[part]) for part, kind in _SHIPPED}
    return dataclasses.replace(
        candidate,
        name="base weights as shipped",
        autoencoder=digests["autoencoder"],
        denoiser=digests["student"],
        denoiser_int8="",
        parents=(),
    )


def _keep_shipped(store: Store, part: Part, kind: CheckpointKind, config: str) -> str:
    """Keep one shipped file as a checkpoint of ``store``; its digest."""
    weights = load_base_weights(part)
    digest = weights.keep(store)
    if all(row.digest != digest for row in read_records(store, "checkpoints", Checkpoint)):
        row = Checkpoint(
            digest=digest,
            kind=kind,
            weights_object=f"{digest}.safetensors",
            config=config,
            parents=(),
            origin="base weights",
            steps=0,
            seconds=0.0,
            stopped_early=False,
            metrics="{}",
            code_commit=code_commit(),
        )
        append_rows(store, "checkpoints", rows_from([row]), transaction=f"shipped-{digest}")
    return digest


def choose_starts(store: Store, dataset: DatasetVersion, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """PNG objects and prompts to start from: first frames of clips never trained on, spread over scenes.

    Raises:
        ValueError: the dataset has no clip at all.
    """
    clips = _spread([clip for clip in dataset.clips if clip.split == "test"] or list(dataset.clips), count)
    if not clips:
        raise ValueError(f"dataset {dataset.name} has no clip to start from; record more and curate again")
    images = []
    for clip in clips:
        with VideoReader(store.local_path(clip.video_object)) as reader:
            images.append(store.put_bytes(_png(reader.decode([clip.start])[0]), ".png"))
    return tuple(images), tuple(clip.prompt for clip in clips)


def read_start_image(store: Store, name: str) -> NDArray[np.uint8]:
    """Decode a start image: uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(store.get_bytes(name))) as image:
        return np.asarray(image.convert("RGB"))


def _spread(clips: list[DatasetClip], count: int) -> list[DatasetClip]:
    """One clip of each prompt and episode in turn, in an order that depends on nothing but the clips."""
    ordered = sorted(clips, key=lambda clip: sha256_of(f"{clip.episode_id}-{clip.start}".encode()))
    rank: dict[str, int] = {}
    ranked = []
    for clip in ordered:
        rank[clip.prompt] = rank.get(clip.prompt, -1) + 1
        ranked.append((rank[clip.prompt], clip))
    return [clip for _, clip in sorted(ranked, key=lambda item: item[0])[:count]]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
