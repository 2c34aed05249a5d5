"""Exploring by depth alone: the map holds the walls that were seen, and the walker keeps moving among them."""

import numpy as np
from numpy.typing import NDArray

from engine.body import Body, Stance
from engine.embedded.render import intrinsics_of
from engine.explore.explorer import agent_start
from engine.explore.from_depth import SightConfig, SightExplorer
from engine.explore.metrics import stuck_frames
from engine.explore.rays import RayField
from engine.obstacles import EYE_HEIGHT
from tests.engine.explore.conftest import BodyOf

WIDTH, HEIGHT = 112, 64
INTRINSICS = intrinsics_of(WIDTH, HEIGHT, 80.0)


def depth_image(body: Body, field: RayField, stance: Stance) -> NDArray[np.float32]:
    """What a level camera sees whose walls have no top: a depth for each column, the ground below."""
    fx, fy, cx, cy = INTRINSICS
    angles = np.degrees(np.arctan((np.arange(WIDTH) + 0.5 - cx) / fx))
    wall = field.cast(np.array(stance.place), stance.yaw + angles, 40.0) * np.cos(np.radians(angles))
    below = np.maximum((np.arange(HEIGHT) + 0.5 - cy) / fy, 1e-6)
    return np.minimum(wall[None], (EYE_HEIGHT / below)[:, None]).astype(np.float32)


def test_what_was_seen_is_on_the_map_where_it_stands(body_of: BodyOf) -> None:
    body = body_of("rooms")
    field, start = RayField(body.things), agent_start(body, 0)
    explorer = SightExplorer(0)
    explorer.note(depth_image(body, field, start), start.c2w(), INTRINSICS)
    solid = explorer.obstacles().centre + np.array(start.place)
    assert len(solid) > 5
    assert body.things.clearance(solid).max() < SightConfig().cell


def test_it_walks_on_by_depth_alone_and_repeats_itself(body_of: BodyOf) -> None:
    body = body_of("rooms")
    field, start = RayField(body.things), agent_start(body, 1)
    walks = []
    for _ in range(2):
        explorer, stance, places, keys = SightExplorer(7), start, [], []
        for _ in range(160):
            explorer.note(depth_image(body, field, stance), stance.c2w(), INTRINSICS)
            keyboard, mouse = explorer.walk(stance.c2w(), stance.collided)
            places.append(stance.place)
            keys.append(keyboard)
            stance = body.advance(stance, keyboard, mouse)
        walks.append(np.array(places))
    assert np.array_equal(walks[0], walks[1])
    assert np.ptp(walks[0], axis=0).max() > 3
    assert stuck_frames(walks[0], np.array(keys), body.dynamics.step).mean() < 0.2
