"""The one recorder of Unreal: it drives a UE5 build and the embedded world's server through the same bytes.

Row i is one ``vbatch``: picture, depth, mask and pose of state i, then action i, then exactly one fixed step. The batch
of row i + 1 is on its way while row i is encoded here, so actions are chosen one row ahead.
"""

import contextlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.embedded.recorder import body_of, conditions_of, describe_body, plan_of
from engine.embedded.render import intrinsics_of
from engine.games.explorer import Action
from engine.job import Job
from engine.recorder import SourceFacts, State
from engine.scenes.build import FAMILIES
from engine.scenes.scene import Scene
from engine.scenes.unreal_list import UnrealScene, read_scene_list
from engine.unreal.capture import (
    DEPTH,
    LOCATION,
    RESUME,
    ROTATION,
    Capture,
    Shown,
    ask,
    camera_setup,
    colour_table,
    knows_steps,
    open_level,
    place_at_start,
    read_pose,
    scene_commands,
    short_name,
    triple_of,
)
from engine.unreal.client import Batch, EngineGoneError, EngineSilentError, UnrealClient, text_of
from engine.unreal.commands import PROJECT
from engine.unreal.drive import Drive, PlannedDrive, Reached, SweptDrive
from engine.unreal.levels import level_name
from engine.unreal.pictures import NPY_MAGIC, decode_depth
from engine.unreal.process import EngineProcess, UnrealConfig
from engine.unreal.walk import depth_walker
from engine.unreal.wire import WireError, number_text
from infra.dynamics import DynamicsConfig
from infra.errors import WorldloomError

LEAVE_SECONDS: Final = 5.0  # for an engine that goes on without us to answer once more


class UnrealRecorder:
    """Records through UnrealCV; an engine that dies costs the open episode, the next ``reset`` starts another."""

    def __init__(self, config: UnrealConfig | None = None) -> None:
        self.config = config or UnrealConfig()
        self.engine = EngineProcess(self.config)
        self._stepped = False
        self._dressed: tuple[UnrealClient | None, tuple[str, str] | None] = (None, None)  # the map, over which connection
        self._entered: dict[str, NDArray[np.float64]] = {}  # where the player stood in maps that no list describes

    def reset(self, job: Job) -> State:
        """Load the job's scene or map, take the clock in hand and record the first state.

        Raises:
            ValueError: the job asks for what this source cannot do; names it.
            EngineStartError, NotHereError: no engine can be had.
            WorldloomError: the engine failed while it was prepared; it is started anew next time.
        """
        warm = self.engine.client is not None
        try:
            return self._begin(job)
        except (EngineGoneError, EngineSilentError, WireError):
            if not warm:
                raise
        return self._begin(job)  # the engine had died or hung since the last episode

    def act(self, state: State) -> Action | None:
        """The action that was sent along with the capture of ``state``."""
        return self._actions[state.tick] if state.tick < len(self._actions) else None

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """The state that the last action led to, which has to be the one that ``act`` gave.

        Raises:
            ValueError: it is another.
            WorldloomError: the engine was lost; this episode cannot go on.
        """
        sent = self._actions[self._row - 1]
        if not (np.array_equal(sent[0], keyboard) and np.array_equal(sent[1], mouse)):
            raise ValueError(f"row {self._row - 1} was recorded with another action; Unreal's actions are chosen by the recorder")
        try:
            return self._next()
        except WorldloomError:
            self._leave()
            raise

    def facts(self) -> SourceFacts:
        """Our own scene, or the map as the scene list describes it."""
        sync: Any = "exact" if self._stepped else "measured"
        if self._scene is not None:
            return SourceFacts(
                scene_id=self._scene.scene_id,
                weather=self._scene.weather,
                time_of_day=self._scene.time_of_day,
                season=self._scene.season,
                depth_kind="exact",
                scale_known=True,
                licence="CC0-1.0",
                redistributable=True,
                commercial_ok=True,
                source_url="",
                scene=self._scene.describe() | describe_body(self._character) | self._mask_names(),
                character_id="" if self._character is None else str(self._character),
                sync=sync,
            )
        name = self._job.family
        described = {"family": name, "scene_id": name, "weather": self._job.weather, "time_of_day": self._job.time_of_day}
        return SourceFacts(
            scene_id=name,
            weather=self._job.weather,
            time_of_day=self._job.time_of_day,
            depth_kind="coarse",  # half floats
            scale_known=True,
            licence=self._map.licence if self._map else "",
            redistributable=False,  # nobody said that it is
            commercial_ok=False,
            source_url="",
            scene=described | {"indoor": False, "objects": [], "characters": []} | self._mask_names(),
            sync=sync,
        )

    def close(self) -> None:
        """End the engine that was started here; the clock of another goes on."""
        self._leave()

    def _leave(self) -> None:
        """Hang up, and end the engine or give its clock back."""
        if self._stepped and self.config.host and self.engine.client is not None:
            with contextlib.suppress(WorldloomError):  # it is gone
                self.engine.client.text(RESUME, LEAVE_SECONDS)
        self.engine.stop()

    def _mask_names(self) -> dict[str, Any]:
        """What the mask's numbers stand for, as ``infra.episodes.read_masks`` gives it."""
        return {"mask_names": {str(number): name for number, name in enumerate(self._things, 1)}} if self._things else {}

    def _begin(self, job: Job) -> State:
        self._job, self._row, self._actions = job, 0, list[Action]()
        client = self.engine.ready(job.fps)
        try:
            self._prepare(client, job)
            self._send(client, None)
            return self._next()
        except (EngineGoneError, EngineSilentError, WireError):
            self._leave()
            raise

    def _prepare(self, client: UnrealClient, job: Job) -> None:
        """Everything up to the first row."""
        self._scene: Scene | None = None
        self._map: UnrealScene | None = None
        self._stepped = knows_steps(client)
        if self.engine.project == PROJECT:
            self._prepare_scene(client, job)
        else:
            self._prepare_map(client, job)
        numbers, self._things = colour_table(client) if self.config.mask else (None, [])
        self._capture = Capture(numbers, stepped=self._stepped)
        self._intrinsics = intrinsics_of(job.width, job.height, self.config.hfov)

    def _prepare_scene(self, client: UnrealClient, job: Job) -> None:
        if job.family not in FAMILIES:
            raise ValueError(f"the embedded world has no scene family {job.family!r}; use one of {', '.join(FAMILIES)}")
        body = body_of(job.family, job.scene_seed, job.fps, conditions_of(job))
        self._drive: Drive = (drive := PlannedDrive(body, plan_of(body, job), job))
        self._scene, self._character = body.scene, drive.character
        load = [f"vset /action/game/level {level_name(job.family, job.scene_seed, conditions_of(job))}"]
        hold = ["vset /worldloom/step 0"] if self._stepped else []  # in the tick that loads, so that time 0 is held
        ask(
            client,
            [*load, *hold, *camera_setup(job.width, job.height, self.config.hfov), *drive.start()],
            self.config.level_seconds,
        )

    def _prepare_map(self, client: UnrealClient, job: Job) -> None:
        if job.perspective != "first" or job.character >= 0:
            raise ValueError(
                f"map {job.family} is recorded in first person without a body: UnrealCV sweeps no actor but the player's pawn "
                "and casts no rays for a camera behind one; use perspective first"
            )
        scenes = {scene.name: scene for scene in read_scene_list(Path(self.config.scenes))} if self.config.scenes else {}
        if self.config.scenes and job.family not in scenes:
            raise ValueError(f"{self.config.scenes} lists no scene {job.family!r}; use one of {', '.join(scenes)}")
        self._map = place = scenes.get(job.family)
        set_up = scene_commands(place, job)
        self._open_map(client, place.map if place else job.family, job)
        ask(client, [*set_up, *camera_setup(job.width, job.height, self.config.hfov)], self.config.level_seconds)
        entered = self._entered.setdefault(job.family, read_pose(client))
        # while the game ticks: a player's camera turns with it
        start, offset = place_at_start(client, place, [job.scene_seed, job.seed], entered)
        if self._stepped:
            ask(client, ["vset /worldloom/step 0"], self.config.level_seconds)
            start = read_pose(client)
        intrinsics = intrinsics_of(job.width, job.height, self.config.hfov)
        walker = depth_walker(job.walk, [job.scene_seed, job.seed], intrinsics)
        self._drive = SweptDrive(start, offset, job.frames, walker, DynamicsConfig())

    def _open_map(self, client: UnrealClient, level: str, job: Job) -> None:
        """Load a map, unless it is there without another job's conditions, which nothing else undoes.

        Its clock runs afterwards, and counts steps from 0 when it is held again.
        """
        plain, wanted = ("", ""), (job.weather, job.time_of_day)
        before = None if self.config.host else plain  # nobody knows what an engine went through that was not started here
        if self._dressed[0] is client:
            before = self._dressed[1]
        self._dressed = (client, None)
        if before not in (plain, wanted) or client.text("vget /level/name") != short_name(level):
            open_level(client, level, self.config.level_seconds)
        if self._stepped:
            client.text(RESUME)  # in a tick of its own
        self._dressed = (client, wanted)

    def _send(self, client: UnrealClient, depth: NDArray[np.float32] | None) -> None:
        """Send the batch of the next row; ``depth`` is that of the row before."""
        row = len(self._actions)
        if row == 0 and self._drive.reads_back:
            depth = decode_depth(client.binary(DEPTH, NPY_MAGIC))  # there is no row before
        action = self._drive.choose(row, depth)
        commands = self._capture.commands()
        if action is not None:
            self._actions.append(action)
            commands += self._drive.commands(action)
            if self._stepped:
                commands.append(f"vset /worldloom/step {number_text(1 / self._job.fps)}")
        self._batch: Batch = client.send(commands, together=True)

    def _next(self) -> State:
        """Take the answers of one row, send the next row, and give the state."""
        client = self.engine.client
        if client is None:
            raise EngineGoneError("the engine was lost in the middle of an episode; record the job again")
        acted, batch = len(self._actions) > self._row, self._batch
        bodies = client.receive(batch)
        ahead = acted and not self._drive.reads_back
        if ahead:
            self._send(client, None)  # the engine draws while the answers are decoded
        shown = self._capture.decode(bodies)
        count = len(self._capture.commands())
        for command, body in zip(batch.commands[1 + count :], bodies[count:], strict=True):
            text_of(command, body)  # raises where one was refused
        if self._stepped and shown.tick != self._row:
            raise WireError(f"row {self._row} shows tick {shown.tick}; somebody else steps this engine")
        if acted and self._drive.reads_back:
            self._drive.moved(self._read_back(bodies))
        reached = self._drive.reached(shown.pose)
        self._row += 1
        if acted and not ahead:
            self._send(client, shown.depth)
        return self._state(shown, reached)

    def _read_back(self, bodies: list[memoryview]) -> NDArray[np.float64]:
        """The pose after the row's commands: asked for last, but for the step."""
        last = len(bodies) - (1 if self._stepped else 0)
        return np.concatenate([triple_of(LOCATION, bodies[last - 2]), triple_of(ROTATION, bodies[last - 1])])

    def _state(self, shown: Shown, reached: Reached) -> State:
        size = (self._job.height, self._job.width)
        if shown.rgb.shape[:2] != size:
            raise WireError(f"the engine's pictures are {shown.rgb.shape[:2]}, not {size}; its camera takes no size")
        tick = self._row - 1
        return State(
            tick=tick,
            seconds=tick / self._job.fps,
            rgb=shown.rgb,
            depth=shown.depth,
            c2w=reached.c2w,
            intrinsics=self._intrinsics,
            raw_pose=reached.raw_pose,
            collided=reached.collided,
            mask=shown.mask,
        )
