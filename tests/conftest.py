"""Fixtures of the whole suite, and which tests stay together where several processes share it."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests share the machine; threads that wait for each other are slower than one."""
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process (``--dist loadgroup``), and those of the smoke run, which is made once a process."""
    for item in items:
        shares = "smoke_run" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("smoke run" if shares else str(item.path)))
