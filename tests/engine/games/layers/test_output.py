"""The output layer by itself: a store that is slow to answer is not taken for a layer that hangs."""

import dataclasses
import json
import multiprocessing
import threading
import time

import pytest

from engine.games.layers import output
from engine.games.layers.link import Heartbeat, Link
from engine.games.layers.ring import FrameRing
from engine.job import Job
from infra.s3_store import ATTEMPTS, READ_SECONDS
from infra.store import StoreUnreachableError
from tests.engine.jobs import MakeJob


def test_a_silent_store_is_named_before_its_layer_counts_as_lifeless(monkeypatch: pytest.MonkeyPatch, make_job: MakeJob) -> None:
    shared = multiprocessing.get_context("spawn").Value("d", lock=False)
    promised: list[float] = []

    def unreachable(uri: str) -> None:
        promised.append(float(shared.value) - time.monotonic())
        raise StoreUnreachableError(f"store {uri} does not answer")

    monkeypatch.setattr(output, "open_store", unreachable)
    job: Job = make_job(width=16, height=16)
    ring = FrameRing.create(16, 16)
    ours, theirs = multiprocessing.Pipe()
    serving = threading.Thread(target=output.run_output, args=(Link(theirs, Heartbeat(shared)), "s3://bucket/store"))
    serving.start()
    ours.send_bytes(json.dumps({"open": dataclasses.asdict(job), "ring": str(ring.path)}).encode())
    answer = json.loads(ours.recv_bytes())
    ours.close()
    serving.join(30)
    ring.close(remove=True)
    assert not serving.is_alive()
    assert answer == {"failed": "StoreUnreachableError", "message": "store s3://bucket/store does not answer"}
    assert promised[0] > READ_SECONDS * ATTEMPTS
