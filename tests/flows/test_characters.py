"""The verb ``world characters``."""

from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from flows.commands.characters import characters


def test_a_sheet_of_characters_is_drawn_and_their_numbers_listed(tmp_path: Path) -> None:
    done = CliRunner().invoke(characters, ["--out", str(tmp_path / "sheet.png"), "--count", "3", "--seed", "2"])
    assert done.exit_code == 0, done.output
    assert Image.open(tmp_path / "sheet.png").size == (3 * 112, 176)
    assert len(done.output.splitlines()) == 3 + 2 and "characters of" in done.output
