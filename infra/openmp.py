"""How threads of one product wait for each other: asleep, since spinning ones starve whatever else runs on the same cores.

OpenMP reads this once, when PyTorch is first imported, so that each process says it before.
"""

import os
from typing import Final

_SAID: Final = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def let_threads_sleep() -> None:
    """Wait asleep, here and in processes started from here, unless the environment says how to wait."""
    if not set(_SAID) & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def how_threads_wait() -> str:
    """What the environment says of it."""
    return ", ".join(f"{name}={os.environ[name]}" for name in _SAID if name in os.environ) or "as OpenMP likes"
