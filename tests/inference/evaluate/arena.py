"""A store with test walks of two scenes, a dataset that names them, an untrained candidate, and what stages left."""

import dataclasses
import functools
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from inference.evaluate.cases import BRANCHES
from inference.evaluate.evaluate import EvaluateConfig
from inference.evaluate.measure import MeasureConfig
from inference.evaluate.plan import PlanConfig
from inference.evaluate.revisit import RevisitConfig
from infra.datasets import put_dataset
from infra.episodes import write_episode
from infra.schema import Bundle, DatasetClip, DatasetVersion, Episode
from infra.stage import run_stage
from infra.store import Store, open_store
from modeling.autoencoder import Autoencoder
from modeling.checkpoint import save_checkpoint
from modeling.denoiser import Denoiser
from modeling.loop import TrainingLog
from modeling.world_model import world_to_json
from tests.inference.evaluate.walks import LONG, record
from tests.modeling.small_world import SMALL_AUTOENCODER, SMALL_WORLD
from tests.recordings import HEIGHT, WIDTH


@dataclass(frozen=True, kw_only=True)
class Arena:
    """What an evaluation needs."""

    store: Store
    dataset: str
    candidate: Bundle


SMALL_EVALUATION = EvaluateConfig(
    arms=(
        "truth",
        "repeat_last",
        "candidate",
        "candidate_no_geometry",
        "memory_off",
        "memory_wrong_scene",
        "memory_off_no_geometry",
    ),
    threads=1,
    plan=PlanConfig(starts=2, long_starts=2, shown=2),
    measure=MeasureConfig(
        branch_frames=8,
        long_frames=32,
        horizons=(1, 4, 8),
        response_horizons=(4, 8),
        motion_horizons=(4,),
        revisit=RevisitConfig(gap=12),
    ),
)


def build_arena(folder: Path) -> Arena:
    """Two test scenes with all evaluation walks, one training walk of a third scene, one random student."""
    store = open_store(folder / "store")
    trained = [write_episode(store, record(9, "explore", "train"))]
    tested = [write_episode(store, record(scene, walk)) for scene in (1, 2) for walk in (*BRANCHES, *LONG)]
    clips = tuple(_clip(episode) for episode in trained + tested)
    manifest = DatasetVersion(name="plains", width=WIDTH, height=HEIGHT, fps=16.0, parents=(), clips=clips)
    dataset = put_dataset(store, manifest)
    return Arena(store=store, dataset=dataset, candidate=keep_candidate(store, dataset))


def keep_candidate(store: Store, dataset: str, seed: int = 0) -> Bundle:
    """Keep an untrained small model as if it had been trained for some steps."""
    torch.manual_seed(seed)
    log = TrainingLog(steps=12, seconds=3.0, stopped_early=False, curve=((0, 1.0), (6, 0.7), (12, 0.5)))
    config = json.dumps(dataclasses.asdict(SMALL_AUTOENCODER))
    autoencoder = save_checkpoint(
        store,
        Autoencoder(SMALL_AUTOENCODER),
        kind="autoencoder",
        config=config,
        parents=(dataset,),
        origin="base weights",
        log=log,
        metrics={"held_out_psnr": 27.0},
    )
    student = save_checkpoint(
        store,
        Denoiser(SMALL_WORLD.denoiser),
        kind="student",
        config=world_to_json(SMALL_WORLD, steps=1),
        parents=(dataset,),
        origin="base weights",
        log=log,
        metrics={},
    )
    return Bundle(
        name="small",
        autoencoder=autoencoder.digest,
        denoiser=student.digest,
        denoiser_int8="",
        dataset=dataset,
        profile="test",
        width=WIDTH,
        height=HEIGHT,
        fps=16.0,
        parents=(dataset,),
        start_images=(),
        start_prompts=(),
    )


def _clip(episode: Episode) -> DatasetClip:
    return DatasetClip(
        episode_id=episode.episode_id,
        start=0,
        stop=episode.frames,
        split=episode.split,
        family=episode.family,
        walk=episode.walk,
        perspective="first",
        weight=1.0,
        prompt="A patterned plain.",
        frames_object=episode.frames_object,
        video_object=episode.video_object,
        depth_object=episode.depth_object,
    )


@dataclass(frozen=True, kw_only=True)
class NoConfig:
    """Of a stage that is only pretended."""

    name: str


def pretend_stages(arena: Arena) -> dict[str, str]:
    """Runs of the stages before evaluation, with outputs as those stages name them; keys by stage."""
    store, candidate = arena.store, arena.candidate
    picture = store.put_bytes(_png(), ".png")
    curated = {
        "dataset": arena.dataset,
        "clips": 30,
        "accepted": 25,
        "rejected": {"too_dark": 3, "static": 2},
        "by_split": {"train": 1, "val": 0, "test": 24},
        "train_minutes": 0.5,
        "card_object": "",
        "plots": {"actions": picture, "accepted": picture, "rejected": picture},
    }
    outputs: dict[str, dict[str, Any]] = {
        "collect": {"episodes": 25},
        "curate": curated,
        "train": {"autoencoder": candidate.autoencoder, "base": candidate.denoiser, "dataset": arena.dataset},
    }
    keys = {}
    for stage, values in outputs.items():
        config = NoConfig(name=stage)
        keys[stage] = run_stage(
            store, name=stage, version=1, inputs={}, config=config, work=functools.partial(_given, values)
        ).key
    return keys


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _given(values: dict[str, Any], _: object) -> dict[str, Any]:
    """The work of a stage whose outputs are made up beforehand."""
    return values
