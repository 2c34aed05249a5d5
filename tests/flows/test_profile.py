"""Profiles say what differs from the defaults, and every mistake in them is named with its whole key."""

import dataclasses
from pathlib import Path

import pytest

from flows.profile import Profile, build_profile, load_profile, merge, parse_override
from flows.profile_file import shipped_profiles


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_loads_under_its_own_name(name: str) -> None:
    assert load_profile(name).name == name


def test_an_empty_profile_is_the_defaults() -> None:
    assert build_profile({}, "nothing") == Profile()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trian.seed=1", "unknown key trian (did you mean train?)"),
        ("train.sede=1", "unknown key train.sede (did you mean seed?)"),
        ("train.denoiser.optimiser.stepz=1", "unknown key train.denoiser.optimiser.stepz (did you mean steps?)"),
        ("train.seed=many", "train.seed = 'many'"),
        ("collect.width='224'", "collect.width = '224'"),
        ("release.thresholds=[{scor='a', least=1.0}]", "unknown key release.thresholds.0.scor (did you mean score?)"),
    ],
)
def test_a_mistake_is_named_with_its_whole_key(override: str, message: str) -> None:
    with pytest.raises(ValueError, match="profile tiny") as caught:
        load_profile("tiny", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="profile tiny") as caught:
        load_profile("tiny", ["train.sede=1", "collect.widht=1"])
    assert "train.sede" in str(caught.value)
    assert "collect.widht" in str(caught.value)


def test_setting_one_value_keeps_the_others_of_a_section_whose_default_is_not_its_classes() -> None:
    default = Profile().distil.optimiser
    changed = load_profile("tiny", ["distil.optimiser.steps=7"]).distil.optimiser
    assert changed == dataclasses.replace(load_profile("tiny").distil.optimiser, steps=7)
    assert build_profile({"distil": {"optimiser": {"steps": 7}}}, "x").distil.optimiser == dataclasses.replace(default, steps=7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=3", {"a": {"b": 3}}),
        ("a.b=3.5", {"a": {"b": 3.5}}),
        ("a.b=true", {"a": {"b": True}}),
        ("a.b=[1, 2]", {"a": {"b": [1, 2]}}),
        ("a.b='x y'", {"a": {"b": "x y"}}),
        ("a.b=egl", {"a": {"b": "egl"}}),
        ("a=x=y", {"a": "x=y"}),
    ],
)
def test_an_override_is_toml_and_a_bare_word_is_text(text: str, value: object) -> None:
    assert parse_override(text) == value


@pytest.mark.parametrize("text", ["train.seed", "=3", "a..b=1"])
def test_an_override_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="--set"):
        parse_override(text)


def test_later_overrides_win() -> None:
    assert load_profile("tiny", ["train.seed=1", "train.seed=2"]).train.seed == 2


def test_merging_replaces_leaves_and_keeps_what_is_not_named() -> None:
    assert merge({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 3}, "d": []}) == {"a": {"b": 3, "c": 2}, "d": []}


def test_a_profile_may_be_a_file_and_is_called_after_it(tmp_path: Path) -> None:
    path = tmp_path / "night.toml"
    path.write_text("[train]\nseed = 5\n")
    profile = load_profile(path)
    assert (profile.name, profile.train.seed) == ("night", 5)


@pytest.mark.parametrize(("text", "message"), [("[train", "not valid TOML"), ("name = 'x'", "leave out 'name'")])
def test_a_bad_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_profile(path)


def test_a_profile_as_notepad_saves_it_is_the_same_profile(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes("[train]\r\nseed = 4\r\n".encode(encoding))
        assert load_profile(path).train.seed == 4
    path.write_bytes("[train]\nseed = 4 # gr\u00fcn\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"mine.toml, line 2 is not text in UTF-8 .* save the file as UTF-8"):
        load_profile(path)


def test_a_mistyped_profile_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no profile 'tinny' \(did you mean tiny\?\)"):
        load_profile("tinny")
