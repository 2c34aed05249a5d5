"""The embedded world as a recorder: own scenes, own renderer, fixed tick."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body import Body
from engine.characters.catalogue import assembly_of, character_of
from engine.characters.follow import Follower, Following
from engine.characters.gait import measures_of
from engine.characters.slots import describe
from engine.embedded.render import RenderConfig, SceneRenderer, panda_pose
from engine.explore.explorer import AGENTS, plan_agent_walk
from engine.job import Job
from engine.obstacles import EYE_HEIGHT
from engine.recorder import SourceFacts, State
from engine.scenes.build import build_scene
from engine.scenes.conditions import Conditions
from engine.walks import WalkPlan, evaluation_plan, plan_walk


class EmbeddedRecorder:
    """Records procedural scenes; keeps its renderer warm from job to job."""

    def __init__(self) -> None:
        self._renderer: SceneRenderer | None = None
        self._character: int | None = None
        self._follower: Follower | None = None
        self._following = Following(distance=0.0)

    def reset(self, job: Job) -> State:
        """Build the job's scene, plan its walk and draw the first frame.

        Raises:
            ValueError: there is no such family, character or condition.
            RendererUnavailableError: the job's renderer cannot draw here.
        """
        self._job = job
        self._body = body_of(job.family, job.scene_seed, job.fps, conditions_of(job))
        self._plan = plan_of(self._body, job)
        self._character = worn_by(job)
        self._follower = None
        renderer = self._ready_renderer(job)
        renderer.load(self._body.scene)
        self._stance = self._plan.start
        if job.perspective == "third" and self._character is not None:
            self._follower = Follower(self._body.scene, self._character, job.fps)
            self._following = self._follower.begin(self._stance)
            renderer.wear(self._character, self._follower.speed)
        else:
            renderer.wear(None)
        return self._state()

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """The plan's row for this tick."""
        if state.tick >= len(self._plan.keyboard):
            return None
        return self._plan.keyboard[state.tick], self._plan.mouse[state.tick]

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Advance the walker and the people by one tick and draw."""
        before, self._stance = self._stance, self._body.advance(self._stance, keyboard, mouse)
        if self._follower is not None:
            self._following = self._follower.advance(self._following, before, self._stance, keyboard)
        return self._state()

    def facts(self) -> SourceFacts:
        """Our own scenes: known scale, free licence."""
        scene = self._body.scene
        return SourceFacts(
            scene_id=scene.scene_id,
            weather=scene.weather,
            time_of_day=scene.time_of_day,
            season=scene.season,
            depth_kind="exact" if self._job.renderer == "egl" else "none",
            scale_known=True,
            licence="CC0-1.0",
            redistributable=True,
            commercial_ok=True,
            source_url="",
            scene=scene.describe() | describe_body(self._character),
            character_id="" if self._character is None else str(self._character),
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
        seconds = self._stance.tick / self._job.fps
        if self._follower is None:
            c2w = self._stance.c2w(eye_height_of(self._character))
            raw_pose = panda_pose(c2w)
            rgb, depth = self._renderer.draw(c2w, seconds)
        else:
            c2w = self._follower.camera(self._following, self._stance)
            raw_pose = np.concatenate([panda_pose(c2w), self._follower.track(self._following, self._stance)])
            rgb, depth = self._renderer.draw(c2w, seconds, self._follower.placed(self._following, self._stance, c2w))
        return State(
            tick=self._stance.tick,
            seconds=seconds,
            rgb=rgb,
            depth=depth,
            c2w=c2w,
            intrinsics=self._renderer.intrinsics,
            raw_pose=raw_pose,
            collided=self._stance.collided,
        )


def worn_by(job: Job) -> int | None:
    """The walker's body: as the job says; in third person, where one must be, else one for its seeds."""
    if job.character >= 0:
        return job.character
    return character_of(job.scene_seed + job.seed) if job.perspective == "third" else None


def describe_body(character: int | None) -> dict[str, Any]:
    """What captions may say of the walker's own body; nothing of one who has none."""
    if character is None:
        return {}
    assembly = assembly_of(character)
    return {"body": {"character": character, "words": describe(assembly), **assembly.choices()}}


def eye_height_of(character: int | None) -> float:
    """Metres from the ground to the eyes of a walker with this body, or with none."""
    return EYE_HEIGHT if character is None else measures_of(assembly_of(character)).eye_height


@functools.lru_cache(maxsize=1)
def body_of(family: str, seed: int, fps: float, conditions: Conditions) -> Body:
    """A walker in that scene. The last one is kept, since jobs come scene by scene."""
    return Body(build_scene(family, seed, conditions), fps)


def conditions_of(job: Job) -> Conditions:
    """What the job's scene is to be seen in; empty where its seed decides."""
    return Conditions(weather=job.weather, time_of_day=job.time_of_day, season=job.season)


def plan_of(body: Body, job: Job) -> WalkPlan:
    """The job's walk: an agent's, else a fixed evaluation script in the test split, a planned walk elsewhere."""
    if job.walk in AGENTS:
        return plan_agent_walk(body, job.walk, job.seed, job.frames)
    if job.split == "test":
        return evaluation_plan(body, job.walk, job.seed)
    return plan_walk(body, job.walk, job.seed, job.frames)
