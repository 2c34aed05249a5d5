"""Keys and mouse from the pose track alone: exact on exact poses, honest about noise, scale, walls and doubt."""

import dataclasses
import itertools

import numpy as np
import pytest

from annotation.wsad import Wsad, WsadConfig, infer_wsad
from annotation.wsad_score import infer_fixed_rule, score_by_source, score_wsad, tally_wsad
from annotation.wsad_track import estimate_glide, find_arm
from engine.body import Body, Stance
from engine.scenes.park import build_park
from engine.walks import plan_walk
from infra.directions import UNIT, directions_of, keys_of
from infra.dynamics import DynamicsConfig, camera_to_world, integrate, pitch_and_yaw
from infra.schema import Frames, idle_actions
from infra.schema.action import Keyboard, Mouse

CONFIG = WsadConfig()


def random_actions(seed: int, count: int) -> tuple[Keyboard, Mouse]:
    """Keys and turns that are held for 1 to 24 frames."""
    rng = np.random.default_rng(seed)
    keyboard, mouse = idle_actions(count)
    at = 0
    while at < count:
        span = slice(at, at + int(rng.integers(1, 25)))
        keyboard[span, :4] = keys_of(rng.integers(0, 9, 1))[0]
        mouse[span] = rng.choice([-0.1, -0.04, 0.0, 0.0, 0.1], 2)
        at = span.stop
    return keyboard, mouse


def frames_of(c2w: np.ndarray, keyboard: Keyboard, mouse: Mouse) -> Frames:
    count = len(c2w)
    return Frames(
        tick=np.arange(count),
        time=np.arange(count),
        c2w=c2w,
        intrinsics=np.tile([100.0, 100.0, 112.0, 64.0], (count, 1)),
        raw_pose=np.zeros((count, 1)),
        keyboard=keyboard,
        mouse=mouse,
        collided=np.zeros(count, np.bool_),
        rgb_sha256=[""] * count,
    )


def free_walk(seed: int, count: int = 400) -> Frames:
    """A walk on an empty plain, pitch kept away from where the camera stops."""
    keyboard, mouse = random_actions(seed, count)
    mouse[:, 0] = 0.0
    start = camera_to_world(np.array([3.0, -1.6, -2.0]), np.array(0.0), np.array(37.0))
    later = integrate(start, keyboard[:-1], mouse[:-1], DynamicsConfig())
    return frames_of(np.concatenate([start[None], later]), keyboard, mouse)


def walk_among_things(seed: int, count: int = 400) -> Frames:
    """A blind walk in a recorded park: about a tenth of its steps meet something."""
    body = Body(build_park(seed), 16.0)
    rng = np.random.default_rng(seed)
    places = rng.uniform(-body.scene.half + 1, body.scene.half - 1, (200, 2))
    x, z = places[int(np.argmax(body.things.clearance(places) > 0.5))]
    keyboard, mouse = random_actions(seed, count)
    stances = [Stance(place=(float(x), float(z)), pitch=0.0, yaw=float(rng.uniform(0, 360)))]
    stances += body.follow(stances[0], keyboard[:-1], mouse[:-1])
    return frames_of(np.stack([stance.c2w() for stance in stances]), keyboard, mouse)


def score_walks(walks: list[Frames], noise: float = 0.0) -> dict[str, float]:
    rng = np.random.default_rng(0)
    tallies = []
    for walk in walks:
        c2w = walk.c2w.copy()
        c2w[:, :3, 3] += rng.normal(0, noise, (len(walk), 3))
        exact, noisy = infer_wsad(walk.c2w, CONFIG), infer_wsad(c2w, CONFIG)
        tallies.append(("walk", tally_wsad(dataclasses.replace(noisy, moved=exact.moved), walk)))
    return dict(score_by_source(tallies)["walk"])


def test_exact_poses_of_free_walks_give_every_key_and_turn() -> None:
    scores = score_walks([free_walk(seed) for seed in range(8)])
    assert scores["macro_f1_moved"] == 1.0
    assert scores["macro_f1_all"] == 1.0
    assert scores["coverage"] == 1.0
    assert scores["mouse_worst_degrees"] < 1e-4


def test_walks_that_bump_into_things_are_still_read_right() -> None:
    walks = [walk_among_things(seed) for seed in range(12)]
    scores = score_walks(walks)
    assert scores["accuracy_moved"] >= 0.99
    assert scores["macro_f1_moved"] >= 0.96  # "still" suffers: nobody can tell a walker whom a passer-by pushes
    assert scores["macro_f1_all"] >= 0.98


def test_planned_walks_of_the_embedded_world_are_read_exactly() -> None:
    walks = []
    for number, name in enumerate(("explore", "explore", "out_and_back", "loop", "spin", "idle")):
        body = Body(build_park(number), 16.0)
        plan = plan_walk(body, name, number, 320)
        stances = [plan.start, *body.follow(plan.start, plan.keyboard[:-1], plan.mouse[:-1])]
        walks.append(frames_of(np.stack([stance.c2w() for stance in stances]), plan.keyboard, plan.mouse))
    scores = score_walks(walks)
    assert scores["macro_f1_moved"] >= 0.99 and scores["macro_f1_all"] >= 0.99
    assert scores["mouse_worst_degrees"] < 0.1


def test_a_shaken_camera_at_rest_stands_still() -> None:
    c2w = np.tile(np.eye(4), (300, 1, 1))
    c2w[:, :3, 3] += np.random.default_rng(0).normal(0, 0.02, (300, 3))
    assert (directions_of(infer_wsad(c2w, CONFIG).keyboard)[:-1] == 0).all()


def test_noise_lowers_the_score_smoothly_and_doubt_rises_with_it() -> None:
    walks = [free_walk(seed) for seed in range(6)]
    curve = [score_walks(walks, noise) for noise in (0.0, 0.005, 0.01, 0.02, 0.06)]
    f1 = [scores["macro_f1_moved"] for scores in curve]
    assert f1[2] > 0.98  # 1 cm of noise against a step of 12 cm
    assert all(worse <= better + 0.02 for better, worse in itertools.pairwise(f1))  # a longer window may read a little better
    assert f1[3] > 0.93  # 2 cm
    assert f1[-1] > 0.8  # half a step of noise: held keys stand out of the mean over a few frames


def test_noise_that_hides_every_step_is_read_as_nothing() -> None:
    rng = np.random.default_rng(0)
    walk = free_walk(0).c2w
    walk[:, :3, 3] += rng.normal(0, 0.5, (len(walk), 3))  # four steps
    found = infer_wsad(walk, CONFIG)
    assert found.step == 0 and not found.moved.any()


@pytest.mark.parametrize("scale", [0.01, 1.0, 250.0])
def test_scale_does_not_matter(scale: float) -> None:
    walk = walk_among_things(3)
    scaled = walk.c2w.copy()
    scaled[:, :3, 3] *= scale
    assert np.array_equal(infer_wsad(scaled, CONFIG).keyboard, infer_wsad(walk.c2w, CONFIG).keyboard)


def test_the_fixed_rule_breaks_where_scale_is_unknown() -> None:
    walk = free_walk(1)
    scaled = walk.c2w.copy()
    scaled[:, :3, 3] *= 0.05
    keyboard, _ = infer_fixed_rule(scaled)
    assert (directions_of(keyboard)[:-1] == 0).all()  # it sees no walking at all


@pytest.mark.parametrize("offset", [-170.0, 90.0, 179.9])
def test_the_yaw_that_a_track_starts_with_does_not_matter(offset: float) -> None:
    walk = free_walk(2)
    turn = camera_to_world(np.zeros(3), np.array(0.0), np.array(offset))
    turned = infer_wsad(turn @ walk.c2w, CONFIG)
    assert np.array_equal(turned.keyboard, infer_wsad(walk.c2w, CONFIG).keyboard)
    assert np.allclose(turned.mouse[:-1], walk.mouse[:-1], atol=1e-5)


def track(displacements: np.ndarray) -> np.ndarray:
    """Poses that look along +z and make these (x, z) displacements."""
    position = np.zeros((len(displacements) + 1, 3))
    position[1:, [0, 2]] = np.cumsum(displacements, 0)
    return camera_to_world(position, np.zeros(len(position)), np.zeros(len(position)))


def test_a_single_crooked_frame_does_not_flip_the_keys() -> None:
    steps = np.tile(UNIT[1], (30, 1))
    angle = np.radians(24.0)  # nearer to forward right than to forward
    steps[15] = [np.sin(angle), np.cos(angle)]
    found = infer_wsad(track(steps), CONFIG)
    assert (directions_of(found.keyboard)[:-1] == 1).all()
    assert found.confidence[15] < found.confidence[5]


def test_a_slide_along_a_wall_keeps_the_key_that_was_held() -> None:
    wall = np.array([np.sin(np.radians(20)), np.cos(np.radians(20))])
    steps = np.tile(UNIT[1], (30, 1))
    steps[10:20] = wall * (UNIT[1] @ wall)  # what a wall at 20 degrees leaves of a step forward
    found = infer_wsad(track(steps), CONFIG)
    assert (directions_of(found.keyboard)[:-1] == 1).all()


def test_standing_against_a_wall_for_long_is_read_as_standing() -> None:
    steps = np.tile(UNIT[1], (60, 1))
    steps[20:50] = 0
    found = infer_wsad(track(steps), CONFIG)
    assert (directions_of(found.keyboard)[25:45] == 0).all()
    assert not found.moved[20:50].any()


def test_what_cannot_be_told_is_unknown() -> None:
    walk = free_walk(5)
    found = infer_wsad(walk.c2w, CONFIG)
    assert (found.keyboard[-1] == -1).all() and np.isnan(found.mouse[-1]).all() and found.confidence[-1] == 0
    assert (found.keyboard[:, 4:] == -1).all()
    rng = np.random.default_rng(0)
    shaken = walk.c2w.copy()
    shaken[:, :3, 3] += rng.normal(0, 0.03, (len(walk), 3))
    sure = infer_wsad(shaken, dataclasses.replace(CONFIG, least_confidence=0.95))
    assert ((sure.keyboard[:-1, 0] == -1) == (sure.confidence[:-1] < 0.95)).all()


def test_unknown_counts_as_wrong() -> None:
    walk = free_walk(6)
    found = infer_wsad(walk.c2w, CONFIG)
    keyboard = found.keyboard.copy()
    keyboard[::2] = -1
    scores = score_wsad(tally_wsad(dataclasses.replace(found, keyboard=keyboard), walk))
    assert scores["coverage"] == pytest.approx(0.5, abs=0.01)
    assert scores["macro_f1_all"] < 0.75


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_tracks_that_never_move_are_still(count: int) -> None:
    found: Wsad = infer_wsad(np.tile(np.eye(4), (count, 1, 1)), CONFIG)
    assert (directions_of(found.keyboard)[:-1] == 0).all()
    assert found.step == 0 and not found.moved.any()


def test_a_pose_that_is_not_finite_is_refused() -> None:
    c2w = np.tile(np.eye(4), (5, 1, 1))
    c2w[2, 0, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        infer_wsad(c2w, CONFIG)


def test_momentum_is_found_and_taken_out() -> None:
    keyboard, _ = random_actions(4, 400)
    keyboard[np.arange(400) % 40 > 25] = 0  # now and then the player lets go and glides to a stop
    pushes = UNIT[directions_of(keyboard)]
    moves = np.zeros((400, 2))
    for i in range(1, 400):
        moves[i] = 0.8 * moves[i - 1] + 0.2 * pushes[i]
    found = infer_wsad(track(moves[1:]), CONFIG)
    agree = directions_of(found.keyboard)[:-1] == directions_of(keyboard)[1:]
    assert estimate_glide(moves, 0.0, CONFIG.glide_evidence) == pytest.approx(0.8, abs=0.01)
    assert agree.mean() > 0.95
    assert estimate_glide(np.diff(free_walk(4).c2w[:, [0, 2], 3], axis=0), 0.0, CONFIG.glide_evidence) == 0


def test_a_walk_at_twice_the_frames_a_second_has_the_same_keys_twice() -> None:
    walk = free_walk(7)
    half = np.arange(2 * len(walk) - 1) / 2
    yaw = pitch_and_yaw(walk.c2w)[1]
    turned = np.interp(half, np.arange(len(yaw)), np.degrees(np.unwrap(np.radians(yaw))))
    place = np.stack([np.interp(half, np.arange(len(yaw)), column) for column in walk.c2w[:, :3, 3].T], -1)
    doubled = infer_wsad(camera_to_world(place, np.zeros(len(half)), turned), CONFIG)
    assert np.array_equal(doubled.keyboard[:-1:2], infer_wsad(walk.c2w, CONFIG).keyboard[:-1])
    assert np.array_equal(doubled.keyboard[:-1:2], doubled.keyboard[1:-1:2])


def test_a_mirrored_walk_swaps_left_and_right() -> None:
    walk = walk_among_things(4)
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirrored = infer_wsad(mirror @ walk.c2w @ mirror, CONFIG)
    straight = infer_wsad(walk.c2w, CONFIG)
    assert np.array_equal(mirrored.keyboard[:, [0, 1, 3, 2]], straight.keyboard[:, :4])
    assert np.allclose(mirrored.mouse[:-1, 1], -straight.mouse[:-1, 1], atol=1e-5)


def test_a_walk_played_backwards_swaps_every_key_for_its_opposite() -> None:
    walk = free_walk(8)
    backwards = infer_wsad(walk.c2w[::-1].copy(), CONFIG)
    straight = infer_wsad(walk.c2w, CONFIG)
    assert np.array_equal(backwards.keyboard[:-1, [1, 0, 3, 2]], straight.keyboard[-2::-1, :4])


def test_who_stands_and_is_pushed_aside_pressed_nothing() -> None:
    steps = np.tile(UNIT[1], (60, 1))
    steps[15:45] = 0
    angle = np.radians(np.linspace(80, 70, 10))
    steps[25:35] = np.linspace(0.45, 0.1, 10)[:, None] * np.stack([np.sin(angle), np.cos(angle)], -1)  # somebody passes by
    found = infer_wsad(track(steps), CONFIG)
    keys = directions_of(found.keyboard)[15:45]
    assert (keys <= 0).all() and (keys == 0).sum() >= 29  # at the first touch it may not be told from a step into a wall
    assert found.moved[25:34].all()


def test_keys_tapped_for_a_single_frame_are_read() -> None:
    steps = np.tile(UNIT[1], (40, 1))
    steps[[9, 20, 22, 24]] = 0
    steps[30] = UNIT[3]
    expected = np.ones(40, np.int64)
    expected[[9, 20, 22, 24]], expected[30] = 0, 3
    assert np.array_equal(directions_of(infer_wsad(track(steps), CONFIG).keyboard)[:-1], expected)


def test_a_game_that_speeds_up_and_slows_down_over_frames_gives_the_keys_when_they_were_pressed() -> None:
    rng = np.random.default_rng(3)
    pressed = np.repeat(rng.integers(0, 9, 30), rng.integers(6, 25, 30))
    pushed, speed = UNIT[pressed], np.zeros((len(pressed) + 1, 2))
    for i, wanted in enumerate(pushed):  # towards the speed that the keys ask for, by half a step a frame
        missing = wanted - speed[i]
        speed[i + 1] = speed[i] + missing * min(1.0, 0.45 / max(float(np.linalg.norm(missing)), 1e-9))
    found = infer_wsad(track(speed[1:]), CONFIG)
    assert (directions_of(found.keyboard)[:-1] == pressed).mean() > 0.93


def test_a_camera_that_swings_behind_a_body_is_told_from_one_who_walks_sideways() -> None:
    walk = free_walk(9)
    walk.keyboard[:, 2:4] = 0
    start = walk.c2w[:1]
    eyes = np.concatenate([start, integrate(start[0], walk.keyboard[:-1], walk.mouse[:-1], DynamicsConfig())])
    behind = eyes.copy()
    behind[:, :3, 3] -= 3.0 * eyes[:, :3, 2]
    assert find_arm(eyes) == 0
    assert find_arm(behind) == pytest.approx(3.0)
    assert np.array_equal(infer_wsad(behind, CONFIG).keyboard, infer_wsad(eyes, CONFIG).keyboard)
