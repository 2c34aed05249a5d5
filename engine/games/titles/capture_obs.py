"""Capture by OBS Studio: one file for each episode, recorded by OBS and read back by frame number."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.games.titles.obs_websocket import ObsClient, ObsError

TAIL_FRAMES: Final = 5  # of a file: OBS 29 drops some of the last when it stops, so that numbers and times part there
STOPPED: Final = "OBS_WEBSOCKET_OUTPUT_STOPPED"
STARTED: Final = "OBS_WEBSOCKET_OUTPUT_STARTED"


@dataclass(frozen=True, kw_only=True)
class ObsSegment:
    """One finished recording."""

    path: Path
    started: float  # our monotonic clock, when OBS said that it records: some frames after the file's first one


class ObsCapture:
    """Starts and stops recordings of whatever scene OBS shows."""

    def __init__(self, client: ObsClient) -> None:
        self._client = client
        self._started: float | None = None

    def start(self) -> None:
        """Begin a file. A recording that runs already is somebody else's and is left alone.

        Raises:
            ObsError: OBS records already, or cannot.
        """
        if self._client.request("GetRecordStatus").get("outputActive"):
            raise ObsError("OBS is recording already; stop that recording first")
        self._client.request("StartRecord")
        deadline = time.monotonic() + self._client.config.deadline
        self._client.wait_event("RecordStateChanged", deadline, outputState=STARTED)
        self._started = time.monotonic()

    def running_seconds(self) -> float:
        """How long it is since OBS said that it records; what is recorded by then may be less, or a little more."""
        return time.monotonic() - self._running()

    def recorded_seconds(self) -> float:
        """How much is recorded so far.

        Raises:
            ObsError: nothing is being recorded: OBS stopped, for instance because its disk is full.
        """
        status = self._client.request("GetRecordStatus")
        if not status.get("outputActive"):
            raise ObsError("OBS stopped recording by itself; look at its log, and whether its disk is full")
        return float(status["outputDuration"]) / 1000

    def stop(self) -> ObsSegment:
        """End the recording; the file is complete when this returns."""
        started = self._running()
        answer = self._client.request("StopRecord")
        deadline = time.monotonic() + self._client.config.deadline
        stopped = self._client.wait_event("RecordStateChanged", deadline, outputState=STOPPED)
        while self._client.request("GetRecordStatus").get("outputActive"):  # for a moment after the event
            if time.monotonic() > deadline:
                raise ObsError("OBS did not finish its recording in time; does its disk keep up?")
            time.sleep(0.02)
        self._started = None
        path = stopped.get("outputPath") or answer.get("outputPath")
        if not path:
            raise ObsError("OBS did not say where it recorded to; use OBS 28 or later")
        return ObsSegment(path=Path(path), started=started)

    def end_orphan(self, *, ours: bool) -> None:
        """End and delete a recording that a recorder began which was killed; ``ours`` says that it is one.

        Raises:
            ObsError: it is somebody else's, or cannot be ended.
        """
        if self._started is not None or not self._client.request("GetRecordStatus").get("outputActive"):
            return
        if not ours:
            raise ObsError("OBS is recording already; stop that recording first")
        self._started = time.monotonic()
        self.discard()

    def discard(self) -> None:
        """End a recording of ours, if there is one, and delete its file."""
        if self._started is not None:
            self.stop().path.unlink(missing_ok=True)

    def _running(self) -> float:
        if self._started is None:
            raise ObsError("no recording was started")
        return self._started
