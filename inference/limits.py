"""How much one player may send."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RateConfig:
    """Sustained rates, and how much may come at once."""

    messages_per_second: float = 120.0
    messages_at_once: float = 240.0
    bytes_per_second: float = 1_000_000.0
    bytes_at_once: float = 8_000_000.0


class RateLimit:
    """Two leaky buckets, one of messages and one of bytes."""

    def __init__(self, config: RateConfig, now: Callable[[], float] = time.monotonic) -> None:
        self.config, self._now = config, now
        self._messages, self._bytes, self._last = config.messages_at_once, config.bytes_at_once, now()

    def allow(self, size: int) -> bool:
        """Count one message of ``size`` bytes; False if it is too much."""
        passed, self._last = self._now() - self._last, self._now()
        config = self.config
        self._messages = min(config.messages_at_once, self._messages + passed * config.messages_per_second) - 1
        self._bytes = min(config.bytes_at_once, self._bytes + passed * config.bytes_per_second) - size
        return self._messages >= 0 and self._bytes >= 0
