"""Fixtures of the whole suite."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests share the machine; threads that wait for each other are slower than one."""
    torch.set_num_threads(1)
