"""Which pairs of arms are compared over the same walks: first minus second."""

from typing import Final

DIFFERENCES: Final = (
    # The verdict speaks of these, in the order of its lines; arms are played in this order.
    ("candidate", "repeat_last"),
    ("candidate", "warp"),
    ("candidate_no_geometry", "repeat_last"),
    ("candidate", "base"),
    ("candidate", "random"),
    ("candidate", "memory_off"),
    ("candidate_no_geometry", "memory_off_no_geometry"),
    # The gate and the tables speak of these.
    ("candidate_no_geometry", "random_no_geometry"),
    ("candidate_no_geometry", "base_no_geometry"),
    ("candidate", "random_denoiser"),
    ("candidate", "candidate_no_geometry"),
    ("candidate", "int8"),
    ("candidate", "memory_wrong_scene"),
)
