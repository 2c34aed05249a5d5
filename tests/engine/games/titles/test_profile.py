"""Profiles of titles: complete, checked, and of help to one who lacks the game."""

from importlib import resources
from pathlib import Path

import pytest

from engine.games.titles.profile import TITLES, TitleMissingError, check_installed, load_title, parse_title

ROOT = Path(__file__).resolve().parents[4]


def text_of(title: str) -> str:
    return (resources.files("engine.games.titles") / "profiles" / f"{title}.toml").read_text()


@pytest.mark.parametrize("title", TITLES)
def test_every_title_says_what_recording_needs(title: str) -> None:
    profile = load_title(title)
    assert profile.legal.single_player_only and not profile.legal.redistributable and not profile.legal.commercial_ok
    assert profile.hud_off and profile.settings and profile.unsure and profile.legal.notes
    assert profile.host.url.startswith("https://") and profile.legal.terms_url.startswith("https://")
    folders = [(ROOT / "infra" / "plugins" / file).parent for file in profile.host.files]
    assert folders[0].name == title and all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('capture = "x11"', 'capture = "film"', "capture"),
        ('right = "+x"', 'right = "+w"', "camera.right"),
        ("metres_per_unit = 1.0", "metres_per_unit = 0.0", "not positive"),
        ('"space", "e"]', '"e", "e"]', "keys"),
        ("draws_marker = true", "draws_marker = true\nextra = 1", "extra"),
        ('process = "GTA5.exe"', "", "process"),
        ('process = "GTA5.exe"', "process =", "not valid TOML"),
    ],
)
def test_a_wrong_profile_names_the_key(old: str, new: str, fault: str) -> None:
    text = text_of("gta_v")
    assert old in text
    with pytest.raises(ValueError, match=fault):
        parse_title(text.replace(old, new), "gta_v")


def test_who_lacks_the_game_is_told_what_to_install(tmp_path: Path) -> None:
    profile = load_title("cyberpunk_2077")
    with pytest.raises(TitleMissingError, match=r"no folder of the game is named: .*Tweaks.*endpoints.titles.game_folder"):
        check_installed("cyberpunk_2077", profile, "")
    with pytest.raises(TitleMissingError, match=r"lacks init.lua, telemetry.lua.*copied to bin/x64"):
        check_installed("cyberpunk_2077", profile, str(tmp_path))
    place = tmp_path / profile.host.install
    place.mkdir(parents=True)
    for file in profile.host.files:
        (place / Path(file).name).write_text("")
    assert check_installed("cyberpunk_2077", profile, str(tmp_path)) == tmp_path


def test_an_unknown_title_is_named_beside_the_known() -> None:
    with pytest.raises(ValueError, match="no title 'tetris'; there are gta_v"):
        load_title("tetris")
