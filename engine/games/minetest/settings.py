"""What the server and the client are told for one job: their configuration files, and the world's conditions."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.titles.marker import CELLS
from engine.job import Job
from infra.dynamics import DynamicsConfig

MODS: Final = Path(__file__).parent / "mods"
MARKER_CELL: Final = 8  # pixels of the window, as mods/frames draws it
CLIENT_FPS: Final = 30.0  # frames a second that the client shows about, as whole multiples of the job's rate
LEAST_FRAMES: Final = 2  # of the client a row: input acts a frame after a pose is known, and must act within its row
WATER_BIT: Final = 16  # of the controls in a raw pose
WALK_SPEED: Final = 4.0  # metres a second of the game's own walk
MAPGENS: Final = ("v7", "valleys", "carpathian")
HOURS: Final = {"dawn": 6.2, "noon": 12.0, "afternoon": 15.0, "dusk": 18.2, "night": 23.0}
DRAWN_HOURS: Final = ("noon", "noon", "afternoon", "dawn", "dusk")  # by the scene's seed; night only if a job asks
PLAYER: Final = "walker"


@dataclass(frozen=True, kw_only=True)
class World:
    """What a job's scene is in the game."""

    map_seed: int
    start_seed: int
    mapgen: str
    time_of_day: str

    @property
    def scene_id(self) -> str:
        return f"{self.mapgen}-{self.map_seed}"


@dataclass(frozen=True, kw_only=True)
class Window:
    """The client's window: the job's picture some times over, below the strip that the marker is drawn in."""

    width: int
    height: int
    strip: int = MARKER_CELL


def world_of(job: Job) -> World:
    """The same scene seed is the same land at the same hour; the walk's seed picks where in it one starts.

    Raises:
        ValueError: the job asks for what the game cannot show.
    """
    if job.weather or job.season or job.perspective != "first" or job.character >= 0:
        raise ValueError("Minetest has no weather, seasons or bodies; leave weather, season, perspective and character out")
    if job.time_of_day not in ("", *HOURS):
        raise ValueError(f"time of day {job.time_of_day!r} is none of {', '.join(HOURS)}")
    drawn = random.Random(job.scene_seed)
    mapgen, hour = drawn.choice(MAPGENS), drawn.choice(DRAWN_HOURS)
    start = hashlib.sha256(f"{job.scene_seed}/{job.seed}".encode()).digest()
    return World(
        map_seed=job.scene_seed,
        start_seed=int.from_bytes(start[:4], "big") >> 1,
        mapgen=mapgen,
        time_of_day=job.time_of_day or hour,
    )


def window_of(job: Job) -> Window:
    """Whole multiples of the job's size, wide enough for the marker."""
    times = 1
    while job.width * times < 2 * CELLS * MARKER_CELL:
        times += 1
    return Window(width=job.width * times, height=job.height * times + MARKER_CELL)


def frames_a_row(job: Job) -> int:
    """How many frames the client shows for one of the job's."""
    return max(LEAST_FRAMES, round(CLIENT_FPS / job.fps))


def client_fps(job: Job) -> int:
    """Frames a second that the client shows.

    Raises:
        ValueError: the game counts whole frames a second.
    """
    fps = job.fps * frames_a_row(job)
    if fps != round(fps):
        raise ValueError(f"Minetest shows whole frames a second, {job.fps} is none; use 15, 16, 24 or 30")
    return round(fps)


def write_server(folder: Path, job: Job, port: int) -> list[str]:
    """Lay out a fresh world under ``folder``; return the arguments of the server program."""
    world, drawn = folder / "world", world_of(job)
    copytree(MODS / "spawn", world / "worldmods" / "spawn")
    world.joinpath("world.mt").write_text("gameid = minetest_game\nbackend = sqlite3\nload_mod_spawn = true\n")
    speed = DynamicsConfig().step * job.fps / WALK_SPEED
    _write(
        folder / "server.conf",
        bind_address="127.0.0.1", ipv6_server=False, server_announce=False, port=port, max_users=1,
        dedicated_server_step=0.033, csm_restriction_flags=0, csm_restriction_noderange=0,
        fixed_map_seed=drawn.map_seed, mg_name=drawn.mapgen, mapgen_limit=31000, time_speed=0,
        enable_damage=False, creative_mode=True, enable_fire=False, show_status_line_on_connect=False,
        mobs_spawn=False, emergequeue_limit_generate=512, max_block_generate_distance=8, max_block_send_distance=8,
        max_simultaneous_block_sends_per_client=80, default_privs="interact",
        worldloom_start_seed=drawn.start_seed, worldloom_walk_speed=f"{speed:.5f}",
        worldloom_time_of_day=f"{HOURS[drawn.time_of_day] / 24:.5f}",
    )  # fmt: skip
    return [
        "--world", str(world), "--gameid", "minetest_game", "--config", str(folder / "server.conf"),
        "--port", str(port), "--logfile", str(folder / "server.log"),
    ]  # fmt: skip


def write_client(folder: Path, job: Job, port: int, fov: float, viewing_range: int) -> list[str]:
    """Lay out a fresh home under ``folder``; return the arguments of the client program."""
    home, window, fps = folder / ".minetest", window_of(job), client_fps(job)
    copytree(MODS / "frames", home / "clientmods" / "frames")
    home.joinpath("clientmods", "mods.conf").write_text("load_mod_frames = true\n")
    _write(
        home / "minetest.conf",
        enable_client_modding=True, screen_w=window.width, screen_h=window.height, autosave_screensize=False,
        fullscreen=False, fps_max=fps, fps_max_unfocused=fps, vsync=False, view_bobbing_amount=0, fall_bobbing_amount=0,
        fov=fov, enable_sound=False, video_driver="opengl", viewing_range=viewing_range, hud_scaling=1, gui_scaling=1,
        mouse_sensitivity=0.1, autojump=True, smooth_lighting=True, show_debug=False, pause_on_lost_focus=False,
        node_highlighting="none", camera_smoothing=0, cinematic=False, enable_dynamic_shadows=False, arm_inertia=False,
        recent_chat_messages=2, enable_local_map_saving=False, enable_split_login_register=False,
    )  # fmt: skip
    return [
        "--go", "--address", "127.0.0.1", "--port", str(port), "--name", PLAYER, "--password", "",
        "--config", str(home / "minetest.conf"), "--logfile", str(folder / "client.log"),
    ]  # fmt: skip


def _write(path: Path, **values: object) -> None:
    lines = [f"{name} = {str(value).lower() if isinstance(value, bool) else value}" for name, value in values.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def is_wet(raw_pose: NDArray[np.float64]) -> bool:
    """Whether the player's feet are in water, by a row of the recorder's raw pose."""
    return bool(int(raw_pose[7]) & WATER_BIT)
