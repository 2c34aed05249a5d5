"""Time of day, weather and season: how light, sky, ground and foliage look, never what stands where."""

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.scenes.scene import Colour, Light, Palette, Scene, SceneObject

TIMES: Final = ("dawn", "noon", "afternoon", "dusk", "night")
_OLDER_NAMES: Final = {  # of the first families, in captions; lamps say nothing of the hour outside
    "midday": "noon",
    "evening": "dusk",
    "daylight lamps": "noon",
    "warm lamps": "noon",
}
WEATHERS: Final = ("clear", "cloudy", "overcast", "fog", "rain", "snow")
SEASONS: Final = ("spring", "summer", "autumn", "winter")
TIME_ODDS: Final = (0.14, 0.28, 0.26, 0.18, 0.14)
WEATHER_ODDS: Final = (0.34, 0.24, 0.14, 0.10, 0.10, 0.08)
FOLIAGE: Final = ("round_tree", "hedge", "oak", "birch", "bush", "blossom_tree")
SEASON_LEAVES: Final = {
    "spring": ("lime", "green", "blossom", "lime"),
    "summer": ("green", "green", "green", "lime"),
    "autumn": ("amber", "rust", "orange", "yellow"),
    "winter": ("bare", "bare", "bare", "bare"),
}


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a scene is seen in; empty is as the scene's seed says. Snow falls in winter whatever the seed's season."""

    weather: str = ""
    time_of_day: str = ""
    season: str = ""

    def __post_init__(self) -> None:
        for what, value, known in (
            ("weather", self.weather, WEATHERS),
            ("time of day", self.time_of_day, TIMES),
            ("season", self.season, SEASONS),
        ):
            if value and value not in known:
                raise ValueError(f"unknown {what} {value!r}; use one of {', '.join(known)}")

    def __bool__(self) -> bool:
        return bool(self.weather or self.time_of_day or self.season)

    def over(self, other: "Conditions") -> "Conditions":
        """These, and ``other`` where these are empty."""
        return Conditions(
            weather=self.weather or other.weather,
            time_of_day=self.time_of_day or other.time_of_day,
            season=self.season or other.season,
        )


def shared_time(time_of_day: str) -> str:
    """A scene's time of day by the name that all families and requests share."""
    return _OLDER_NAMES.get(time_of_day, time_of_day)


def conditions_of_seed(seed: int) -> Conditions:
    """What a seed says; snow only comes with winter."""
    rng = np.random.default_rng([seed, 3])
    weather = str(rng.choice(WEATHERS, p=WEATHER_ODDS))
    season = str(rng.choice(SEASONS))
    time_of_day = str(rng.choice(TIMES, p=TIME_ODDS))
    return Conditions(weather=weather, time_of_day=time_of_day, season="winter" if weather == "snow" else season)


@dataclass(frozen=True, kw_only=True)
class Hour:
    """Sun and sky of one time of day under a clear sky."""

    elevation: float  # degrees
    sun: Colour
    ambient: Colour
    shadow: float
    zenith: Colour
    horizon: Colour
    hills: Colour
    cloud: Colour
    lamps: float
    daylight: Colour


HOURS: Final = {
    "dawn": Hour(
        elevation=14, sun=(0.60, 0.40, 0.34), ambient=(0.52, 0.50, 0.60), shadow=0.34, zenith=(0.42, 0.52, 0.78),
        horizon=(0.97, 0.80, 0.72), hills=(0.52, 0.48, 0.60), cloud=(1.0, 0.84, 0.82), lamps=0.35, daylight=(0.92, 0.76, 0.70),
    ),
    "noon": Hour(
        elevation=58, sun=(0.64, 0.61, 0.53), ambient=(0.52, 0.56, 0.64), shadow=0.44, zenith=(0.22, 0.48, 0.86),
        horizon=(0.76, 0.87, 0.95), hills=(0.44, 0.56, 0.62), cloud=(1, 1, 1), lamps=0.0, daylight=(0.75, 0.87, 0.97),
    ),
    "afternoon": Hour(
        elevation=34, sun=(0.74, 0.62, 0.42), ambient=(0.52, 0.52, 0.56), shadow=0.45, zenith=(0.30, 0.52, 0.82),
        horizon=(0.90, 0.87, 0.76), hills=(0.50, 0.54, 0.52), cloud=(1.0, 0.97, 0.90), lamps=0.0, daylight=(0.90, 0.88, 0.78),
    ),
    "dusk": Hour(
        elevation=10, sun=(0.72, 0.36, 0.18), ambient=(0.44, 0.38, 0.50), shadow=0.36, zenith=(0.24, 0.24, 0.52),
        horizon=(0.97, 0.58, 0.34), hills=(0.36, 0.24, 0.36), cloud=(0.96, 0.62, 0.54), lamps=0.75, daylight=(0.90, 0.52, 0.36),
    ),
    "night": Hour(
        elevation=40, sun=(0.06, 0.07, 0.12), ambient=(0.25, 0.29, 0.43), shadow=0.14, zenith=(0.03, 0.04, 0.12),
        horizon=(0.10, 0.13, 0.24), hills=(0.05, 0.06, 0.12), cloud=(0.14, 0.16, 0.26), lamps=1.0, daylight=(0.04, 0.05, 0.13),
    ),
}  # fmt: skip
GREYS: Final = {"clear": 0.0, "cloudy": 0.25, "overcast": 0.85, "fog": 0.95, "rain": 0.95, "snow": 0.80}
HAZES: Final = {"clear": 1 / 160, "cloudy": 1 / 150, "overcast": 1 / 120, "fog": 1 / 13, "rain": 1 / 55, "snow": 1 / 45}


def light_of(conditions: Conditions, azimuth: float) -> Light:
    """Sun and sky light; all three conditions must be given."""
    hour, grey = HOURS[conditions.time_of_day], GREYS[conditions.weather]
    level = sum(hour.ambient) / 3 + 0.55 * sum(hour.sun) / 3
    dull = 1.0 if conditions.time_of_day == "night" else 0.80 if conditions.weather == "rain" else 0.94
    ambient = _mix(hour.ambient, (level * dull, level * dull, level * dull * 1.06), grey)
    return Light(
        azimuth=azimuth,
        elevation=hour.elevation,
        sun=_mix(hour.sun, tuple(0.12 * c for c in hour.sun), grey),
        ambient=ambient,
        shadow=hour.shadow * (1 - 0.8 * grey),
        lamps=max(hour.lamps, 0.45 if conditions.weather in ("fog", "rain") else 0.0),
        snow=1.0 if conditions.weather == "snow" else 0.0,
        wet=1.0 if conditions.weather == "rain" else 0.0,
        daylight=_mix(hour.daylight, tuple(0.9 * level for _ in range(3)), grey * 0.7),
    )


def palette_of(conditions: Conditions) -> Palette:
    """Sky, haze and lawn; all three conditions must be given."""
    hour, grey = HOURS[conditions.time_of_day], GREYS[conditions.weather]
    level = min(1.0, 0.16 + 0.88 * (sum(hour.horizon) / 3)) if conditions.time_of_day != "night" else 0.15
    dull: Colour = (level * 0.86, level * 0.89, level * 0.93)
    if conditions.weather == "rain":
        dull = _mix(dull, (0.0, 0.0, 0.0), 0.22)
    even = conditions.weather == "fog"
    horizon = _mix(hour.horizon, dull, grey * 0.92)
    zenith = horizon if even else _mix(hour.zenith, _mix(dull, (0, 0, 0), 0.18), grey)
    hills = horizon if even else _mix(hour.hills, horizon, 0.5 * grey)
    if conditions.season == "winter" and not even:
        hills = _mix(hills, horizon, 0.35)
    cloud = horizon if even else _mix(hour.cloud, _mix(dull, (1, 1, 1), 0.1 * (conditions.time_of_day != "night")), grey)
    return Palette(
        zenith=zenith,
        horizon=horizon,
        hills=hills,
        cloud=cloud,
        ground=(0.3, 0.4, 0.2),
        ground_light=(0.5, 0.6, 0.3),
        path=(0.8, 0.7, 0.5),
    )


def _mix(a: tuple[float, ...], b: tuple[float, ...], share: float) -> Colour:
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return (red, green, blue)


def in_season(things: tuple[SceneObject, ...], season: str) -> tuple[SceneObject, ...]:
    """Foliage in the colours of the season, each plant by its place; a caption names the new colour."""
    leaves = SEASON_LEAVES[season]
    changed = []
    for thing in things:
        if thing.kind in FOLIAGE:
            pick = int(abs(thing.position[0]) * 7 + abs(thing.position[1]) * 13) % len(leaves)
            colour = leaves[pick]
            evergreen = thing.kind in ("hedge", "bush") and season == "winter"
            colour = "green" if evergreen or (thing.kind in ("hedge", "bush") and colour == "blossom") else colour
            name = thing.name.replace(thing.colour, colour)
            thing = dataclasses.replace(thing, colour=colour, name=name)
        changed.append(thing)
    return tuple(changed)


def under(scene: Scene, conditions: Conditions) -> Scene:
    """An outdoor scene in these conditions, all three given: the same things at the same places.

    Indoors they come in through the windows alone: what shows there, and how bright the room is."""
    if scene.ceiling:
        return _indoors(scene, conditions)
    return dataclasses.replace(
        scene,
        objects=in_season(scene.objects, conditions.season),
        weather=conditions.weather,
        time_of_day=conditions.time_of_day,
        season=conditions.season,
        light=light_of(conditions, scene.light.azimuth),
        palette=palette_of(conditions),
        haze=HAZES[conditions.weather] * (1.5 if conditions.time_of_day == "night" and conditions.weather != "fog" else 1.0),
        ground=scene.ground or "lawn",
        falling=conditions.weather if conditions.weather in ("rain", "snow") else "",
    )


def _indoors(scene: Scene, conditions: Conditions) -> Scene:
    outside = light_of(conditions, scene.light.azimuth)
    level = sum(outside.ambient) / 3 + 0.4 * sum(outside.sun) / 3
    inside = min(1.0, 0.55 + 0.55 * level)
    warm = 1.0 - min(1.0, level)  # lamps outweigh the windows when it is dark outside
    colour: Colour = (1.0, 1.0 - 0.13 * warm, 1.0 - 0.30 * warm)
    light = dataclasses.replace(
        scene.light,
        sun=_scaled(scene.light.sun, colour, inside),
        ambient=_scaled(scene.light.ambient, colour, inside),
        daylight=outside.daylight,
        lamps=1.0,
    )
    palette = dataclasses.replace(
        scene.palette,
        **{name: _scaled(getattr(scene.palette, name), colour, inside) for name in ("zenith", "horizon", "hills", "cloud")},
    )
    return dataclasses.replace(
        scene,
        light=light,
        palette=palette,
        weather=conditions.weather,
        time_of_day=conditions.time_of_day,
        season=conditions.season,
    )


def _scaled(a: Colour, b: Colour, factor: float) -> Colour:
    red, green, blue = (x * y * factor for x, y in zip(a, b, strict=True))
    return (red, green, blue)
