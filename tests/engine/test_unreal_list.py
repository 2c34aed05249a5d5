"""The scene list of Unreal Engine: what ships parses, what is wrong is named."""

from pathlib import Path

import pytest

from engine.scenes.unreal_list import read_scene_list

SHIPPED = Path(__file__).parents[2] / "infra" / "unreal" / "scenes.toml"


def test_the_list_that_ships_parses() -> None:
    scene = read_scene_list(SHIPPED)[0]
    assert scene.map.startswith("/Game/") and len(scene.start_areas) == 2 and scene.weather["rain"]


def test_a_list_as_notepad_saves_it_is_the_same_list(tmp_path: Path) -> None:
    path = tmp_path / "scenes.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SHIPPED.read_bytes().replace(b"\n", b"\r\n"))
    assert read_scene_list(path) == read_scene_list(SHIPPED)
    path.write_text("scene = 3\n")
    with pytest.raises(ValueError, match="write one"):
        read_scene_list(path)


def test_a_wrong_weather_is_named_with_its_scene(tmp_path: Path) -> None:
    path = tmp_path / "scenes.toml"
    path.write_text(SHIPPED.read_text().replace("rain = ", "hail = "))
    with pytest.raises(ValueError, match=r"scene 0 \(town\).*'hail'"):
        read_scene_list(path)
