"""The README's tree names every file of the packages and nothing else, and each file says in its first line what it is."""

from tests.requirements import require
from tests.tree import BLOCK, DATA_FOLDERS, README, ROOT, draw_tree, first_line, tracked_files


def test_the_readme_shows_every_file_and_folder_of_the_packages() -> None:
    require((ROOT / ".git").exists(), "a git checkout")
    block = BLOCK.search(README.read_text(encoding="utf-8"))
    assert block is not None, "README.md has no ```tree block"
    shown, wanted = block[2].splitlines(), draw_tree(tracked_files()).splitlines()
    lacking = [line for line in wanted if line not in shown]
    gone = [line for line in shown if line not in wanted]
    faults = [*(f"lacks  {line}" for line in lacking), *(f"has    {line}" for line in gone)]
    assert not faults, "README.md's tree; rewrite it with .venv/bin/python -m tests.tree\n" + "\n".join(faults)


def test_every_file_says_first_what_it_is() -> None:
    require((ROOT / ".git").exists(), "a git checkout")
    names = [name for name in tracked_files() if not name.startswith(DATA_FOLDERS)]
    silent = [name for name in names if not first_line(name)]
    assert not silent, "no docstring or opening comment in\n" + "\n".join(silent)
