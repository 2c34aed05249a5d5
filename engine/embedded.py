"""The embedded world as a recorder: own scenes, own renderer, fixed tick."""

import functools

import numpy as np
from numpy.typing import NDArray

from engine.body import Body
from engine.explore.explorer import AGENTS, plan_agent_walk
from engine.job import Job
from engine.recorder import SourceFacts, State
from engine.render import RenderConfig, SceneRenderer, panda_pose
from engine.scenes.build import build_scene
from engine.walks import WalkPlan, evaluation_plan, plan_walk


class EmbeddedRecorder:
    """Records procedural scenes; keeps its renderer warm from job to job."""

    def __init__(self) -> None:
        self._renderer: SceneRenderer | None = None

    def reset(self, job: Job) -> State:
        """Build the job's scene, plan its walk and draw the first frame.

        Raises:
            RendererUnavailableError: the job's renderer cannot draw here.
        """
        self._job = job
        self._body = _body_of(job.family, job.scene_seed, job.fps)
        self._plan = plan_of(self._body, job)
        self._ready_renderer(job).load(self._body.scene)
        self._stance = self._plan.start
        return self._state()

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """The plan's row for this tick."""
        if state.tick >= len(self._plan.keyboard):
            return None
        return self._plan.keyboard[state.tick], self._plan.mouse[state.tick]

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Advance the walker and the people by one tick and draw."""
        self._stance = self._body.advance(self._stance, keyboard, mouse)
        return self._state()

    def facts(self) -> SourceFacts:
        """Our own scenes: known scale, free licence."""
        scene = self._body.scene
        return SourceFacts(
            scene_id=scene.scene_id,
            weather=scene.weather,
            depth_kind="exact" if self._job.renderer == "egl" else "none",
            scale_known=True,
            licence="CC0-1.0",
            redistributable=True,
            commercial_ok=True,
            source_url="",
            scene=scene.describe(),
        )

    def close(self) -> None:
        """Give the renderer back."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _ready_renderer(self, job: Job) -> SceneRenderer:
        config = RenderConfig(width=job.width, height=job.height, renderer=job.renderer)
        if self._renderer is None or self._renderer.config != config:
            self.close()
            self._renderer = SceneRenderer(config)
        return self._renderer

    def _state(self) -> State:
        assert self._renderer is not None
        c2w = self._stance.c2w()
        seconds = self._stance.tick / self._job.fps
        rgb, depth = self._renderer.draw(c2w, seconds)
        return State(
            tick=self._stance.tick,
            seconds=seconds,
            rgb=rgb,
            depth=depth,
            c2w=c2w,
            intrinsics=self._renderer.intrinsics,
            raw_pose=panda_pose(c2w),
            collided=self._stance.collided,
        )


@functools.lru_cache(maxsize=1)
def _body_of(family: str, seed: int, fps: float) -> Body:
    """The scene of the last job is kept, since jobs come scene by scene."""
    return Body(build_scene(family, seed), fps)


def plan_of(body: Body, job: Job) -> WalkPlan:
    """The job's walk: an agent's, else a fixed evaluation script in the test split, a planned walk elsewhere."""
    if job.walk in AGENTS:
        return plan_agent_walk(body, job.walk, job.seed, job.frames)
    if job.split == "test":
        return evaluation_plan(body, job.walk, job.seed)
    return plan_walk(body, job.walk, job.seed, job.frames)
