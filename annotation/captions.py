"""Four-layer captions, one a span: what the place is, how it looks, what stands where, and how the camera moves."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from annotation.visible import Sight, View, article, find_sights
from annotation.wsad import Wsad
from infra.depth import DepthReader
from infra.directions import DIRECTIONS, directions_of
from infra.schema import Caption, Episode, Frames

VERSION: Final = 2  # raise when the words of a caption change


@dataclass(frozen=True, kw_only=True)
class CaptionConfig:
    """How finely an episode is described."""

    span_frames: int = 64
    most_things: int = 3  # that a content sentence names
    reach: float = 30.0  # metres, of what is worth a word


@dataclass(frozen=True, kw_only=True)
class Subject:
    """All that a captioner may look at."""

    episode: Episode
    frames: Frames
    wsad: Wsad
    scene: Mapping[str, Any]  # JSON
    depth: DepthReader | None


class Captioner(Protocol):
    """Anything that can describe an episode; a video language model would be another one."""

    @property
    def name(self) -> str:
        """Stands in each caption's row; changes whenever the words may."""
        ...

    def caption(self, subject: Subject) -> list[Caption]:
        """Captions of spans that cover the episode without gaps."""
        ...


class MetadataCaptioner:
    """Describes from the recorder's own knowledge of the scene, so that it never names what is not there."""

    def __init__(self, config: CaptionConfig) -> None:
        self.config = config

    @property
    def name(self) -> str:
        settings = f"{self.config.span_frames}-{self.config.most_things}-{self.config.reach:g}"
        return f"metadata-{VERSION}-{settings}"

    def caption(self, subject: Subject) -> list[Caption]:
        """One caption a span; the wording varies with the episode's id and the span, and is otherwise fixed."""
        captions = []
        for start, stop in cut_spans(subject.episode.frames, self.config.span_frames):
            chooser = _Chooser(f"{subject.episode.episode_id}/{start}")
            sights = find_sights(subject.scene, *self._look(subject, (start + stop) // 2))
            captions.append(
                Caption(
                    episode_id=subject.episode.episode_id,
                    start=start,
                    stop=stop,
                    scene=describe_scene(subject.scene, subject.episode.family, chooser),
                    style=describe_style(subject.scene, chooser),
                    content=describe_content(told(sights, self.config.most_things, subject.episode.family), chooser),
                    motion=describe_motion(subject.wsad, start, stop),
                    captioner=self.name,
                )
            )
        return captions

    def _look(self, subject: Subject, frame: int) -> tuple[float, View]:
        view = View(
            c2w=subject.frames.c2w[frame],
            intrinsics=subject.frames.intrinsics[frame],
            width=subject.episode.width,
            height=subject.episode.height,
            depth=None if subject.depth is None else subject.depth.decode_range(frame, frame + 1)[0],
            reach=self.config.reach,
        )
        return float(subject.frames.time[frame]) / 1e9, view


class _Chooser:
    """Picks wordings by the hash of a key: varied over episodes, the same on every run and machine."""

    def __init__(self, key: str) -> None:
        self.key = key

    def pick(self, layer: str, choices: Sequence[str]) -> str:
        digest = hashlib.sha256(f"{self.key}/{layer}".encode()).digest()
        return choices[int.from_bytes(digest[:4], "big") % len(choices)]


def cut_spans(frames: int, length: int) -> list[tuple[int, int]]:
    """Half-open spans of about ``length`` frames that cover 0 to ``frames``; a short rest joins the last span."""
    count = max(1, round(frames / length))
    edges = np.linspace(0, frames, count + 1).round().astype(int).tolist()
    return list(itertools.pairwise(edges))


def describe_scene(scene: Mapping[str, Any], family: str, chooser: _Chooser) -> str:
    """One sentence on what the place is, from its family and the two kinds of things that it has most of."""
    counted = Counter(str(thing["kind"]) for thing in scene.get("objects", []) if "boundary" not in str(thing["name"]))
    common = sorted(counted, key=lambda kind: (-counted[kind], kind))[:4]
    things = sorted(common, key=lambda kind: chooser.pick(kind, "abcdefgh"))[:2]
    place = _PLACES.get(family, f"{article(family)} {family}")
    if not things:
        return chooser.pick("scene", ("{} seen at eye level.", "{} seen by a walker.")).format(place).capitalize()
    sentence = chooser.pick("scene", ("{} with {}.", "{} where {} stand.", "{} full of {}."))
    return sentence.format(place, " and ".join(_plural(kind) for kind in things)).capitalize()


def describe_style(scene: Mapping[str, Any], chooser: _Chooser) -> str:
    """One sentence on light and weather."""
    weather, hour = str(scene.get("weather", "")), str(scene.get("time_of_day", ""))
    if scene.get("indoor"):
        lamps = hour if "lamps" in hour else f"lamps, with {_OUTSIDE.get(hour, hour)} outside" if hour else "even light"
        return chooser.pick("style", ("Indoors, under {}.", "Indoor scene lit by {}.")).format(lamps)
    sky = _SKIES.get(weather, f"{weather} weather" if weather else "an open sky")
    sentence = chooser.pick("style", ("{1} light under {0}{3}.", "{1} with {0}{3}.", "It is {2} under {0}{3}."))
    season = f" in {scene['season']}" if scene.get("season") else ""
    return sentence.format(sky, (hour or "even").capitalize(), hour or "day", season)


def told(sights: Sequence[Sight], most: int, family: str) -> list[Sight]:
    """The most prominent sights, each name once; the first families' captions stay as they were published."""
    if family in _SETTLED:
        return list(sights[:most])
    once: dict[str, Sight] = {}
    for sight in sights:
        once.setdefault(sight.name, sight)
    return list(once.values())[:most]


def describe_content(sights: Sequence[Sight], chooser: _Chooser) -> str:
    """One sentence that names what is seen, where, and how near."""
    if not sights:
        return chooser.pick("content", ("Nothing stands out nearby.", "No landmark is close."))
    parts = [f"{article(sight.name)} {sight.name} {_where(sight)}" for sight in sights]
    listed = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return chooser.pick("content", ("In view: {}.", "The camera sees {}.", "There is {}.")).format(listed)


def describe_motion(wsad: Wsad, start: int, stop: int) -> str:
    """One sentence on the camera, its first half and then its second where they differ."""
    middle = (start + stop) // 2
    first, second = (_movement(wsad, a, b) for a, b in ((start, middle), (middle, stop)))
    return f"The camera {first}." if first == second else f"The camera {first}, then {second}."


def _movement(wsad: Wsad, start: int, stop: int) -> str:
    directions = directions_of(wsad.keyboard[start:stop])
    known = directions[directions >= 0]
    walk = int(np.bincount(known, minlength=9).argmax()) if len(known) else 0
    mouse = np.nan_to_num(wsad.mouse[start:stop]).sum(0)  # in units of 15 degrees
    turns = []
    if abs(mouse[1]) > 0.5:
        turns.append("turning right" if mouse[1] > 0 else "turning left")
    if abs(mouse[0]) > 0.3:
        turns.append("looking up" if mouse[0] > 0 else "looking down")
    if walk == 0:
        return " and ".join(turns).replace("turning", "turns").replace("looking", "looks") if turns else "stands still"
    return " ".join(part for part in (_WALKS[DIRECTIONS[walk]], " and ".join(turns)) if part)


def _where(sight: Sight) -> str:
    side = "ahead" if sight.side == "ahead" else f"to the {sight.side}"
    return f"close {side}" if sight.distance < 4 else f"{side} in the distance" if sight.distance > 15 else side


def _plural(kind: str) -> str:
    noun = kind.replace("_", " ")
    return noun + ("es" if noun.endswith(("s", "x", "sh", "ch")) else "s")


_SETTLED: Final = ("park", "rooms")
_PLACES: Final = {
    "park": "a walled park",
    "rooms": "a flight of rooms",
    "doom": "a maze of old game halls",
    "ruins": "old ruins",
    "office": "an open office",
    "market": "a market square",
    "station": "a railway station",
    "suburb": "a quiet suburb",
}
_SKIES: Final = {
    "clear": "a clear sky",
    "cloudy": "a cloudy sky",
    "overcast": "an overcast sky",
    "fog": "a foggy sky",
    "rain": "falling rain",
    "snow": "falling snow",
}
_OUTSIDE: Final = {"dawn": "dawn", "noon": "bright noon", "afternoon": "afternoon light", "dusk": "dusk", "night": "night"}
_WALKS: Final = {
    "forward": "walks forward",
    "forward right": "walks forward to the right",
    "right": "steps right",
    "back right": "backs away to the right",
    "back": "backs away",
    "back left": "backs away to the left",
    "left": "steps left",
    "forward left": "walks forward to the left",
}
