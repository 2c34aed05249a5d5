"""A slow player loses the oldest frames and never a message, and nobody waits for that player."""

import asyncio
import json
import time

from inference.outbox import Outbox, OutFrame
from inference.protocol import HEADER_BYTES, ErrorNote, FrameHeader


def frame(number: int) -> OutFrame:
    header = FrameHeader(session=1, segment=0, frame=number, applied=0, generated=5, sent=0)
    return OutFrame(header=header, jpeg=b"jpeg")


def taken(outbox: Outbox) -> list[str | int]:
    """All that is in it: texts of notes, numbers of frames."""

    async def take() -> list[str | int]:
        outbox.close()
        found: list[str | int] = []
        while (item := await outbox.take()) is not None:
            found.append(json.loads(item)["text"] if isinstance(item, str) else item.header.frame)
        return found

    return asyncio.run(take())


def test_the_oldest_frames_are_dropped_and_counted():
    outbox = Outbox(frames=2)
    for number in range(10):
        outbox.put_frame(frame(number))
    assert outbox.dropped == 8
    assert taken(outbox) == [8, 9]


def test_messages_are_kept_and_overtake_frames():
    outbox = Outbox(frames=2)
    for number in range(4):
        outbox.put_frame(frame(number))
        outbox.put_note(ErrorNote(text=f"note {number}"))
    assert taken(outbox) == ["note 0", "note 1", "note 2", "note 3", 2, 3]


def test_messages_are_bounded_too():
    outbox = Outbox()
    for number in range(1000):
        outbox.put_note(ErrorNote(text=str(number)))
    assert outbox.overrun
    assert len(taken(outbox)) < 100


def test_stale_frames_can_be_forgotten():
    outbox = Outbox(frames=2)
    outbox.put_frame(frame(1))
    outbox.forget_frames()
    outbox.put_frame(frame(0))
    assert taken(outbox) == [0] and outbox.dropped == 0


def test_a_taker_wakes_when_something_comes():
    async def play() -> str | OutFrame | None:
        outbox = Outbox()
        taking = asyncio.create_task(outbox.take())
        await asyncio.sleep(0)
        assert not taking.done()
        outbox.put_frame(frame(3))
        return await asyncio.wait_for(taking, 5)

    assert asyncio.run(play()) == frame(3)


def test_a_frame_is_stamped_when_it_is_sent_and_carries_its_picture():
    before = time.time_ns() // 1000
    data = frame(3).to_bytes()
    header = FrameHeader.unpack(data)
    assert before <= header.sent <= time.time_ns() // 1000
    assert (header.frame, header.generated, data[HEADER_BYTES:]) == (3, 5, b"jpeg")
