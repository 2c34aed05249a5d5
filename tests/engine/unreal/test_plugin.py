"""The UE5 plugin's logic, compiled against a pretended engine: not a build, but what it does frame by frame."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.requirements import require

HERE = Path(__file__).parent
SOURCE = HERE.parents[2] / "infra" / "unreal" / "WorldloomStep" / "Source" / "WorldloomStep"
HEADERS = (
    "CoreMinimal.h", "Engine/World.h", "ExecStatus.h", "Modules/ModuleInterface.h", "CommandDispatcher.h", "Engine/Engine.h",
    "GameFramework/PlayerController.h", "Misc/App.h", "Misc/CoreDelegates.h", "Modules/ModuleManager.h", "UnrealcvServer.h",
)  # fmt: skip


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("g++") is not None, "g++ (apt-get install g++)")
    folder = tmp_path_factory.mktemp("plugin")
    for header in HEADERS:
        (folder / header).parent.mkdir(exist_ok=True)
        (folder / header).write_text(f'#include "{HERE}/pretend_engine.h"\n', encoding="utf-8")
    sources = [SOURCE / "Private" / "WorldloomStep.cpp", HERE / "pretend_game.cpp"]
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", f"-I{folder}", f"-I{SOURCE / 'Public'}"]
    subprocess.run(["g++", *flags, "-o", folder / "game", *sources], check=True)
    return folder / "game"


def play(game: Path, script: str) -> list[str]:
    return subprocess.run([game], input=script, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_step_is_one_frame_of_its_length_and_no_other_frame_passes_time(game: Path) -> None:
    said = play(game, "0 tick clock frame frame clock 0.0625 tick frame tick clock frame clock 0.0625 frame tick clock")
    start = 1 / 30
    assert said[:2] == ["ok", "0"] and said[4:6] == ["ok", "0"] and said[6] == "1"
    assert [float(said[line].split()[0]) for line in (2, 3, 7, 8, 11)] == pytest.approx(
        [start, start, start + 0.0625, start + 0.0625, start + 0.125], abs=1e-5
    )
    assert all(said[line].split()[1] == "held" for line in (2, 3, 7, 8, 11)) and said[10] == "2"


def test_a_second_step_in_the_same_tick_and_one_of_another_length_are_refused(game: Path) -> None:
    said = play(game, "0.0625 0.0625 frame 0.05 0.0625 frame tick")
    assert said == ["ok", "error a step is due already", "error steps of one level are of one length", "ok", "2"]


def test_the_engines_own_fixed_step_comes_back_when_time_is_resumed(game: Path) -> None:
    said = play(game, "0.0625 frame clock resume frame clock")
    assert said[1].split()[1:] == ["held", "1", "0.0625"]
    assert said[2].split()[1:] == ["free", "1", "0.0333333"]


def test_a_new_level_begins_at_step_0_and_runs(game: Path) -> None:
    assert play(game, "0.0625 frame tick level tick frame 0.05 frame tick") == ["ok", "1", "0", "ok", "1"]


def test_an_episode_after_another_counts_from_0_and_may_have_another_rate(game: Path) -> None:
    said = play(game, "0 0.0625 frame 0.0625 frame tick resume frame frame 0 tick 0.05 frame tick")
    assert said == ["ok", "ok", "ok", "2", "ok", "0", "ok", "1"]


def test_time_is_resumed_although_a_step_was_due(game: Path) -> None:
    assert play(game, "0.0625 frame 0.0625 resume frame clock")[2].split()[1] == "free"


def test_a_game_that_cannot_be_paused_is_not_stepped(game: Path) -> None:
    (said, tick) = play(game, "unpausable 0.0625 frame tick")
    assert said.startswith("error the game cannot be paused") and tick == "0"
