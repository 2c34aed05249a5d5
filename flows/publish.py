"""Publishing a dataset version: the one that retraining takes next."""

from typing import Final

from infra.datasets import load_dataset
from infra.store import MissingObjectError, Store
from infra.tables import read_rows

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


def match_dataset(store: Store, prefix: str) -> str:
    """The version whose digest begins with ``prefix``, 4 digits or more.

    Raises:
        MissingObjectError: there is none, or there are several.
    """
    versions: set[str] = {row["version"] for row in read_rows(store, "datasets").to_pylist()}
    found = sorted(version for version in versions if version.startswith(prefix)) if len(prefix) >= 4 else []
    if len(found) == 1:
        return found[0]
    if found:
        raise MissingObjectError(f"{prefix} may be any of {', '.join(one[:16] for one in found)}; give more digits")
    raise MissingObjectError(f"no dataset version in {store.uri} begins with {prefix!r}; list them: worldloom datasets")
