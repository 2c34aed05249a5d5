"""Runs a command and kills it when standard input closes, so that no engine outlives who started it."""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the arguments as a command; its exit status."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)  # engines start helpers

    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
