"""The command ``worldloom``: next to nothing is loaded before its guard stands, so that signals find it from the first moment"""

import sys
from collections.abc import Sequence

from flows.foreign import find_foreign


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; signals end it as ``guard`` says."""
    if foreign := find_foreign():
        print(f"worldloom: {foreign}", file=sys.stderr)
        sys.exit(2)
    from infra.interrupt import guard  # not before the package is known to be ours
    from infra.surroundings import speak

    speak()  # perhaps by starting again
    sys.exit(guard(lambda: _run(arguments)))


def _run(arguments: Sequence[str] | None) -> int:
    from flows.verbs import run_settled

    return run_settled(arguments)
