"""Who is being dressed: an assembly with its measures, its pose and its colours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.characters.gait import Measures, Pose
from engine.characters.posed import shaded
from engine.characters.slots import HAIR_COLOURS, SKINS, Assembly
from engine.scenes.scene import COLOURS, Colour

BULKS = {"hoodie": 1.12, "puffer jacket": 1.32, "armour": 1.12, "long coat": 1.10, "robe": 1.12, "jacket": 1.08}


@dataclass(frozen=True, kw_only=True)
class Wearer:
    """What the builders of clothes, heads and gear read."""

    assembly: Assembly
    measures: Measures
    pose: Pose

    @property
    def skin(self) -> Colour:
        return SKINS[self.assembly.skin]

    @property
    def hair(self) -> Colour:
        return HAIR_COLOURS[self.assembly.hair_colour]

    @property
    def upper(self) -> Colour:
        metal = 1.25 if self.assembly.upper == "armour" else 1.0
        return shaded(COLOURS[self.assembly.upper_colour], metal)

    @property
    def lower(self) -> Colour:
        return COLOURS[self.assembly.lower_colour]

    @property
    def shoe(self) -> Colour:
        return COLOURS[self.assembly.shoe_colour]

    @property
    def accent(self) -> Colour:
        return COLOURS[self.assembly.accent]

    @property
    def bulk(self) -> float:
        """How much wider than the body the upper clothes are."""
        return BULKS.get(self.assembly.upper, 1.0)

    @property
    def chest_depth(self) -> float:
        """From the spine to the front of the clothes at the chest, metres."""
        return self.measures.girth.depth * self.bulk

    def legs_at(self, height: float) -> NDArray[np.float64]:
        """Forward reach (2,) of both legs at a height: where a hem must give way."""
        reach = []
        for leg in self.pose.legs:
            heights, forward = leg[::-1, 1], leg[::-1, 2]
            reach.append(float(np.interp(height, heights, forward)) if (np.diff(heights) > 0).all() else float(leg[1, 2]))
        return np.array(reach)
