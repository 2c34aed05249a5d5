"""How a command ends when it is told to: one line, its status, and nothing left running

The command works in a child that leads a session of its own, so that the terminal's signals reach this process alone: no
library sees them, no helper dies before what needs it. The child is asked to end, given a few seconds, then killed, and
with it whatever is left of its session. What has to outlive a command (a browser, a game) starts a session of its own;
so does what ends by a rule of its own (Prefect's server, engines).
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

LINE: Final = "interrupted; what is finished is kept, the same command goes on from there"
GRACE_SECONDS: Final = 8.0  # for a command to put things away
LEFT_OVER_SECONDS: Final = 1.0  # for what is left of its session to end by itself, and again after SIGTERM
_TOLD_BY: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG: Final = 1
_guardian: int | None = None  # of this process, where it is the child
_interrupted = False


def command_pid() -> int:
    """The process that a user started and may end: the one that guards this one, where there is one."""
    return _guardian or os.getpid()


def guard(work: Callable[[], int]) -> int:
    """Do ``work`` in a child; the exit status, in the child as in this process: 128 + N where signal N ended it."""
    heeded = [number for number in _TOLD_BY if signal.getsignal(number) is not signal.SIG_IGN]  # nohup, and scripts
    signal.pthread_sigmask(signal.SIG_BLOCK, [*heeded, signal.SIGCHLD, signal.SIGTSTP])
    parent, child = os.getpid(), os.fork()
    if child == 0:
        _become_guarded(parent, heeded)
        status = work()
        if _interrupted:
            os._exit(status)  # everything is put away; libraries would talk to a server that is gone
        return status
    told, code = _follow(child, heeded)
    _end_session(child)
    status = 128 + told if told else code if code >= 0 else 128 - code
    if status - 128 in _TOLD_BY:
        _say(LINE)
    elif code < 0:
        why = "from outside, perhaps for lack of memory" if -code == signal.SIGKILL else f"by {signal.Signals(-code).name}"
        _say(f"killed {why}; what is finished is kept, the same command goes on from there")
    return status


def end_with_parent() -> None:
    """End this process when the thread that started it ends, even if that was killed."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # too late to be told
        os._exit(1)


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """Put our handlers back that a library replaces inside by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in _TOLD_BY}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _become_guarded(parent: int, heeded: Collection[signal.Signals]) -> None:
    """In the child: a session of its own that ends with its parent and is interrupted by it alone."""
    global _guardian
    _guardian = parent
    os.setsid()
    end_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, _interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if number in heeded:
            signal.signal(number, lambda number, _: os.kill(parent, number))  # it then tells us, as if it had been told
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [*_TOLD_BY, signal.SIGCHLD, signal.SIGTSTP])


def _interrupt(number: int, frame: FrameType | None) -> None:
    """What is printed from here on nobody asked for; our parent says what there is to say."""
    global _interrupted
    _interrupted = True
    with suppress(OSError, RuntimeError, ValueError):
        sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    raise KeyboardInterrupt


def _follow(child: int, heeded: Collection[signal.Signals]) -> tuple[int, int]:
    """Wait for the child's end: the signal that we were told to end by, or 0, and its exit code, -N where a signal ended it."""
    told, deadline = 0, float("inf")
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return told, os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        got = signal.sigtimedwait([*heeded, signal.SIGCHLD, signal.SIGTSTP], 1.0)
        if got is None or got.si_signo == signal.SIGCHLD:
            continue
        if got.si_signo == signal.SIGTSTP:
            _pause(child)
        elif not told:  # once is enough: `timeout` and impatient fingers send it twice
            told, deadline = got.si_signo, time.monotonic() + GRACE_SECONDS
            os.kill(child, signal.SIGINT)


def _pause(child: int) -> None:
    """Ctrl-Z: stop together, and go on together."""
    os.killpg(child, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    os.killpg(child, signal.SIGCONT)


def _end_session(leader: int) -> None:
    """End what is left of the session that ``leader`` led."""
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        for process in _members(leader):
            with suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + LEFT_OVER_SECONDS
        while (left := _members(leader)) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not left:
            return


def _members(session: int) -> list[int]:
    """Processes of a session that are not over; its number is given to nobody else as long as there are any."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                state, _, _, its, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(its) == session and state != "Z":
                    found.append(int(entry.name))
    return found


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal is gone
        end = "\r\x1b[K" if sys.stderr.isatty() else ""  # over a progress line
        print(f"{end}worldloom: {line}", file=sys.stderr, flush=True)
