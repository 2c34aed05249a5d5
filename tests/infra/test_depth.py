from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from infra.depth import FARTHEST, INVALID_CODE, NEAREST, RELATIVE_ERROR, DepthReader, code_to_depth, depth_to_code, encode_depth
from infra.errors import DamagedVideoError

IN_RANGE = st.floats(float(np.float32(NEAREST)), FARTHEST, width=32)


@given(arrays.arrays(np.float32, (4, 5), elements=IN_RANGE))
def test_depth_comes_back_within_the_stated_error(depth: np.ndarray) -> None:
    restored = code_to_depth(depth_to_code(depth))
    assert np.abs(restored / depth - 1).max() <= RELATIVE_ERROR + 2e-7  # and float32 rounding


def test_the_stated_error_is_small() -> None:
    assert RELATIVE_ERROR < 1e-4


@given(st.integers(1, 65535))
def test_every_code_is_its_own_depth(code: int) -> None:
    codes = np.array([code], np.uint16)
    assert depth_to_code(code_to_depth(codes)) == codes


def test_a_large_picture_is_coded_as_its_rows_are() -> None:
    depth = np.exp(np.random.default_rng(0).uniform(np.log(0.05), np.log(400), (300, 401))).astype(np.float32)
    assert (depth_to_code(depth) == np.stack([depth_to_code(row) for row in depth])).all()


def test_sky_unknown_and_too_far_become_the_invalid_code_and_read_as_infinite() -> None:
    depth = np.array([np.inf, np.nan, 300.5, 1e9], np.float32)
    assert (depth_to_code(depth) == INVALID_CODE).all()
    assert np.isinf(code_to_depth(depth_to_code(depth))).all()


def test_nearer_than_ten_centimetres_reads_as_ten() -> None:
    assert code_to_depth(depth_to_code(np.array([0.001], np.float32))) == pytest.approx(0.1)


@pytest.mark.parametrize("wrong", [0.0, -1.0, -np.inf])
def test_depth_that_is_not_positive_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="positive metres"):
        depth_to_code(np.array([1.0, wrong], np.float32))


def test_a_depth_file_gives_back_its_codes_exactly_in_any_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    depth = np.exp(rng.uniform(np.log(0.11), np.log(299), (50, 20, 31))).astype(np.float32)
    depth[:, 0] = np.inf
    encode_depth(tmp_path / "d.mkv", depth, 17.5)
    expected = code_to_depth(depth_to_code(depth))
    with DepthReader(tmp_path / "d.mkv") as reader:
        assert len(reader) == 50
        assert (reader.decode_range(10, 30) == expected[10:30]).all()
        assert (reader.decode([49, 0, 20, 49]) == expected[[49, 0, 20, 49]]).all()
        assert (reader.decode_range(0, 50) == expected).all()
        reader.check_count(50)


def test_the_same_depth_gives_the_same_bytes(tmp_path: Path) -> None:
    depth = np.full((5, 16, 16), 3.0, np.float32)
    encode_depth(tmp_path / "a.mkv", depth, 16.0)
    encode_depth(tmp_path / "b.mkv", depth, 16.0)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_a_truncated_depth_file_is_named(tmp_path: Path) -> None:
    depth = np.random.default_rng(0).uniform(1, 9, (20, 32, 32)).astype(np.float32)
    encode_depth(tmp_path / "d.mkv", depth, 16.0)
    data = (tmp_path / "d.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with pytest.raises(DamagedVideoError, match=r"cut\.mkv"):
        DepthReader(tmp_path / "cut.mkv").check_count(20)
