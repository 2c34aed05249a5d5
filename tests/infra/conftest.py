"""Stores to test on."""

from pathlib import Path

import pytest
from hypothesis import settings

from infra.store import Store, open_store
from tests.seaweed import s3_server as s3_server
from tests.seaweed import s3_store_uri as s3_store_uri

settings.register_profile("shared machine", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("shared machine")


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """The same tests hold for every kind of store."""
    return open_store(request.getfixturevalue("s3_store_uri") if request.param == "s3" else tmp_path / "store")
