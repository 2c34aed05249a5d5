"""The clip loop of the published pipeline: one picture, then clip after clip of new latents.

Legend: C channels, P clean past latents, N noisy ones, F = P + N, M memory latents, h w cells, T frames.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.released.bank import BankConfig, MemoryBank
from inference.released.plan import ClipPlan
from inference.released.predictor import ClipInputs, Predict, Predictor
from infra.release_camera import clip_rays, extrinsics, integrate_actions, intrinsics_of, memory_rays
from infra.schema import SegmentConfig
from modeling.action_module import Actions
from modeling.denoiser import Memory
from modeling.finite import require_finite
from modeling.memory import select_frames
from modeling.scheduler import UniPC


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How a clip is sampled; the defaults are the distilled model's."""

    steps: int = 3
    shift: float = 5.0
    guidance: float = 1.0  # 5 for the base model; 1 asks for no unconditional call


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What memory answers when asked for views."""

    frames: tuple[int, ...]  # one a view
    candidates: tuple[int, ...]
    overlap: Tensor  # (M, candidates) share of each view that a candidate sees

    def shortfall(self, frames: Sequence[int]) -> float:
        """How much less than the best the worst of other ``frames``, one a view, overlaps; infinite where one is no candidate."""
        if any(frame not in self.candidates for frame in frames):
            return math.inf
        places = torch.tensor([self.candidates.index(frame) for frame in frames])
        overlap = self.overlap[: len(places)].cpu()
        worst = float((overlap.amax(1) - overlap.gather(1, places[:, None])[:, 0]).max())
        return round(worst, 6)  # shares of a thousand points: no difference is so small


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What one clip brought."""

    plan: ClipPlan
    inputs: ClipInputs
    latents: Tensor  # (1, C, N, h, w) that are decoded; of the first clip with the picture's in front
    answer: Answer | None  # of memory; none in the first clip
    memory_frames: tuple[int, ...]  # frames that were used: the last is the sink


class ClipLoop:
    """Where a video stands. What it keeps is bounded: the last clip, and a bank of memory."""

    def __init__(
        self,
        picture: Tensor,  # (1, C, 1, h, w) the latent of the start picture
        predictor: Predictor,
        unconditional: Predictor | None = None,
        sampling: SamplingConfig = SamplingConfig(),
        *,
        stride: int,  # pixels of a cell
        segments: SegmentConfig = SegmentConfig(),
        bank: BankConfig = BankConfig(),
    ) -> None:
        if (unconditional is None) != (sampling.guidance == 1):
            raise ValueError(
                f"guidance is {sampling.guidance:g}; pass an unconditional predictor where it is not 1, and only then"
            )
        self.sampling, self.stride = sampling, stride
        self.plan = ClipPlan(number=0, segments=segments)
        self._predictor, self._unconditional = predictor, unconditional
        self._past, self._bank = picture, MemoryBank(bank, segments)
        self._pose = torch.zeros(5, dtype=torch.float64)  # of the next frame
        self._c2w = torch.zeros(0, 4, 4, dtype=torch.float64)  # of the clip's frames
        self._keyboard, self._mouse = torch.zeros(0, 6), torch.zeros(0, 2)

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The shape of the noise that the next clip needs."""
        batch, channels, _, height, width = self._past.shape
        return batch, channels, len(self.plan.latents) - self.plan.clean, height, width

    def next(self, keyboard: Tensor, mouse: Tensor, noise: Tensor, selected: Sequence[int] | None = None) -> Clip:
        """Make a clip from the actions of its new frames, (T, 6) and (T, 2), and noise of ``noise_shape``.

        ``selected`` takes the place of what memory selection would answer.

        Raises:
            NotFiniteError: the denoiser made NaN or infinity.
        """
        plan = self.plan
        self._move(keyboard, mouse)
        answer = self._ask() if plan.number else None
        used = plan.with_sink(answer.frames if selected is None else tuple(selected)) if answer else ()
        inputs = self._gather(used)
        made = require_finite(self._sample(inputs, noise.to(self._past)), f"the denoiser's latents of segment {plan.number + 1}")
        latents = torch.cat([self._past, made], 2) if plan.number == 0 else made
        self._remember(torch.cat([self._past, made], 2))
        return Clip(plan=plan, inputs=inputs, latents=latents, answer=answer, memory_frames=used)

    def _move(self, keyboard: Tensor, mouse: Tensor) -> None:
        """Bring actions and poses up to the clip's last frame."""
        new, overlap = len(self.plan.new_frames), len(self.plan.frames) - len(self.plan.new_frames)
        if len(keyboard) != new or len(mouse) != new:
            raise ValueError(f"clip {self.plan.number} needs {new} rows of actions, {len(keyboard)} and {len(mouse)} were given")
        poses, self._pose = integrate_actions(keyboard, mouse, self._pose)
        self._c2w = torch.cat([self._c2w[len(self._c2w) - overlap :], extrinsics(poses)])
        self._keyboard = torch.cat([self._keyboard[len(self._keyboard) - overlap :], keyboard])
        self._mouse = torch.cat([self._mouse[len(self._mouse) - overlap :], mouse])

    def _ask(self) -> Answer:
        frames, poses = self._bank.candidates(self.plan.frames.start)
        picks, overlap = select_frames(self._views(self.plan.queries), poses)
        return Answer(frames=tuple(frames[pick] for pick in picks.tolist()), candidates=tuple(frames), overlap=overlap)

    def _views(self, frames: Sequence[int]) -> Tensor:
        """Poses (T, 4, 4) of frames of this clip."""
        return self._c2w[[frame - self.plan.frames.start for frame in frames]]

    def _gather(self, used: tuple[int, ...]) -> ClipInputs:
        plan, device = self.plan, self._past.device
        height, width = self._past.shape[3] * self.stride, self._past.shape[4] * self.stride
        lens = intrinsics_of(height, width)
        rays = clip_rays(self._views(plan.camera_frames), lens, height, width, self.stride)
        keyboard, mouse = self._keyboard[None].to(device), self._mouse[None].to(device)
        if not used:
            actions = Actions(keyboard=keyboard, mouse=mouse)
            return ClipInputs(plan=plan, past=self._past, rays=rays.to(device), actions=actions, memory=None)
        latents, poses, numbers = self._bank.recall(plan, used)
        recalled = memory_rays(poses, self._views(plan.queries), lens, height, width, self.stride)
        return ClipInputs(
            plan=plan,
            past=self._past,
            rays=torch.cat([recalled, rays], 2).to(device),
            actions=Actions(
                keyboard=keyboard,
                mouse=mouse,
                memory_keyboard=keyboard.new_full((1, len(used), keyboard.shape[2]), -1),
                memory_mouse=mouse.new_ones(1, len(used), mouse.shape[2]),
            ),
            memory=Memory(latents=latents, positions=numbers),
        )

    def _sample(self, inputs: ClipInputs, noise: Tensor) -> Tensor:
        predict = self._guided(inputs)
        scheduler, x = UniPC(self.sampling.steps, self.sampling.shift), noise
        for time in scheduler.timesteps:
            x = scheduler.step(predict(x, float(time)), x)
        return x

    def _guided(self, inputs: ClipInputs) -> Predict:
        predict = self._predictor.prepare(inputs)
        if self._unconditional is None:
            return predict
        away = self._unconditional.prepare(inputs.unconditional())

        def guided(x: Tensor, time: float) -> Tensor:
            null = away(x, time)
            return null + self.sampling.guidance * (predict(x, time) - null)

        return guided

    def _remember(self, latents: Tensor) -> None:
        """Keep what later clips may ask for; ``latents`` are all of this clip."""
        plan, per = self.plan, self.plan.segments.frames_per_latent
        for number in plan.decoded:
            if number > 0:  # the picture is one frame, not four: memory cannot give it
                block = range(per * (number - 1) + 1, per * number + 1)
                place = number - plan.latents.start
                self._bank.add(number, latents[:, :, place : place + 1], self._views(block))
        self._past = latents[:, :, -plan.segments.past_latents :]
        self.plan = ClipPlan(number=plan.number + 1, segments=plan.segments)
