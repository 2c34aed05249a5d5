"""Runs a command and kills it when standard input closes, so that no engine outlives who started it.

Two processes: the one that was started only hands on the exit status; its child, in a session of its own, looks after the
command. Ray kills what a worker started together with the worker, and Ctrl-C whatever is in the terminal's foreground:
neither reaches the one that has to pull.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the arguments as a command; its exit status."""
    keeper = os.fork()
    if not keeper:
        os.setsid()
        return _keep(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.close(0)  # the keeper's alone
    return os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])


def _keep(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)  # engines start helpers

    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
