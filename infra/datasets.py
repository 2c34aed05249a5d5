"""Dataset versions and bundles: immutable JSON objects whose sha256 is their name."""

from infra.digest import canonical_json
from infra.records import record_from_json
from infra.schema import Bundle, DatasetVersion
from infra.store import MissingObjectError, Store


def put_dataset(store: Store, dataset: DatasetVersion) -> str:
    """Store a manifest; return the digest that names the version."""
    return store.put_bytes(canonical_json(dataset), ".json").removesuffix(".json")


def load_dataset(store: Store, version: str) -> DatasetVersion:
    """Read a dataset version.

    Raises:
        MissingObjectError: the store has no such version.
    """
    try:
        data = store.get_bytes(f"{version}.json")
    except MissingObjectError:
        raise MissingObjectError(f"dataset version {version} is not in store {store.uri}; curate again or restore it") from None
    return record_from_json(data, DatasetVersion)


def put_bundle(store: Store, bundle: Bundle) -> str:
    """Store a bundle; return the digest that names it."""
    return store.put_bytes(canonical_json(bundle), ".json").removesuffix(".json")


def load_bundle(store: Store, digest: str) -> Bundle:
    """Read a bundle.

    Raises:
        MissingObjectError: the store has no such bundle.
    """
    try:
        data = store.get_bytes(f"{digest}.json")
    except MissingObjectError:
        raise MissingObjectError(f"bundle {digest} is not in store {store.uri}; release again or restore it") from None
    return record_from_json(data, Bundle)
