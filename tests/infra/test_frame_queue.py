import os
import sys
import threading

import pytest

from infra.frame_queue import MOST_WAITING, FrameQueue


def test_frames_are_handled_in_order_in_a_thread_of_their_own() -> None:
    seen: list[int] = []
    threads: set[str] = set()

    def handle(frame: int) -> None:
        seen.append(frame)
        threads.add(threading.current_thread().name)

    with FrameQueue(handle, "numbers") as queue:
        for number in range(100):
            queue.add(number)
        queue.drain()
        assert seen == list(range(100))
    assert threads == {"numbers"}


def test_whoever_adds_waits_while_the_queue_is_full() -> None:
    go_on = threading.Event()
    added = threading.Semaphore(0)

    def wait(_: int) -> None:
        go_on.wait()

    with FrameQueue(wait, "slow") as queue:

        def add_many() -> None:
            for number in range(MOST_WAITING + 5):
                queue.add(number)
                added.release()

        adding = threading.Thread(target=add_many)
        adding.start()
        for _ in range(MOST_WAITING + 1):  # one is being handled
            assert added.acquire(timeout=10)
        assert not added.acquire(timeout=0.2)
        go_on.set()
        adding.join(10)
        assert not adding.is_alive()


def test_a_failure_is_told_to_all_who_add_or_wait() -> None:
    def refuse(frame: int) -> None:
        raise ValueError(f"frame {frame}")

    with FrameQueue(refuse, "broken") as queue:
        queue.add(0)
        with pytest.raises(ValueError, match="frame 0"):
            queue.drain()
        with pytest.raises(ValueError, match="frame 0"):
            queue.add(1)


def test_nobody_waits_for_ever_on_a_queue_that_failed_while_it_was_full() -> None:
    fail = threading.Event()

    def refuse(frame: int) -> None:
        fail.wait()
        raise ValueError(f"frame {frame}")

    with FrameQueue(refuse, "broken") as queue:
        for number in range(MOST_WAITING + 1):  # the first is being handled
            queue.add(number)
        adding = threading.Thread(target=queue.add, args=(MOST_WAITING + 1,), daemon=True)
        adding.start()
        adding.join(0.2)
        assert adding.is_alive(), "the queue is full"
        fail.set()
        adding.join(10)
        assert not adding.is_alive()
        with pytest.raises(ValueError, match="frame 0"):
            queue.drain()


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a niceness of its own")
@pytest.mark.parametrize("patient", [False, True])
def test_a_patient_queue_lets_whoever_draws_go_first(patient: bool) -> None:
    found: list[int] = []

    def look(_: int) -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    with FrameQueue(look, "polite", patient=patient) as queue:
        queue.add(0)
        queue.drain()
    assert found == [min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10 * patient)]


def test_a_system_that_forbids_niceness_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*arguments: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbid)
    seen: list[int] = []
    with FrameQueue(seen.append, "polite", patient=True) as queue:
        queue.add(0)
        queue.drain()
    assert seen == [0]
