import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.digest import canonical_json, sha256_of, sha256_of_file

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON)
def test_canonical_json_reads_back_equal(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


def test_dataclasses_tuples_numpy_numbers_and_paths_have_a_form() -> None:
    @dataclass(frozen=True)
    class Config:
        steps: int
        sizes: tuple[int, ...]

    assert canonical_json({"b": Config(3, (1, 2)), "a": np.float32(0.5)}) == b'{"a":0.5,"b":{"sizes":[1,2],"steps":3}}'
    assert canonical_json(Path("a/b")) == b'"a/b"'


def test_what_has_no_form_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="set has no canonical JSON form"):
        canonical_json({"x": {1}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@given(st.binary())
def test_the_digest_of_a_file_is_that_of_its_content(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(data)
    assert sha256_of_file(path) == sha256_of(data)
