"""How each kind of thing looks: low-poly models of convex bodies."""

from engine.models.garden import PHASES as PHASES
from engine.models.garden import STRIDE as STRIDE
from engine.models.garden import build_character_mesh as build_character_mesh
from engine.models.static import MODELS as MODELS
from engine.models.static import build_static_mesh as build_static_mesh
