"""A store with test walks of two scenes, a dataset that names them, and an untrained candidate."""

import dataclasses
import json
from dataclasses import dataclass

import pytest
import torch

from inference.evaluate.cases import BRANCHES
from inference.evaluate.evaluate import EvaluateConfig
from inference.evaluate.measure import MeasureConfig
from inference.evaluate.plan import PlanConfig
from inference.evaluate.revisit import RevisitConfig
from infra.datasets import put_dataset
from infra.episodes import EpisodeWriter
from infra.schema import Bundle, DatasetClip, DatasetVersion, Episode
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
    arms=("truth", "repeat_last", "candidate", "candidate_no_geometry", "memory_off", "memory_wrong_scene"),
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


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    """Two test scenes with all evaluation walks, one training walk of a third scene, one random student."""
    store = open_store(tmp_path_factory.mktemp("evaluation") / "store")
    with EpisodeWriter(store) as writer:
        trained = [writer.write(record(9, "explore", "train"))]
        tested = [writer.write(record(scene, walk)) for scene in (1, 2) for walk in (*BRANCHES, *LONG)]
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
