"""Commands that tests interrupt hear it, whoever started the tests: a background job inherits deaf ears."""

import signal


def heed_signals() -> None:
    """To be run in a child before its command (``preexec_fn``)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
