"""The scene list of Unreal Engine: what ships parses, what is wrong is named."""

from pathlib import Path

import pytest

from engine.scenes.unreal_list import read_scene_list

SHIPPED = Path(__file__).parents[2] / "infra" / "unreal" / "scenes.toml"


def test_the_list_that_ships_parses() -> None:
    scene = read_scene_list(SHIPPED)[0]
    assert scene.map.startswith("/Game/") and len(scene.start_areas) == 2 and scene.weather["rain"]


def test_a_wrong_weather_is_named_with_its_scene(tmp_path: Path) -> None:
    path = tmp_path / "scenes.toml"
    path.write_text(SHIPPED.read_text().replace("rain = ", "hail = "))
    with pytest.raises(ValueError, match=r"scene 0 \(town\).*'hail'"):
        read_scene_list(path)
