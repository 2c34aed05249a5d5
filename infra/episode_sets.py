"""Sets of episodes: JSON objects whose digest stands in stages' inputs and outputs, so that nothing need guess what was meant."""

import json
from collections.abc import Iterable, Sequence

from infra.digest import canonical_json, sha256_of
from infra.errors import MissingObjectError
from infra.store import Store


def set_digest(episode_ids: Iterable[str]) -> str:
    """Names a set of episodes; the same episodes in any order give the same digest."""
    return sha256_of(canonical_json(sorted(episode_ids)))


def keep_set(store: Store, episode_ids: Iterable[str], worked_by: Sequence[str] = ()) -> str:
    """Keep a set, with the names of what worked on it where there are any; returns its digest."""
    ids = sorted(episode_ids)
    content: object = [list(worked_by), ids] if worked_by else ids
    return store.put_bytes(canonical_json(content), ".json").removesuffix(".json")


def read_set(store: Store, digest: str) -> tuple[str, ...]:
    """The ids of a set, in order.

    Raises:
        MissingObjectError: the set is not in the store; stages of earlier versions kept none.
    """
    try:
        content = json.loads(store.get_bytes(f"{digest}.json"))
    except MissingObjectError:
        raise MissingObjectError(f"set of episodes {digest} is not in {store.uri}; annotate again or restore it") from None
    return tuple(content[1] if content and isinstance(content[0], list) else content)
