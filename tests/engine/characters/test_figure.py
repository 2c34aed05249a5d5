"""Bodies of characters: each choice shows, feet stand on the ground, gaits differ."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.characters.catalogue import CATALOGUE, assembly_of, character_of, index_of
from engine.characters.figure import build_figure_mesh
from engine.characters.gait import IDLE, PHASES, measures_of, pose_of, stride_of
from engine.characters.people import walking_phase
from engine.characters.slots import SHAPE_SLOTS, SLOTS, Assembly, describe, glimpse
from engine.embedded.mesh import Mesh


def ordinary(**choices: str) -> Assembly:
    """A person that few rules speak of, with these choices made."""
    first = {name: options[0] for name, options in SLOTS.items()} | {
        "build": "average",
        "height": "medium",
        "shoe_colour": "brown",
    }
    return Assembly(**(first | {"upper": "shirt", "skin": "fair"} | choices))


def mesh_of(assembly: Assembly, phase: int = IDLE) -> Mesh:
    return build_figure_mesh(index_of(assembly), phase)


def looks(mesh: Mesh) -> bytes:
    return mesh.position.round(6).tobytes() + mesh.colour.round(6).tobytes() + mesh.layer.tobytes()


@pytest.mark.parametrize("slot", SHAPE_SLOTS)
def test_every_choice_of_a_shape_slot_has_a_shape_of_its_own(slot: str) -> None:
    needs = {"hood": {"upper": "hoodie"}, "helmet": {}, "headscarf": {}}
    shapes = [mesh_of(ordinary(**(needs.get(choice, {}) | {slot: choice}))).position.round(6).tobytes() for choice in SLOTS[slot]]
    assert len(set(shapes)) == len(SLOTS[slot])


@pytest.mark.parametrize("slot", [slot for slot in SLOTS if slot not in SHAPE_SLOTS and slot != "gait"])
def test_every_colour_shows(slot: str) -> None:
    pictures = {looks(mesh_of(ordinary(**{"hair": "bob", "hat": "cap", slot: choice}))) for choice in SLOTS[slot]}
    assert len(pictures) == len(SLOTS[slot])


@pytest.mark.parametrize("seed", range(12))
def test_a_body_stands_on_the_ground_in_every_phase_and_is_as_tall_as_it_should_be(seed: int) -> None:
    index = character_of(seed)
    for phase in (*range(0, PHASES, 3), IDLE):
        mesh = build_figure_mesh(index, phase)
        height = -mesh.position[:, 1]
        feet = np.abs(mesh.position[:, [0, 2]]).max(1) < 3
        assert np.isfinite(mesh.position).all() and feet.all()
        assert height.min() > -0.09  # nothing sinks into the ground but the tip of a hem
        assert 0.6 * measures_of(assembly_of(index)).height < height.max() < 2.8
        assert np.linalg.norm(mesh.normal, axis=1).min() > 0.5


@pytest.mark.parametrize("gait", SLOTS["gait"])
def test_gaits_move_the_joints_in_ways_of_their_own(gait: str) -> None:
    def joints(name: str) -> NDArray[np.float64]:
        poses = [pose_of(ordinary(gait=name), phase) for phase in range(PHASES)]
        return np.stack([np.concatenate([*pose.legs, *pose.arms]) for pose in poses])

    others = [other for other in SLOTS["gait"] if other != gait]
    assert min(np.abs(joints(gait) - joints(other)).max() for other in others) > 0.05
    ankles = np.stack([[leg[2, 1] for leg in pose_of(ordinary(gait=gait), phase).legs] for phase in range(PHASES)])
    np.testing.assert_allclose(ankles.min(1), measures_of(ordinary()).ankle)  # one foot always stands


def test_a_stride_takes_a_body_through_all_phases_forwards_or_backwards() -> None:
    index = index_of(ordinary())
    stride = stride_of(ordinary())
    steps = (np.arange(PHASES) + 0.5) / PHASES * stride
    assert [walking_phase(index, walked) for walked in steps] == list(range(PHASES))
    assert [walking_phase(index, -walked) for walked in steps] == list(range(PHASES))[::-1]
    assert 0.3 < stride_of(ordinary(gait="shuffle")) < stride < stride_of(ordinary(gait="jog")) < 3


@pytest.mark.parametrize("gait", SLOTS["gait"])
@pytest.mark.parametrize("speed", [0.0, 2.0])
def test_feet_that_stand_do_not_slide_and_who_must_hurry_takes_longer_strides(gait: str, speed: float) -> None:
    someone = ordinary(gait=gait)
    stride = stride_of(someone, speed)
    standing = []
    for phase in range(PHASES):
        ankle = pose_of(someone, phase, speed).legs[0][2]
        standing.append(ankle[2] + phase / PHASES * stride)
    planted = round(PHASES * 0.3)  # the left foot comes down in phase 0
    assert np.ptp(standing[:planted]) < 0.05
    assert speed / stride <= 1.6 + 1e-6


def test_a_character_is_told_in_words() -> None:
    assembly = ordinary(height="tall", build="stout", hat="cap", back="backpack", upper_colour="orange", lower_colour="blue")
    assert describe(assembly) == "a tall stout person in an orange shirt and blue trousers, with a cap and a backpack"
    assert glimpse(assembly) == "tall stout person in an orange shirt"
    assert all(describe(dataclasses.replace(assembly_of(index))) for index in range(0, len(CATALOGUE), len(CATALOGUE) // 50))
