"""The distil stage: a few-step student by trajectory regression.

The teacher goes from noise to a clean sample in many steps; the student, started from the teacher, learns to reach the
same sample from the same noise in ``student_steps``. This is regression on the teacher's trajectory, not distribution
matching.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from infra.datasets import load_dataset
from infra.schema import Checkpoint
from infra.stage import StageContext, StageResult, drop_scratch, run_stage
from infra.store import Store
from modeling.checkpoint import find_checkpoint, save_checkpoint
from modeling.conditioning import Window, WorldConfig, predict_clean
from modeling.denoiser import Denoiser
from modeling.device import computing, device_of, set_precision, training_device
from modeling.loop import OptimiserConfig, Trainer
from modeling.sampler import noise_levels, sample
from modeling.train import TrainConfig, prepare
from modeling.train_denoiser import DenoiserTask, DenoiserTrainingConfig, validate
from modeling.windows import WindowSet
from modeling.world_model import load_autoencoder, load_denoiser, world_to_json

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class DistilConfig:
    """How the student is made."""

    optimiser: OptimiserConfig = OptimiserConfig(steps=300, learning_rate=2e-4)
    batch: int = 16
    teacher_steps: int = 4
    student_steps: int = 1
    clean_weight: float = 0.5  # of the recorded latents beside the teacher's, so that its errors are not copied whole
    max_seconds: float = 7200.0


def distil(
    trained: StageResult, training: TrainConfig, config: DistilConfig, store: Store, *, fresh: bool = False
) -> StageResult:
    """Distil the base model of a finished train stage; outputs name the checkpoint ``student``."""
    result = run_stage(
        store,
        name="distil",
        version=VERSION,
        inputs={"train": trained.key, "base": trained.outputs["base"]},
        config=config,
        work=lambda context: _distil(trained, training, config, store, context),
        fresh=fresh,
    )
    drop_scratch(store, trained.key)
    return result


def _distil(
    trained: StageResult, training: TrainConfig, config: DistilConfig, store: Store, context: StageContext
) -> dict[str, Any]:
    torch.set_num_threads(training.threads)
    set_precision(training.precision)
    row = find_checkpoint(store, trained.outputs["base"])
    teacher, world, _ = load_denoiser(store, row)
    student, _, _ = load_denoiser(store, row)
    device = training_device(training.device)
    teacher, student = teacher.to(device), student.to(device)
    windows, held_out = _windows(trained, training, store, context)
    task = StudentTask(student, teacher, world, windows, training.denoiser, config)
    student.train()
    trainer = Trainer(student, task.loss, config.optimiser, context.scratch / "student")
    log = trainer.run(lambda done, total, text: context.progress(done, total, f"student: {text}"), context.out_of_time)
    trainer.adopt_average()
    student.eval()
    context.progress.doing("student: held-out figures")
    metrics = {
        "held_out_error_geometry": validate(held_out, student, world, geometry=True),
        "held_out_error": validate(held_out, student, world, geometry=False),
        "teacher_held_out_error": validate(held_out, teacher, world, geometry=False),
    }
    saved: Checkpoint = save_checkpoint(
        store,
        student,
        kind="student",
        config=world_to_json(world, steps=config.student_steps),
        parents=(row.digest,),
        origin=row.origin,
        log=log,
        metrics=metrics,
    )
    return {"student": saved.digest, "metrics": json.loads(saved.metrics)}


def _windows(trained: StageResult, training: TrainConfig, store: Store, context: StageContext) -> tuple[WindowSet, WindowSet]:
    """The windows that training prepared; prepared again where its scratch folder is gone."""
    trained_context = StageContext("distil", trained.key, store, None)
    trained_context.progress = context.progress
    manifest = load_dataset(store, trained.outputs["dataset"])
    autoencoder = load_autoencoder(store, find_checkpoint(store, trained.outputs["autoencoder"]))
    return prepare(manifest, autoencoder, training, store, trained_context)


class StudentTask:
    """The regression of the student on its teacher."""

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        world: WorldConfig,
        windows: WindowSet,
        training: DenoiserTrainingConfig,
        config: DistilConfig,
    ) -> None:
        self.student, self.teacher, self.world, self.windows, self.config = student, teacher.eval(), world, windows, config
        cells = windows.clips[0]["latents"].shape[-2:]
        self.disturbance = DenoiserTask(student, world, (int(cells[0]), int(cells[1])), training).to(device_of(student))

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean squared distance of the student's clean estimate to where the teacher's trajectory ends."""
        window, target = self.windows.draw(self.config.batch, self.disturbance.config.image_share, generator)
        window = self.disturbance.disturb(self.disturbance.drop(window, generator), generator)
        noise = torch.randn(target.shape, generator=generator).to(target.device)
        goal = self.follow_teacher(window, noise)
        share = self.config.clean_weight
        level = self._level(len(target), generator).to(target.device)
        x = (1 - level.view(-1, 1, 1, 1, 1)) * goal + level.view(-1, 1, 1, 1, 1) * noise
        with computing(target.device):
            clean = predict_clean(self.student, self.world, x, level, window).float()
        teacher_error, data_error = (clean - goal).square().mean(), (clean - target).square().mean()
        return (1 - share) * teacher_error + share * data_error, {"teacher": teacher_error.item(), "data": data_error.item()}

    @torch.no_grad()
    def follow_teacher(self, window: Window, noise: Tensor) -> Tensor:
        """Where the teacher's sampler ends from ``noise``."""

        def predict(x: Tensor, t: Tensor) -> Tensor:
            with computing(x.device):
                return predict_clean(self.teacher, self.world, x, t, window).float()

        return sample(predict, noise, noise_levels(self.config.teacher_steps, self.world.shift))

    def _level(self, batch: int, generator: torch.Generator) -> Tensor:
        """One of the student's own noise levels for each sample."""
        levels = torch.tensor(noise_levels(self.config.student_steps, self.world.shift)[:-1])
        return levels[torch.randint(len(levels), (batch,), generator=generator)]
