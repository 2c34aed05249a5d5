"""A display of one's own for a test: Xvfb on a free number."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.requirements import require_program


@contextmanager
def own_display(width: int = 800, height: int = 480) -> Iterator[str]:
    """The name of a fresh X display, as ``:93``; it ends with the block."""
    server = require_program("Xvfb")
    read, write = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-dpi", "96", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as told:
            number = told.readline().strip()  # empty if the server ended
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(timeout=10)
