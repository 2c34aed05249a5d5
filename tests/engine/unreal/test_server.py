"""The embedded world as an UnrealCV server: what the stock client meets, and the protocol's limits."""

import io
import re
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from engine.embedded.mask import thing_names
from engine.embedded.render import RenderConfig, SceneRenderer
from engine.scenes.build import build_scene
from engine.unreal.client import EngineGoneError, UnrealClient
from engine.unreal.convention import c2w_from_unreal
from engine.unreal.pictures import (
    BMP_MAGIC,
    NPY_MAGIC,
    PNG_MAGIC,
    decode_bmp,
    decode_depth,
    encode_bmp,
    encode_depth,
    numbers_of_picture,
    picture_of_numbers,
)
from engine.unreal.process import EngineProcess, UnrealConfig
from engine.unreal.server import ServerConfig, WorldServer
from engine.unreal.tick import MAX_REQUESTS_PER_TICK, RequestQueue
from engine.unreal.wire import HEADER, MAGIC, WireError, frame
from tests.requirements import require

LEVEL = "park-0000000000000005"


@contextmanager
def served() -> Iterator[WorldServer]:
    """A server in a thread, for what needs no drawing."""
    server = WorldServer(ServerConfig(port=0, level=LEVEL))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server
    server.stop()
    thread.join(10)
    server.close()


@pytest.fixture(scope="module")
def server() -> Iterator[WorldServer]:
    with served() as running:
        yield running


@pytest.fixture
def client(server: WorldServer) -> Iterator[UnrealClient]:
    link = connected(server)
    yield link
    link.close()


def connected(server: WorldServer, *, tcp: bool = False) -> UnrealClient:
    """A client, as soon as the server has noticed that the last one hung up."""
    link = UnrealClient(("127.0.0.1", server.port) if tcp else server.path, reply_seconds=20.0)
    for _ in range(200):
        try:
            assert link.connect(5.0) == "Worldloom"
            return link
        except EngineGoneError:
            continue
    raise AssertionError("the server stays taken")


@pytest.fixture(scope="module")
def engine(egl: str) -> Iterator[UnrealClient]:
    """A server in a process of its own, which draws."""
    process = EngineProcess(UnrealConfig())
    yield process.ready(16.0)
    process.stop()


@pytest.mark.parametrize("kind", ["inet", pytest.param("unix", marks=pytest.mark.slow)])
def test_the_stock_client_works(egl: str, kind: str) -> None:
    require(find_spec("unrealcv") is not None, "the stock client (pip install --no-deps unrealcv)")
    with warnings.catch_warnings():  # its own imports
        warnings.simplefilter("ignore")
        import unrealcv
    process = EngineProcess(UnrealConfig(unix_socket=kind == "unix"))
    ours = process.ready(16.0)
    endpoint = ours.address if isinstance(ours.address, tuple) else str(ours.address)
    ours.close()
    stock = unrealcv.Client(endpoint, kind)
    for _ in range(50):
        if stock.connect():
            break
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it warns of commands that the server does not list
        assert stock.request("vset /camera/0/size 64 48") == "ok"
        assert stock.request("vset /camera/0/location 100 -50.5 160") == "ok"
        assert stock.request("vget /camera/0/location") == "100.000 -50.500 160.000"
        picture = np.asarray(Image.open(io.BytesIO(stock.request("vget /camera/0/lit png"))))
        assert picture.shape == (48, 64, 4) and (picture[..., 3] == 255).all() and picture[..., :3].std() > 5
        assert np.load(io.BytesIO(stock.request("vget /camera/0/depth npy"))).shape == (48, 64)
        assert len(stock.request(["vget /level/name", "vget /cameras"])) == 2
        names = stock.request("vget /objects").split()
        assert "person_1" in names
        assert re.fullmatch(r"\(R=\d+,G=\d+,B=\d+,A=255\)", stock.request("vget /object/person_1/color"))
    stock.disconnect()
    process.stop()


def test_pictures_depth_and_mask_show_the_scene(engine: UnrealClient) -> None:
    setup = [f"vset /action/game/level {LEVEL}", "vset /worldloom/step 0", "vset /camera/0/size 96 64"]
    engine.batch([*setup, "vset /camera/0/location 300 200 160", "vset /camera/0/rotation -10 35 0"])
    lit = decode_bmp(engine.binary("vget /camera/0/lit bmp", BMP_MAGIC))
    png = np.asarray(Image.open(io.BytesIO(engine.binary("vget /camera/0/lit png", PNG_MAGIC))))[..., :3]
    depth = decode_depth(engine.binary("vget /camera/0/depth npy", NPY_MAGIC))
    colours = decode_bmp(engine.binary("vget /camera/0/object_mask bmp", BMP_MAGIC))
    assert np.array_equal(lit, png)
    scene = build_scene("park", 5)
    renderer = SceneRenderer(RenderConfig(width=96, height=64, hfov=90.0))
    renderer.load(scene)
    rgb, metres = renderer.draw(c2w_from_unreal(np.array([300.0, 200.0, 160.0]), np.array([-10.0, 35.0, 0.0])), 0.0)
    assert metres is not None and np.array_equal(lit, rgb) and np.allclose(depth, metres, rtol=1e-6)
    numbers = renderer.draw_mask()
    renderer.close()
    assert np.array_equal((colours == 0).all(-1), numbers == 0)
    number = int(np.bincount(numbers[numbers > 0]).argmax())
    text = engine.text(f"vget /object/{thing_names(scene)[number - 1]}/color")
    red, green, blue, _ = map(int, re.findall(r"\d+", text))
    assert (colours[numbers == number] == (red, green, blue)).all()


def test_time_is_held_between_steps_and_each_step_is_one_tick(engine: UnrealClient) -> None:
    engine.batch([f"vset /action/game/level {LEVEL}", "vset /worldloom/step 0"])
    assert engine.text("vget /action/game/is_paused") == "true"
    places = []
    for expected in range(4):
        assert engine.text("vget /worldloom/tick") == str(expected)
        places.append(engine.text("vget /object/person_1/location"))
        assert places[-1] == engine.text("vget /object/person_1/location")
        assert engine.text("vset /worldloom/step 0.5") == "ok"
    assert len(set(places)) == 4
    both = engine.batch(["vset /worldloom/step 0.5", "vset /worldloom/step 0.5"])
    assert [bytes(body) for body in both] == [b"ok", b"error a step is due already"]
    assert engine.text("vset /action/game/resume") == "ok" and engine.text("vget /action/game/is_paused") == "false"


def test_what_is_drawn_before_it_is_asked_for_is_what_would_have_been_drawn(engine: UnrealClient) -> None:
    engine.batch([f"vset /action/game/level {LEVEL}", "vset /worldloom/step 0", "vset /camera/0/size 96 64"])
    kinds = ("vget /camera/0/lit bmp", "vget /camera/0/depth npy", "vget /camera/0/object_mask bmp")
    there, elsewhere = "vset /camera/0/location 300 200 160", "vset /camera/0/location 100 -50.5 160"
    step = "vset /worldloom/step 0.5"
    engine.batch([there, *kinds, step])
    ahead = [bytes(body) for body in engine.batch([*kinds, step])]
    moved = [bytes(body) for body in engine.batch([elsewhere, *kinds])]  # what was drawn ahead is of no use
    engine.batch([f"vset /action/game/level {LEVEL}", "vset /worldloom/step 0", there, step])
    assert [bytes(body) for body in engine.batch([*kinds, step])] == ahead
    assert [bytes(body) for body in engine.batch([elsewhere, *kinds])] == moved


def test_a_batch_sees_one_state_and_the_step_comes_after_it(engine: UnrealClient) -> None:
    engine.batch([f"vset /action/game/level {LEVEL}", "vset /worldloom/step 0"])
    ask = "vget /worldloom/tick"
    first = engine.batch([ask, "vset /worldloom/step 0.1", ask])
    second = engine.batch([ask, "vset /worldloom/step 0.1", ask])
    assert [bytes(body) for body in first + second] == [b"0", b"ok", b"0", b"1", b"ok", b"1"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("vget /nothing", "error Can not find a handler for URI 'vget /nothing'"),
        ("vget /camera/0/pose", "error Can not find a handler for URI 'vget /camera/0/pose'"),
        ("vset /camera/0/location 1e-05 0 0", "error Can not find a handler for URI 'vset /camera/0/location 1e-05 0 0'"),
        ("vset /camera/0/location 100. 0 0", "error Can not find a handler for URI 'vset /camera/0/location 100. 0 0'"),
        ("vset /camera/0/location .5 -3 +2   ", "ok"),
        ("vget /camera/0/lit npy", "error Invalid filename type, filename npy"),
        ("vget /camera/7/location", "error Invalid sensor id"),
        ("vset /camera/7/moveto 0 0 0", "error MoveTo only supports the player camera with id 0"),
        ("vget /object/nobody/color", "error Can not find object"),
        ("vget /unrealcv/echo hello", "hello"),
        ("vget /level/name", LEVEL),
        ("vset /action/game/pause", "ok"),
    ],
)
def test_commands_are_answered_as_the_plugin_does(client: UnrealClient, command: str, answer: str) -> None:
    assert bytes(client.receive(client.send([command]))[0]).decode() == answer


def test_a_body_appears_moves_and_goes(client: UnrealClient) -> None:
    for command, answer in (
        ("vset /objects/spawn Nobody walker", "error Can not find a class with name 'Nobody'"),
        (f"vset /objects/spawn Character_{10**17} walker", f"error Can not find a class with name 'Character_{10**17}'"),
        ("vset /object/walker/show", "error Can not find object"),
        ("vset /objects/spawn Character_77 walker", "walker"),
        ("vset /objects/spawn Character_78 walker", "error Failed to spawn walker, object exsit."),
        ("vset /objects/spawn Character_78 another", "error Failed to spawn actor"),
        ("vset /object/person_1/hide", "error person_1 belongs to the scene; only what was spawned can be changed"),
        ("vset /object/walker/location 100 250.5 0", "ok"),
        ("vset /object/walker/rotation 0 35 0", "ok"),
        ("vexec walker ShowPhase 3", "ok"),
        ("vexec walker ShowPhase 300", "error Character has no function ShowPhase 300"),
        ("vget /object/walker/location", "100.000 250.500 0.000"),
        ("vget /object/walker/rotation", "0.000 35.000 0.000"),
    ):
        assert bytes(client.receive(client.send([command]))[0]).decode() == answer
    assert client.text("vget /objects").split()[-1] == "walker"
    client.text("vset /object/walker/destroy")
    assert "walker" not in client.text("vget /objects")


def test_swept_moves_stop_at_things(client: UnrealClient) -> None:
    scene = build_scene("park", 5)
    thing = next(one for one in scene.objects if one.kind == "pillar")
    x, z = thing.position
    client.text(f"vset /camera/0/location {100 * (z - 3):.3f} {100 * x:.3f} 160")
    client.text(f"vset /camera/0/moveto {100 * (z + 3):.3f} {100 * x:.3f} 160")
    reached = float(client.text("vget /camera/0/location").split()[0]) / 100
    assert z - 3 < reached < z - thing.size[2] / 2


def test_a_second_client_is_turned_away_and_the_first_goes_on(server: WorldServer, client: UnrealClient) -> None:
    with pytest.raises(EngineGoneError):
        UnrealClient(("127.0.0.1", server.port), reply_seconds=5.0).connect(5.0)
    assert client.text("vget /unrealcv/echo on") == "on"


def test_malformed_requests_get_no_answer_and_the_next_one_does(server: WorldServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.settimeout(5)
        good = b"7:vget /unrealcv/echo on"
        link.sendall(frame(b"no id") + b"no id" + frame(good) + good)
        data = b""
        while not data.endswith(b"7:on"):
            data += link.recv(4096)
    assert data == frame(b"connected to Worldloom") + b"connected to Worldloom" + frame(b"7:on") + b"7:on"


def test_a_client_that_sends_garbage_is_dropped_and_the_next_one_is_served(server: WorldServer) -> None:
    order = b"7:vset /camera/0/location 1.0 2.0 3.0"
    for head in (b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n"):  # as any web page can
        with socket.create_connection(("127.0.0.1", server.port)) as rude:
            rude.sendall(head + frame(order) + order)
            rude.settimeout(5)
            while rude.recv(4096):
                pass
    with socket.create_connection(("127.0.0.1", server.port)) as huge:
        huge.sendall(HEADER.pack(MAGIC, 2**30))
        huge.settimeout(5)
        while huge.recv(4096):
            pass
    polite = connected(server, tcp=True)
    assert polite.text("vget /camera/0/location") != "1.000 2.000 3.000"
    polite.close()


def test_what_a_client_left_unread_does_not_reach_the_next_one(server: WorldServer) -> None:
    first = connected(server)
    first.send(["vget /unrealcv/echo old"] * 50)
    first.close()
    second = connected(server)
    assert second.text("vget /unrealcv/echo new") == "new"
    second.close()


def test_replies_keep_the_order_of_requests(client: UnrealClient) -> None:
    words = [str(number) for number in range(200)]
    bodies = client.receive(client.send([f"vget /unrealcv/echo {word}" for word in words]))
    assert [bytes(body).decode() for body in bodies] == words


def test_a_tick_takes_32_requests_and_a_batch_whole() -> None:
    queue = RequestQueue()
    for number in range(40):
        queue.add(number, "x")
    assert len(list(queue.answers(lambda _: b""))) == MAX_REQUESTS_PER_TICK
    assert len(list(queue.answers(lambda _: b""))) == 8
    queue.add(0, "vbatch 50")
    for number in range(49):
        queue.add(number + 1, "x")
    assert [number for number, _ in queue.answers(lambda _: b"")] == [0], "an incomplete batch was begun"
    assert not queue.ready
    queue.add(50, "x")
    queue.add(51, "next tick")
    assert [number for number, _ in queue.answers(lambda _: b"")] == list(range(1, 51))
    assert [number for number, _ in queue.answers(lambda _: b"")] == [51]


def test_pictures_round_trip() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (6, 9, 3), np.uint8)
    assert np.array_equal(decode_bmp(encode_bmp(rgb)), rgb)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_bmp(rgb))).convert("RGB")), rgb)
    foreign = io.BytesIO()
    Image.fromarray(rgb).save(foreign, "bmp")  # 24 bits, padded rows
    assert np.array_equal(decode_bmp(foreign.getvalue()), rgb)
    depth = np.array([[1.0, 0.5], [np.inf, 200.0]], np.float32)
    assert np.allclose(decode_depth(encode_depth(depth)), depth)
    numbers = rng.integers(0, 5, (6, 9)).astype(np.uint16)
    colours = np.array([0, 0xFF0000, 0x00FF00, 0x0000FF, 0x123456], np.uint32)
    table = np.zeros(2**24, np.uint16)
    table[colours] = np.arange(5)
    assert np.array_equal(numbers_of_picture(picture_of_numbers(numbers, colours, "bmp"), table), numbers)


DEPTH = encode_depth(np.ones((2, 2), np.float32))
NUMBERS = b"\x93NUMPY\x01\x00" + DEPTH[8:].replace(b"<f4", b"<i4")


def test_half_floats_are_read_too() -> None:
    out = io.BytesIO()
    np.save(out, np.array([[150.0, 65504.0]], np.float16))
    assert np.array_equal(decode_depth(out.getvalue()), np.array([[1.5, np.inf]], np.float32))


BROKEN = [b"", b"BM", b"error no", encode_bmp(np.zeros((4, 4, 3), np.uint8))[:-1], DEPTH[:6], DEPTH[:20], DEPTH[:-1], NUMBERS]


@pytest.mark.parametrize("body", BROKEN)
def test_broken_pictures_are_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_bmp(body)
    with pytest.raises(WireError):
        decode_depth(body)
