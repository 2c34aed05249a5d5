"""What a test needs from the machine: absent, it is a skip at home and a failure in CI."""

import os
import shutil

import pytest


def require(condition: bool, what: str) -> None:
    """Skip the test unless ``condition``; with CI=true fail it instead, naming what is missing."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing; install it, CI never skips")
    pytest.skip(f"{what} is missing")


def require_program(*names: str) -> str:
    """Path of the first of ``names`` that is installed; none is a skip, or a failure in CI."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    require(found is not None, f"program {' or '.join(names)}")
    assert found is not None
    return found
