"""Explorers of unknown maps side by side: the embedded world by its wire commands, its geometry kept for the measures alone."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body import Body, Stance
from engine.embedded.render import RenderConfig, intrinsics_of
from engine.explore.explorer import agent_start
from engine.explore.metrics import measure_walk
from engine.explore.report import ReportConfig, summarise
from engine.games.explorer import Action
from engine.job import scene_seed
from engine.scenes.build import FAMILIES, build_scene
from engine.unreal.commands import Commands
from engine.unreal.convention import unreal_from_stance
from engine.unreal.drive import SweptDrive
from engine.unreal.levels import level_name
from engine.unreal.pictures import NPY_MAGIC, decode_depth
from engine.unreal.walk import DEPTH_WALKS, depth_walker
from engine.unreal.wire import number_text, numbers_text
from engine.unreal.world import EmbeddedWorld
from infra.dynamics import DynamicsConfig, pitch_and_yaw

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SightBenchConfig:
    """Unseen scenes, as of ``ReportConfig``, walked by swept moves on what the depth of small pictures shows."""

    families: tuple[str, ...] = FAMILIES
    scenes_per_family: int = 1
    seed: int = 4
    frames: int = 480  # half a minute
    fps: float = 16.0
    width: int = 160  # pixels
    height: int = 90
    walkers: tuple[str, ...] = DEPTH_WALKS  # the learned explorer, and the walk that turns away from what is near


def bench_sight(config: SightBenchConfig, say: Callable[[str], None]) -> dict[str, Any]:
    """Rows by scene and walker, and means with 95 % intervals over scenes."""
    render = RenderConfig(width=config.width, height=config.height, hfov=80.0, supersample=1)
    rows: list[dict[str, Any]] = []
    world: EmbeddedWorld | None = None
    try:
        for family in config.families:
            for index in range(config.scenes_per_family):
                seed = scene_seed(family, "val", index, config.seed)
                body = Body(build_scene(family, seed), config.fps)
                world = world or EmbeddedWorld(level_name(family, seed), render)
                for name in config.walkers:
                    stances, keyboard, mouse = _walk(config, world, body, name)
                    figures = measure_walk(body, stances, keyboard, mouse).as_dict()
                    rows.append({"family": family, "scene_id": body.scene.scene_id, "agent": name} | figures)
                    say(f"{family} {name}: " + ", ".join(f"{key} {value:.2f}" for key, value in figures.items()))
    finally:
        if world is not None:
            world.close()
    summary = summarise(rows, ReportConfig(families=config.families, agents=config.walkers))
    for agent, figures in summary["agents"].items():
        say(f"{agent:7}" + "".join(f"  {key} {mean:.3f} [{low:.3f}, {high:.3f}]" for key, (mean, low, high) in figures.items()))
    return {"config": asdict(config), "scenes": len(rows) // len(config.walkers), "rows": rows, "agents": summary["agents"]}


def _walk(
    config: SightBenchConfig, world: EmbeddedWorld, body: Body, name: str
) -> tuple[list[Stance], NDArray[np.int8], NDArray[np.float32]]:
    """As the recorder drives a map that it does not know, without the sockets."""
    commands = Commands(world, lambda: "")
    start = agent_start(body, 0)
    location, rotation = unreal_from_stance(start.c2w()[:3, 3], start.pitch, start.yaw)
    for command in (
        f"vset /action/game/level {level_name(body.scene.family, body.scene.seed)}",
        "vset /worldloom/step 0",
        f"vset /camera/0/location {numbers_text(*location)}",
        f"vset /camera/0/rotation {numbers_text(*rotation)}",
    ):
        _answer(commands, command)
    walker = depth_walker(name, [body.scene.seed, 0], intrinsics_of(config.width, config.height, 80.0))
    drive = SweptDrive(_pose(commands), np.zeros(3), config.frames, walker, DynamicsConfig())
    stances: list[Stance] = []
    actions: list[Action] = []
    depth = _depth(commands)
    while (action := drive.choose(len(actions), depth)) is not None:
        depth, here = _depth(commands), _pose(commands)  # of this row: the next action is chosen on it, one row ahead
        answers = [_answer(commands, command) for command in drive.commands(action)]
        drive.moved(np.array([float(value) for text in answers[-2:] for value in text.split()]))
        reached = drive.reached(here)
        pitch, yaw = pitch_and_yaw(reached.c2w)
        place = (float(reached.c2w[0, 3]), float(reached.c2w[2, 3]))
        stances.append(Stance(place=place, pitch=float(pitch), yaw=float(yaw), tick=len(actions), collided=reached.collided))
        actions.append(action)
        _answer(commands, f"vset /worldloom/step {number_text(1 / config.fps)}")
        world.tick()
    keyboard, mouse = (np.stack(column) for column in zip(*actions, strict=True))
    return stances, keyboard, mouse


def _answer(commands: Commands, command: str) -> str:
    body = commands.answer(command)
    text = (body() if callable(body) else body).decode()
    if text.startswith("error"):
        raise ValueError(f"{command!r} was answered with: {text}")
    return text


def _pose(commands: Commands) -> Array:
    asked = [_answer(commands, f"vget /camera/0/{noun}") for noun in ("location", "rotation")]
    return np.array([float(value) for text in asked for value in text.split()])


def _depth(commands: Commands) -> NDArray[np.float32]:
    body = commands.answer("vget /camera/0/depth npy")
    data = body() if callable(body) else body
    assert data.startswith(NPY_MAGIC), data[:80]
    return decode_depth(data)
