"""The server over real sockets: one player's garbage, flood or silence is nobody else's."""

import asyncio
import base64
import contextlib
import dataclasses
import io
import json
import os
import signal
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import websockets
from PIL import Image
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from inference.connection import ConnectionConfig
from inference.generator import Generator, GeneratorConfig, ModelStoppedError
from inference.limits import RateConfig
from inference.server import PortInUseError, ServeConfig, bind, greeting, serve
from inference.stream import Stream
from infra.datasets import put_bundle
from infra.store import open_store
from infra.tables import append_rows, rows_from
from modeling.checkpoint import find_checkpoint
from tests.inference.evaluate.arena import keep_candidate
from tests.inference.panning_world import FPS, FRAMES, HEIGHT, WIDTH, load_panning, panning_shape, start_image
from tests.inference.serving import TestPlayer, connected, panning_served, playing, serving

QUIET = ConnectionConfig(rates=RateConfig(messages_per_second=50, messages_at_once=60))


@pytest.fixture(scope="module")
def address(panning_generator):
    with serving(panning_generator, panning_served(), ServeConfig(port=0, connection=QUIET)) as found:
        yield found


def fetch(address: str, path: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://{address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


async def frames_of(player: TestPlayer, count: int) -> dict[int, bytes]:
    """Pictures by frame number, frame 0 included, until ``count`` have come; none may be missing."""
    found: dict[int, bytes] = {}
    while len(found) < count:
        header, jpeg = await player.frame()
        found[header.frame] = jpeg
    return found


def test_facts_are_served_beside_the_page(address):
    assert fetch(address, "/")[0] == 200
    info = json.loads(fetch(address, "/info")[1])
    assert (info["width"], info["height"], info["fps"], info["banner"]) == (WIDTH, HEIGHT, FPS, "")
    assert info["checkpoints"] == {"autoencoder": "a" * 64, "denoiser": "e" * 64} and len(info["starts"]) == 3
    assert json.loads(fetch(address, "/health")[1])["status"] == "ready"
    status, jpeg = fetch(address, "/starts/1.jpg")
    assert status == 200 and pixels(jpeg).shape == (HEIGHT, WIDTH, 3)
    assert fetch(address, "/starts/9.jpg")[0] == 404
    assert fetch(address, "/../server.py")[0] == 404


def test_same_seed_without_keys_gives_identical_frames_twice(address):
    async def play():
        walks = []
        for _ in range(2):
            async with playing(address, image=2, seed=5) as player:
                walks.append(await frames_of(player, 2 * FRAMES))
        return walks

    first, second = asyncio.run(play())
    both = first.keys() & second.keys()
    assert len(both) > FRAMES and all(first[n] == second[n] for n in both)


def test_a_frame_tells_when_it_was_made_and_which_action_it_shows(address):
    async def play():
        async with playing(address) as player:
            await player.say(type="action", number=41, keys=["turn_right"])
            before = time.time_ns() // 1000
            while True:
                header, jpeg = await player.frame()
                if header.applied == 41:
                    return before, header, jpeg, player.notes["segment"]

    before, header, jpeg, segment = asyncio.run(play())
    assert header.generated <= header.sent and abs(header.sent - before) < 20e6
    assert segment["applied"] == 41 and segment["session"] == header.session
    yaw = segment["poses"][-1][2] - segment["poses"][0][2]
    assert yaw == pytest.approx((FRAMES - 1) * 1.5)
    assert pixels(jpeg).shape == (HEIGHT, WIDTH, 3)


def test_the_newest_action_wins_and_is_held(address):
    async def play():
        async with playing(address) as player:
            for number in range(1, 30):
                await player.say(type="action", number=number, keys=["back" if number < 29 else "forward"])
            await player.say(type="action", number=7, keys=["left"])  # late and old
            while (segment := await player.hear("segment"))["applied"] < 29:
                pass
            following = await player.hear("segment")
            return segment, following

    for segment in asyncio.run(play()):
        assert segment["applied"] == 29
        assert segment["poses"][-1][1] > segment["poses"][0][1] and segment["poses"][-1][0] == segment["poses"][0][0]


def test_frames_leave_at_an_even_pace(panning_generator):
    async def play(address):
        async with playing(address) as player:
            await frames_of(player, 2 * FRAMES)
            sent = [(await player.frame())[0].sent for _ in range(5 * FRAMES)]
            return np.diff(sent) / 1e6

    with serving(panning_generator, panning_served(fps=16.0), ServeConfig(port=0)) as address:
        gaps = asyncio.run(play(address))
    assert np.median(gaps) == pytest.approx(1 / 16, rel=0.2)
    assert np.percentile(gaps, 80) < 2 / 16  # no bursts with pauses between them


@pytest.mark.parametrize("garbage", ["not json", "[1, 2]", b"\x00\x01", "{"])
def test_garbage_closes_only_its_own_connection(address, garbage):
    async def play():
        async with playing(address) as other, connected(address) as player:
            await player.say(type="hello", version=1)
            await player.hear("welcome")
            await player.socket.send(garbage)
            farewell = await player.closing()
            await frames_of(other, FRAMES)
            return farewell

    code, reason = asyncio.run(play())
    assert code == 1008 and reason and "\n" not in reason


def test_unknown_fields_are_refused_politely_and_the_game_goes_on(address):
    async def play():
        async with playing(address) as player:
            await player.say(type="action", number=1, speed=9)
            note = await player.hear("error")
            await player.say(type="start", image=99)
            missing = await player.hear("error")
            await player.say(type="start", png=base64.b64encode(b"\x89PNG broken").decode())
            broken = await player.hear("error")
            await frames_of(player, FRAMES)
            return note["text"], missing["text"], broken["text"]

    unknown, missing, broken = asyncio.run(play())
    assert "action.speed" in unknown
    assert missing == "start: image 99 does not exist; there are 3"
    assert broken.startswith("start.png cannot be read as a picture") and len(broken) < 200


def test_a_flood_closes_only_its_own_connection(address):
    async def play():
        async with playing(address) as other, playing(address) as player:
            with contextlib.suppress(websockets.ConnectionClosed):
                for number in range(5000):
                    await player.say(type="action", number=number + 1)
            farewell = await player.closing()
            await frames_of(other, FRAMES)
            return farewell

    code, reason = asyncio.run(play())
    assert code == 1008 and "too many messages" in reason


def test_who_starts_again_and_again_asks_the_model_for_one_thing_at_a_time(address, panning_generator):
    async def play():
        pending = []
        async with playing(address) as other, playing(address) as player:
            for seed in range(40):
                await player.say(type="start", image=0, seed=seed, prompt="slow")
                await asyncio.sleep(0.02)
                pending.append(panning_generator.pending)
            await frames_of(other, FRAMES)
            while (await player.hear("started"))["seed"] != 39:
                pass
            return pending

    assert max(asyncio.run(play())) <= 2  # seats


def test_a_message_that_is_too_long_closes_only_its_own_connection(address):
    async def play():
        async with playing(address) as other, playing(address) as player:
            with contextlib.suppress(websockets.ConnectionClosed):
                await player.socket.send("x" * 4_000_000)
            code, _ = await player.closing()
            await frames_of(other, FRAMES)
            return code

    assert asyncio.run(play()) in (1008, 1009)


def test_who_vanishes_frees_the_seat_and_disturbs_nobody(address):
    async def play():
        async with playing(address) as other:
            for _ in range(3):
                async with playing(address) as player:
                    await player.frame()
                    player.socket.transport.abort()  # no close, no goodbye
            return await frames_of(other, FRAMES)

    assert len(asyncio.run(play())) == FRAMES


def test_who_reads_nothing_loses_old_frames_and_disturbs_nobody(panning_generator):
    async def play(address):
        async with playing(address) as other, playing(address) as sleeper:
            sleeper.socket.transport.pause_reading()
            began = time.monotonic()
            seen = await frames_of(other, 6 * FRAMES)
            seconds = time.monotonic() - began
            sleeper.socket.transport.abort()
            return seconds, max(seen)

    with serving(panning_generator, panning_served(), ServeConfig(port=0)) as address:
        seconds, newest = asyncio.run(play(address))
    assert newest < 8 * FRAMES and seconds < 10


def test_seats_are_given_in_order_and_the_rest_hears_busy(panning_generator):
    async def play(address):
        async with playing(address) as first, connected(address) as second, connected(address) as third:
            await second.say(type="hello", version=1)
            waiting = await second.hear("waiting")
            await third.say(type="hello", version=1)
            farewell = await third.closing()
            await first.say(type="bye")
            await second.hear("welcome")
            return waiting, farewell

    with serving(panning_generator, panning_served(), ServeConfig(port=0, max_sessions=1, max_waiting=1)) as address:
        waiting, (code, reason) = asyncio.run(play(address))
    assert waiting["position"] == 1 and waiting["seats"] == 1
    assert code == 1013 and reason.startswith("busy: 1 of 1 seats are taken and 1 wait")


def test_foreign_pages_are_refused(address):
    async def knock(origin):
        async with connected(address, origin=origin) as player:
            await player.say(type="hello", version=1)
            return await player.hear("welcome")

    async def refused(origin, name=address):
        host, port = address.split(":")
        async with connected(name, origin=origin, host=host, port=int(port)) as player:
            return await player.closing()

    port = address.split(":")[1]
    assert asyncio.run(knock(f"http://{address}"))
    for foreign in ("http://evil.example", "https://" + address + ".evil.example", "null", f"http://localhost:{port}"):
        code, reason = asyncio.run(refused(foreign))
        assert code == 1008 and "not allowed here" in reason and "serve.allowed_origins" in reason
    assert "host 'evil.example' is not known here" in asyncio.run(refused("http://evil.example", "evil.example"))[1]
    assert json.loads(fetch(address, "/health")[1])["playing"] == 0
    assert fetch(address, "/info", Host="evil.example:8760")[0] == 403  # a name that was pointed here
    assert fetch(address, "/info", Host=f"localhost:{port}")[0] == 200


def test_every_answer_forbids_other_sites_to_show_it(address):
    for path, status in (("/", 200), ("/index.html", 200), ("/player.js", 200), ("/starts/1.jpg", 200), ("/info", 200)):
        assert headers_of_answer(address, path)[0] == status
    for path, more in (("/none", {}), ("/starts/x.jpg", {}), ("/", {"Host": "evil.example"}), ("/player.js", {})):
        _, headers = headers_of_answer(address, path, **more)
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "SAMEORIGIN" and headers["X-Content-Type-Options"] == "nosniff"
        assert len(headers.get_all("Content-Security-Policy")) == 1


def headers_of_answer(address, path, **headers):
    request = urllib.request.Request(f"http://{address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def test_who_is_refused_over_and_over_gets_no_more_than_a_number_and_fills_no_terminal(panning_generator, caplog):
    async def knock(address):
        async with connected(address, origin="http://evil.example") as player:
            return await player.closing()

    async def flood(address):
        return await asyncio.gather(*(knock(address) for _ in range(120)), return_exceptions=True)

    with serving(panning_generator, panning_served(), ServeConfig(port=0)) as address:
        answers = asyncio.run(flood(address))
        assert json.loads(fetch(address, "/health")[1])["playing"] == 0
    told = [answer for answer in answers if isinstance(answer, tuple)]
    assert 50 <= len(told) < 120 and {code for code, _ in told} == {1008}
    assert all(isinstance(answer, websockets.InvalidStatus) for answer in answers if not isinstance(answer, tuple))
    lines = [record.getMessage() for record in caplog.records if "evil.example" in record.getMessage()]
    assert 1 <= len(lines) <= 8 and all("serve.allowed_origins" in line for line in lines)


@pytest.mark.slow
def test_a_model_of_damaged_weights_ends_the_server_with_the_name_of_the_tensor(tmp_path):
    store = open_store(tmp_path)
    bundle = keep_candidate(store, "d" * 64)
    row = find_checkpoint(store, bundle.denoiser)
    tensors = load_safetensors(store.get_bytes(row.weights_object))
    tensors["head.head.bias"][0] = float("nan")
    name = store.put_bytes(save_safetensors(tensors), ".safetensors")
    damaged = dataclasses.replace(row, digest=name.split(".")[0], weights_object=name)
    append_rows(store, "checkpoints", rows_from([damaged]), transaction="damaged")
    digest = put_bundle(store, dataclasses.replace(bundle, denoiser=damaged.digest))
    told = pytest.raises(ModelStoppedError, match=r"cannot be loaded: NotFiniteError: .*tensor head\.head\.bias holds NaN")
    with told, ThreadPoolExecutor(1) as beside:  # the main thread may drive a browser, whose loop runs there
        beside.submit(serve, ServeConfig(port=0), store, digest, released=True).result()


def test_an_uploaded_picture_is_cut_to_size_and_played(address):
    picture = Image.new("RGB", (200, 100), (200, 30, 90))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")

    async def play():
        async with connected(address) as player:
            await player.say(type="hello", version=1)
            await player.hear("welcome")
            started = await player.start(image=None, png=base64.b64encode(buffer.getvalue()).decode())
            return started, await player.frame()

    started, (header, jpeg) = asyncio.run(play())
    assert started["image"] == -1 and header.frame == 0
    assert np.abs(pixels(jpeg).astype(int) - (200, 30, 90)).max() < 6


def test_a_new_start_makes_old_frames_stale(address):
    async def play():
        async with playing(address) as player:
            await frames_of(player, FRAMES)
            started = await player.start(image=1)
            header, jpeg = await player.frame()
            return started, header, jpeg

    started, header, jpeg = asyncio.run(play())
    assert header.session == started["session"] and header.frame == 0
    assert np.abs(pixels(jpeg).astype(int) - start_image(1)).mean() < 12


def test_pause_ends_generation_and_resume_goes_on(address):
    async def play():
        async with playing(address) as player:
            await frames_of(player, FRAMES)
            await player.say(type="pause", paused=True)
            newest = 0
            with contextlib.suppress(TimeoutError):
                while True:
                    newest = (await player.frame(seconds=1.0))[0].frame
            await player.say(type="pause", paused=False)
            return newest, (await player.frame())[0].frame

    newest, resumed = asyncio.run(play())
    assert newest % FRAMES == 0 and resumed == newest + 1


def test_an_idle_player_frees_the_seat(panning_generator):
    async def play(address):
        async with playing(address) as player:
            return await player.closing()

    config = ServeConfig(port=0, connection=ConnectionConfig(idle_seconds=0.5))
    with serving(panning_generator, panning_served(), config) as address:
        code, reason = asyncio.run(play(address))
    assert code == 1001 and reason.startswith("idle")


def test_a_crash_of_the_model_is_one_line_and_the_walk_begins_anew():
    async def play(address, generator):
        async with playing(address) as player:
            await frames_of(player, FRAMES)
            os.kill(generator.pid, signal.SIGKILL)
            note = await player.hear("error")
            await player.hear("started", seconds=60)
            header, _ = await player.frame()
            await frames_of(player, FRAMES)
            return note["text"], header.frame

    with Generator(load_panning, panning_shape(), GeneratorConfig()) as generator:
        generator.wait_ready(60)
        with serving(generator, panning_served(), ServeConfig(port=0)) as address:
            text, frame = asyncio.run(play(address, generator))
    assert "killed by signal 9" in text and "begins anew" in text and "\n" not in text
    assert frame == 0


def test_a_fault_of_the_server_closes_that_connection_with_1011_and_is_one_line_in_the_log(address, monkeypatch, caplog):
    def fail(self, paused):
        raise RuntimeError("a fault\nof ours")

    async def play():
        async with playing(address) as other, playing(address) as player:
            monkeypatch.setattr(Stream, "pause", fail)
            await player.say(type="pause", paused=False)
            ended = await player.closing()
            monkeypatch.undo()
            return ended, await frames_of(other, FRAMES)

    (code, reason), seen = asyncio.run(play())
    assert code == 1011 and "reload" in reason
    assert [record.getMessage() for record in caplog.records] == ["a player's connection failed: RuntimeError: a fault of ours"]
    assert len(seen) == FRAMES


def test_a_port_in_use_is_one_line_that_names_port_and_flag(address):
    port = int(address.split(":")[1])
    with pytest.raises(PortInUseError, match=rf"cannot listen on 127.0.0.1 port {port}: .* --set serve.port=") as caught:
        bind(ServeConfig(port=port))
    assert "\n" not in str(caught.value)


def test_the_greeting_warns_of_open_doors_and_candidates():
    assert greeting(ServeConfig(), panning_served(), 8760) == "play panning at http://127.0.0.1:8760/ (Ctrl-C ends it)"
    warned = greeting(ServeConfig(host="0.0.0.0"), panning_served(banner="not released"), 80).splitlines()
    assert warned[0].startswith("WARNING: 0.0.0.0 can be reached") and warned[1] == "WARNING: not released"
