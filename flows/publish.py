"""Publishing a dataset version: the one that retraining takes next."""

from typing import Final

from infra.datasets import load_dataset
from infra.store import Store

PUBLISHED: Final = "datasets/published"


def publish_dataset(store: Store, version: str) -> bool:
    """Point ``datasets/published`` at a version; whether that changed anything.

    Raises:
        MissingObjectError: the store has no such version.
    """
    load_dataset(store, version)
    while True:
        now = store.get_named(PUBLISHED)
        if now == version.encode():
            return False
        if store.swap_named(PUBLISHED, now, version.encode()):
            return True


def published_dataset(store: Store) -> str | None:
    """The version that was published last."""
    now = store.get_named(PUBLISHED)
    return now.decode() if now else None
