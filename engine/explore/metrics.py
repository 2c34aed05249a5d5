"""What a walk is worth as training data: ground seen, useful revisits, time stuck, walls, variety of actions."""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.body import Body, Stance
from engine.explore.rays import RayField
from engine.explore.views import LOG_EVERY, ViewGrid, ViewLog
from infra.dynamics import walk_direction
from infra.schema import Keyboard, Mouse

Array = NDArray[np.float64]

STUCK_WINDOW: Final = 16  # frames
STUCK_ASKED: Final = 8  # frames of the window in which keys asked for a move
STUCK_SHARE: Final = 0.25  # a walker that gets less than this share of the asked length is stuck
NEAR_WALL: Final = 0.6  # metres from the walker's centre to the nearest footprint
CLOSE_UP: Final = 1.0  # metres to what stands straight ahead (within 15 degrees)
FAN: Final = np.array([-15.0, -7.5, 0.0, 7.5, 15.0])
TRODDEN: Final = 1.0  # metres round the walker that count as walked over


@dataclass(frozen=True, kw_only=True)
class WalkMetrics:
    """Figures of one walk; shares are of its frames."""

    area_per_minute: float  # square metres of ground newly seen
    revisits_per_minute: float  # useful revisits (engine/explore/views.py)
    stuck_share: float
    near_wall_share: float
    action_entropy: float  # bits of (direction of the keys, turn, pitch), of log2(81)
    trodden_per_minute: float  # square metres within a metre of the walker, of the same cells
    collided_share: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def is_near_wall(body: Body, field: RayField, stance: Stance) -> bool:
    """Whether the walker brushes a footprint or looks at a surface close up."""
    place = np.array(stance.place)
    if float(body.things.clearance(place[None])[0]) < NEAR_WALL:
        return True
    return bool(field.cast(place, stance.yaw + FAN, CLOSE_UP + 1).min() < CLOSE_UP)


def stuck_frames(places: Array, keyboard: Keyboard, step: float) -> NDArray[np.bool_]:
    """Which frames (T,) end a second in which keys asked for moves that were not made; row i of keys follows place i."""
    asked = np.linalg.norm(walk_direction(keyboard), axis=-1) > 0
    moved = np.linalg.norm(np.diff(places, axis=0, append=places[-1:]), axis=1)
    window = np.ones(STUCK_WINDOW)
    wanted = np.convolve(asked[:-1], window)[: len(asked) - 1]
    made = np.convolve((moved * asked)[:-1], window)[: len(asked) - 1]
    return np.concatenate([[False], (wanted >= STUCK_ASKED) & (made < STUCK_SHARE * wanted * step)])


def action_entropy(keyboard: Keyboard, mouse: Mouse) -> float:
    """Shannon entropy in bits of the classes of actions: nine directions, three turns, three pitches."""
    move = np.sign(np.round(walk_direction(keyboard), 3)).astype(int)
    turn = np.sign(mouse).astype(int)
    _, count = np.unique(np.concatenate([move, turn], 1), axis=0, return_counts=True)
    share = count / count.sum()
    return float(-(share * np.log2(share)).sum())


def measure_walk(body: Body, stances: list[Stance], keyboard: Keyboard, mouse: Mouse) -> WalkMetrics:
    """Figures of T stances and the T actions taken in them (the last one is not carried out)."""
    field = RayField(body.things)
    grid = ViewGrid(field, body.scene.half)
    log = ViewLog(grid)
    for stance in stances[::LOG_EVERY]:
        log.add(stance.tick, grid.view(np.array(stance.place), stance.yaw))
    places = np.array([stance.place for stance in stances])
    minutes = len(stances) / body.fps / 60
    middles = grid.middle_of(np.arange(grid.cells))
    near = np.linalg.norm(middles[:, None] - places[None, ::LOG_EVERY], axis=-1).min(1) < TRODDEN
    return WalkMetrics(
        area_per_minute=log.area / minutes,
        revisits_per_minute=len(log.revisits) / minutes,
        stuck_share=float(stuck_frames(places, keyboard, body.dynamics.step).mean()),
        near_wall_share=float(np.mean([is_near_wall(body, field, stance) for stance in stances])),
        action_entropy=action_entropy(keyboard, mouse),
        trodden_per_minute=float(near.sum()) * grid.config.cell**2 / minutes,
        collided_share=float(np.mean([stance.collided for stance in stances])),
    )
