"""The body of an assembly in one phase of its stride, as a mesh."""

import numpy as np
from numpy.typing import NDArray

from engine.characters.catalogue import assembly_of
from engine.characters.clothes import dress_legs, dress_trunk
from engine.characters.gait import measures_of, pose_of
from engine.characters.gear import add_back, add_hand, add_neck
from engine.characters.headwear import add_head
from engine.characters.posed import PosedBuilder
from engine.characters.wearer import Wearer
from engine.embedded.mesh import Mesh

Array = NDArray[np.float64]


def build_figure_mesh(index: int, phase: int, speed: float = 0.0) -> Mesh:
    """Character ``index`` standing at the origin and facing +z; ``gait.IDLE`` stands still.

    ``speed`` in metres a second is what they must keep up with.

    Raises:
        ValueError: there is no such character.
    """
    assembly = assembly_of(index)
    wearer = Wearer(assembly=assembly, measures=measures_of(assembly), pose=pose_of(assembly, phase, speed))
    builder = PosedBuilder()
    dress_legs(builder, wearer)
    pose, hips = wearer.pose, np.array([0.0, wearer.measures.hip, 0.0])
    with builder.frame(hips, lean=pose.lean, roll=pose.roll, shift=(0, -pose.drop, 0)):
        dress_trunk(builder, wearer)
        add_neck(builder, wearer)
        add_back(builder, wearer)
        add_hand(builder, wearer)
        with builder.frame(np.array([0.0, wearer.measures.neck, 0.0]), lean=-0.8 * pose.lean, roll=-0.8 * pose.roll):
            add_head(builder, wearer)
    return builder.build()
