"""How threads of one product wait for each other: asleep, since spinning ones starve whatever else runs on the same cores.

OpenMP reads this once, when PyTorch is first imported, so that each process says it before.
"""

import os


def let_threads_sleep() -> None:
    """Wait asleep, here and in processes started from here, unless the environment says how to wait."""
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
