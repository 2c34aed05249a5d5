"""The list of an Unreal build's maps."""

from pathlib import Path

import pytest

from engine.unreal.maps import load_maps

EXAMPLE = Path(__file__).resolve().parents[3] / "infra" / "unreal" / "maps.example.toml"


def test_the_example_of_the_documentation_is_read() -> None:
    place = load_maps(str(EXAMPLE))["Suburb"]
    assert len(place.starts) == 2 and place.weather["rain"] == ("vbp BP_Weather SetPreset Rain",) and not place.redistributable


@pytest.mark.parametrize(
    ("text", "says"),
    [("[[map]]\nstarts = []", "name"), ('[[map]]\nname = "a"\nheight = 3', "height"), ("[[map", "no TOML")],
)
def test_a_wrong_list_names_the_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "maps.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        load_maps(str(path))


def test_a_list_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"nowhere\.toml"):
        load_maps("nowhere.toml")
