"""The game layer: launches the game, carries out actions, puts frames into the ring."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.endpoints import EndpointsConfig
from engine.games.layers.link import Link
from engine.games.layers.ring import FrameRing
from engine.games.layers.states import put_facts, put_state, take_action
from engine.job import Job
from engine.record import make_recorder
from engine.recorder import LateRecorder, Recorder, State

LAUNCH_SECONDS: Final = 420.0  # for a game to come up and show its world
FRAME_SECONDS: Final = 60.0  # for one action


def run_game(link: Link, endpoints: EndpointsConfig) -> None:
    """Serve ``reset``, ``step``, ``develop`` and ``facts`` until the coordinator is gone; ``rest`` lets go of keys and game.

    A game that failed is launched anew.
    """
    recorder: Recorder | None = None
    ring: FrameRing | None = None
    developed: Iterator[State] = iter(())
    for message in link.messages():
        try:
            if "reset" in message:
                link.heartbeat.promise(LAUNCH_SECONDS)
                job = Job(**message["reset"])
                ring = _opened(ring, message["ring"], job)
                recorder = recorder or make_recorder(job, endpoints)
                state = put_state(ring, message["sequence"], recorder.reset(job))
                if isinstance(recorder, LateRecorder):
                    developed = recorder.develop()  # begins with the first that is asked for
                link.send(answer_to=message["question"], state=state)
            elif "step" in message:
                assert recorder is not None and ring is not None
                link.heartbeat.promise(FRAME_SECONDS)
                action = take_action(message["step"])
                assert action is not None
                link.send(answer_to=message["question"], state=put_state(ring, message["sequence"], recorder.step(*action)))
            elif "develop" in message:
                assert ring is not None
                link.heartbeat.promise(LAUNCH_SECONDS)
                link.send(answer_to=message["question"], state=put_state(ring, message["sequence"], next(developed)))
            elif "rest" in message:
                if recorder is not None:
                    recorder.close()
                recorder, developed = None, iter(())
            else:
                assert recorder is not None
                link.send(answer_to=message["question"], facts=put_facts(recorder.facts()))
        except Exception as error:
            link.heartbeat.promise(FRAME_SECONDS)
            if recorder is not None:
                recorder.close()
            recorder, developed = None, iter(())
            why = " ".join(str(error).split()) or "no message"
            link.send(answer_to=message["question"], failed=type(error).__name__, message=why)
    if recorder is not None:
        recorder.close()


def _opened(ring: FrameRing | None, path: Any, job: Job) -> FrameRing:
    if ring is not None and ring.path == Path(path):
        return ring
    if ring is not None:
        ring.close()
    return FrameRing(Path(path), job.width, job.height)
