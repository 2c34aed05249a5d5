"""Which pairs of arms are compared over the same walks: first minus second."""

from typing import Final

DIFFERENCES: Final = (
    ("candidate", "repeat_last"),
    ("candidate", "warp"),
    ("candidate", "base"),
    ("candidate", "random"),
    ("candidate", "random_denoiser"),
    ("candidate", "candidate_no_geometry"),
    ("candidate", "int8"),
    ("candidate_no_geometry", "repeat_last"),
    ("candidate_no_geometry", "base_no_geometry"),
    ("candidate_no_geometry", "random_no_geometry"),
    ("candidate", "memory_off"),
    ("candidate", "memory_wrong_scene"),
    ("candidate_no_geometry", "memory_off_no_geometry"),
)
