"""The commands that the embedded world's server knows: those of the open-source plugin, in its words, and the fixed step."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.unreal.convention import CENTIMETRES, WORLD
from engine.unreal.walker import Walker, character_of_class
from engine.unreal.wire import Body, Later
from engine.unreal.world import EmbeddedWorld, NoSuchLevelError
from infra.errors import NotHereError

VERSION: Final = "1.1.0"  # of the plugin whose commands these are; its clients ask for them from there on
PROJECT: Final = "Worldloom"
TYPES: Final = {"str": r"([^ ]*)", "uint": r"(\d*)", "float": r"([-+]?\d*[.]?\d+)"}
CAMERA: Final = "camera_0"
RECENT: Final = 64  # commands whose handlers are remembered

Handler = Callable[..., str | Later | None]


class CommandError(Exception):
    """What the peer reads after "error "."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One template with typed places, as the plugin writes them."""

    template: str
    handler: Handler
    says: str
    pattern: re.Pattern[str]


class Commands:
    """Finds a command and carries it out on a world; the one registered last is tried first."""

    def __init__(self, world: EmbeddedWorld, status: Callable[[], str]) -> None:
        self._world = world
        self._status = status
        self._commands: list[Command] = []
        self._found = functools.lru_cache(RECENT)(self._find)  # a recorder asks the same of each row
        self._register_plugin()
        self._register_objects()
        self._register_walker()
        self._register_camera()
        self._register_clock()

    def answer(self, command: str) -> Body:
        """The body of the reply: "ok", text, "error" and why, or what makes the bytes of a picture."""
        found = self._found(command)
        if found is None:
            return f"error Can not find a handler for URI '{command}'".encode()
        handler, arguments = found
        try:
            said = handler(*arguments)
        except (CommandError, ValueError, NotHereError) as error:
            return f"error {error}".encode()
        return said if callable(said) else (said or "ok").encode()

    def _find(self, command: str) -> tuple[Handler, tuple[str, ...]] | None:
        for known in reversed(self._commands):
            match = known.pattern.search(command)
            if match is not None:
                return known.handler, match.groups()
        return None

    def _bind(self, template: str, handler: Handler, says: str) -> None:
        parts = re.split(r"\[(str|uint|float)\]", template)
        literal = "".join(TYPES[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))
        self._commands.append(Command(template=template, handler=handler, says=says, pattern=re.compile(literal + "[ ]*$")))

    def _register_plugin(self) -> None:
        templates = lambda: "\n".join(command.template for command in self._commands)  # noqa: E731
        helps = lambda: "\n".join(f"{command.template}\n{command.says}" for command in self._commands)  # noqa: E731
        self._bind("vget /unrealcv/status", lambda: self._status(), "Whether a client is connected")
        self._bind("vget /unrealcv/version", lambda: VERSION, "Version of the plugin that this server follows")
        self._bind("vget /unrealcv/help", helps, "All commands and what they do")
        self._bind("vget /unrealcv/commands", templates, "All commands")
        self._bind("vget /unrealcv/echo [str]", lambda text: text, "The same word back")
        self._bind("vget /scene/name", lambda: PROJECT, "Name of the project")
        self._bind("vget /level/name", lambda: self._world.level, "Id of the scene")
        self._bind("vset /action/game/level [str]", self._load, "Show another scene: FAMILY-SEED")

    def _register_objects(self) -> None:
        self._bind("vget /objects", lambda: " ".join(self._world.names) + " ", "Names of all things and people")
        self._bind("vget /object/[str]/location", self._object_location, "Where it stands: x y z")
        self._bind("vget /object/[str]/rotation", self._object_rotation, "How it is turned: pitch yaw roll")
        self._bind("vget /object/[str]/color", self._object_colour, "Its colour in object masks")
        self._bind("vget /object/[str]/bounds", self._object_bounds, "Its box: min x y z, max x y z")
        self._bind("vget /object/[str]/mobility", self._object_mobility, "Static or Movable")

    def _register_walker(self) -> None:
        numbers = " [float] [float] [float]"
        self._bind("vset /objects/spawn [str] [str]", self._spawn, "Let a body appear: Character_NUMBER NAME")
        self._walker("location" + numbers, lambda one, x, y, z: replace(one, place=_place(_vector((x, y, z)))), "Put it: x y z")
        self._walker("rotation" + numbers, lambda one, _, yaw, __: replace(one, facing=float(yaw)), "Turn it: pitch yaw roll")
        self._walker("show", lambda one: replace(one, shown=True), "Let it be seen")
        self._walker("hide", lambda one: replace(one, shown=False), "Let it not be seen")
        self._walker("destroy", lambda one: None, "Let it disappear")
        self._bind("vexec [str] [str] [str]", self._execute, "Call a function of an actor")

    def _walker(self, noun: str, change: Callable[..., Walker | None], says: str) -> None:
        def handle(name: str, *values: str) -> None:
            self._world.change_walker(change(self._walker_of(name), *values))

        self._bind(f"vset /object/[str]/{noun}", handle, says)

    def _spawn(self, kind: str, name: str) -> str:
        if name in self._world.names:
            raise CommandError(f"Failed to spawn {name}, object exsit.")
        self._world.spawn(character_of_class(kind), name)
        return name

    def _execute(self, name: str, function: str, argument: str) -> None:
        self._world.change_walker(self._walker_of(name).call(function, argument))

    def _walker_of(self, name: str) -> Walker:
        """The one actor that can be moved: what stands in a scene belongs to it."""
        number = self._number(name)
        if self._world.walker is None or number < len(self._world.names) - 1:
            raise CommandError(f"{name} belongs to the scene; only what was spawned can be changed")
        return self._world.walker

    def _register_camera(self) -> None:
        world = self._world
        self._bind("vget /cameras", lambda: CAMERA + " ", "Names of all cameras")
        self._camera("vget", "location", "", lambda: _triple(world.location), "Where the camera is: x y z")
        self._camera("vget", "rotation", "", lambda: _triple(world.rotation), "Where it looks: pitch yaw roll")
        self._camera("vget", "fov", "", lambda: f"{world.config.hfov:.3f}", "Horizontal field of view")
        self._camera("vget", "size", "", lambda: f"{world.config.width} {world.config.height}", "Size of its pictures")
        numbers = " [float] [float] [float]"
        self._camera("vset", "location", numbers, lambda *v: world.place_camera(_vector(v)), "Teleport: x y z")
        self._camera("vset", "rotation", numbers, lambda *v: world.turn_camera(_vector(v)), "Turn: pitch yaw roll")
        self._camera("vset", "moveto", numbers, lambda *v: world.move_camera(_vector(v)), "Move until something is in the way")
        self._camera("vset", "fov", " [float]", self._set_fov, "Horizontal field of view")
        self._camera("vset", "size", " [uint] [uint]", self._set_size, "Size of its pictures")
        self._camera("vget", "lit", " [str]", lambda kind: world.picture(_format(kind, "bmp", "png")), "Picture: bmp or png")
        self._camera(
            "vget", "object_mask", " [str]", lambda kind: world.object_mask(_format(kind, "bmp", "png")), "Things: bmp or png"
        )
        self._camera("vget", "depth", " [str]", self._depth, "Depth in cm: npy")

    def _register_clock(self) -> None:
        self._bind("vset /action/game/pause", self._pause, "Let no time pass")
        self._bind("vset /action/game/resume", self._world.resume, "Let time pass by itself")
        self._bind("vget /action/game/is_paused", lambda: "false" if self._world.runs else "true", "Whether time stands still")
        self._bind("vset /worldloom/step [float]", lambda dt: self._world.hold(float(dt)), "One step of so many seconds")
        self._bind("vget /worldloom/tick", lambda: str(self._world.ticks), "Steps taken since the level was loaded")

    def _camera(self, verb: str, noun: str, arguments: str, handler: Handler, says: str) -> None:
        def handle(camera: str, *values: str) -> str | Later | None:
            if int(camera or 0) != 0:
                raise CommandError(
                    "MoveTo only supports the player camera with id 0" if noun == "moveto" else "Invalid sensor id"
                )
            return handler(*values)

        self._bind(f"{verb} /camera/[uint]/{noun}{arguments}", handle, says)

    def _load(self, level: str) -> None:
        try:
            self._world.load(level)
        except NoSuchLevelError as error:
            raise CommandError(str(error)) from None

    def _pause(self) -> None:
        self._world.paused = True

    def _set_fov(self, degrees: str) -> None:
        config = self._world.config
        if not 1 <= float(degrees) <= 170:
            raise CommandError("Argument Invalid")
        self._world.resize(config.width, config.height, float(degrees))

    def _set_size(self, width: str, height: str) -> None:
        if not (16 <= int(width or 0) <= 4096 and 16 <= int(height or 0) <= 4096):
            raise CommandError("Argument Invalid")
        self._world.resize(int(width), int(height), self._world.config.hfov)

    def _depth(self, kind: str) -> Later:
        _format(kind, "npy")
        depth = self._world.depth()
        if depth is None:
            raise CommandError("Captured data is empty")  # the software renderer has none
        return depth

    def _number(self, name: str) -> int:
        if name not in self._world.names:
            raise CommandError("Can not find object")
        return self._world.names.index(name)

    def _object_colour(self, name: str) -> str:
        colour = int(self._world.colours[self._number(name) + 1])
        return f"(R={colour >> 16},G={colour >> 8 & 255},B={colour & 255},A=255)"

    def _object_location(self, name: str) -> str:
        (x, z), _, _ = self._stands(self._number(name))
        return _triple(WORLD.T @ np.array([x, 0.0, z]) * 100)

    def _object_rotation(self, name: str) -> str:
        return _triple(np.array([0.0, self._stands(self._number(name))[1], 0.0]))

    def _object_bounds(self, name: str) -> str:
        (x, z), yaw, (width, height, depth) = self._stands(self._number(name))
        turn = abs(np.cos(np.radians(yaw))), abs(np.sin(np.radians(yaw)))
        ahead, aside = (turn[0] * depth + turn[1] * width) / 2, (turn[0] * width + turn[1] * depth) / 2
        box = np.array([z - ahead, x - aside, 0.0, z + ahead, x + aside, height]) * 100
        return " ".join(f"{value:.2f}" for value in box)

    def _object_mobility(self, name: str) -> str:
        return "Static" if self._number(name) < len(self._world.scene.objects) else "Movable"

    def _stands(self, number: int) -> tuple[tuple[float, float], float, tuple[float, float, float]]:
        """Place (x, z) in metres, yaw in degrees and size of thing or person ``number``, now."""
        scene, walker = self._world.scene, self._world.walker
        if number < len(scene.objects):
            thing = scene.objects[number]
            return thing.position, thing.yaw, thing.size
        if walker is not None and number == len(self._world.names) - 1:
            return walker.place, walker.facing, PERSON
        place, yaw, _ = scene.characters[number - len(scene.objects)].place(self._world.seconds)
        return place, yaw, PERSON


PERSON: Final = (0.6, 1.8, 0.6)  # metres: width, height, depth of somebody walking


def _vector(values: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(value) for value in values])


def _place(location: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    x, _, z = WORLD @ location / CENTIMETRES
    return float(x), float(z)


def _triple(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _format(kind: str, *known: str) -> str:
    if kind == "":
        raise CommandError("Filename can not be empty")
    if kind not in known:
        raise CommandError(f"Invalid filename type, filename {kind}")
    return kind
