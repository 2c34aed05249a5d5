import dataclasses
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from infra import tables
from infra.errors import StoreUnreachableError, TableSchemaError
from infra.schema import Caption, Checkpoint, Clip, Episode, EvalScore
from infra.store import Store, open_store
from infra.tables import append_rows, query, read_records, read_rows, record_schema, records_from, rows_from, was_appended
from tests.recordings import make_recording


@dataclass(frozen=True, kw_only=True)
class Reading:
    name: str
    kind: Literal["a", "b"]
    count: int
    value: float
    good: bool
    tags: tuple[str, ...]
    marks: list[float]
    note: str | None


READINGS = st.builds(
    Reading,
    name=st.text(),
    kind=st.sampled_from(["a", "b"]),
    count=st.integers(-(2**63), 2**63 - 1),
    value=st.floats(allow_nan=False),
    good=st.booleans(),
    tags=st.lists(st.text(), max_size=3).map(tuple),
    marks=st.lists(st.floats(allow_nan=False), max_size=3),
    note=st.none() | st.text(),
)


def reading(count: int = 1, **changes: object) -> Reading:
    values: dict[str, object] = {
        "name": "n",
        "kind": "a",
        "value": 0.5,
        "good": True,
        "tags": ("x",),
        "marks": [1.0],
        "note": None,
    }
    return Reading(count=count, **(values | changes))  # type: ignore[arg-type]


@given(st.lists(READINGS, max_size=5))
def test_records_come_back_from_rows_as_they_were(records: list[Reading]) -> None:
    assert records_from(rows_from(records, Reading), Reading) == records


def test_records_come_back_from_a_table_as_they_were(store: Store) -> None:
    records = [reading(1), reading(2, tags=(), marks=[], note="ä"), reading(3, value=float("inf"))]
    append_rows(store, "readings", rows_from(records[:2]))
    append_rows(store, "readings", rows_from(records[2:]))
    assert sorted(read_records(store, "readings", Reading), key=lambda record: record.count) == records


def test_the_vocabulary_fits_into_tables() -> None:
    for cls in (Episode, Caption, Checkpoint, Clip, EvalScore):
        assert records_from(rows_from([], cls), cls) == []
    episode = make_recording(frames=2).episode
    assert records_from(rows_from([episode]), Episode) == [episode]


def test_a_table_without_rows_is_empty_and_typed(local_store: Store) -> None:
    assert read_rows(local_store, "episodes").schema == record_schema(Episode)
    assert read_rows(local_store, "episodes", ["seed"]).schema == pa.schema([("seed", pa.int64())])
    assert read_records(local_store, "unheard_of", Reading) == []


def test_no_rows_append_nothing(local_store: Store) -> None:
    append_rows(local_store, "readings", rows_from([], Reading))
    assert not Path(local_store.table_uri("readings")).exists()


def test_rows_need_records_or_their_class() -> None:
    with pytest.raises(ValueError, match="pass cls"):
        rows_from([])


def test_a_value_of_another_type_is_named() -> None:
    with pytest.raises(TableSchemaError, match="column count takes int64"):
        rows_from([reading("many")])  # type: ignore[arg-type]


def test_a_field_without_column_type_is_named() -> None:
    @dataclass
    class Odd:
        thing: dict[str, int]

    with pytest.raises(TableSchemaError, match=r"Odd\.thing"):
        rows_from([], Odd)


def test_other_columns_are_refused_by_name(local_store: Store) -> None:
    rows = rows_from([reading()])
    append_rows(local_store, "readings", rows)
    for wrong, named in (
        (rows.drop_columns(["good"]), "absent columns .*good"),
        (rows.append_column("new", pa.array([1])), "unknown columns .*new"),
        (rows.set_column(2, "count", pa.array(["1"])), "column count is string, the table's is int64"),
    ):
        with pytest.raises(TableSchemaError, match=named):
            append_rows(local_store, "readings", wrong)
    with pytest.raises(TableSchemaError, match="absent columns"):  # of a table that the vocabulary knows, at once
        append_rows(local_store, "episodes", rows)
    assert read_rows(local_store, "readings").num_rows == 1


def test_columns_may_come_in_any_order_and_be_read_in_any(local_store: Store) -> None:
    rows = rows_from([reading()])
    append_rows(local_store, "readings", rows)
    append_rows(local_store, "readings", rows.select(rows.column_names[::-1]))
    assert read_records(local_store, "readings", Reading) == [reading(), reading()]
    assert read_rows(local_store, "readings", ["note", "name"]).column_names == ["note", "name"]
    with pytest.raises(TableSchemaError, match="no column 'nome'"):
        read_rows(local_store, "readings", ["nome"])


def test_an_append_that_is_repeated_under_its_transaction_does_nothing(store: Store) -> None:
    for _ in range(3):
        append_rows(store, "readings", rows_from([reading()]), transaction="job-1")
    append_rows(store, "readings", rows_from([reading()]), transaction="job-2")
    assert read_rows(store, "readings").num_rows == 2


def _append_often(uri: str, worker: int) -> None:
    store = open_store(uri)
    for number in range(6):
        append_rows(store, "readings", rows_from([reading(10 * worker + number)]), transaction=f"{worker}-{number}")
        append_rows(store, "readings", rows_from([reading(1000 + number)]), transaction=f"shared-{number}")


def test_many_processes_append_at_once_and_every_row_is_there_once(store: Store) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(_append_often, [(store.uri, worker) for worker in range(3)])
    counts = sorted(record.count for record in read_records(store, "readings", Reading))
    assert counts == sorted([10 * worker + number for worker in range(3) for number in range(6)] + [1000 + n for n in range(6)])


def test_expired_logs_are_never_cleaned_up(local_store: Store) -> None:
    append_rows(local_store, "readings", rows_from([reading()]))
    table = DeltaTable(local_store.table_uri("readings"))
    assert table.metadata().configuration["delta.enableExpiredLogCleanup"] == "false"


def test_sql_sees_tables_under_their_names(store: Store) -> None:
    append_rows(store, "readings", rows_from([reading(1), reading(2), reading(5)]))
    found = query(store, "SELECT sum(count)::BIGINT AS total FROM readings WHERE count > 1 AND tags[1] = 'x'", ["readings"])
    assert found.to_pylist() == [{"total": 7}]
    assert query(store, "SELECT * FROM episodes", ["episodes"]).num_rows == 0


def test_wrong_sql_and_absent_tables_are_named_in_one_line(local_store: Store) -> None:
    with pytest.raises(ValueError, match="query 'SELEC'") as caught:
        query(local_store, "SELEC", [])
    assert "\n" not in str(caught.value)
    with pytest.raises(TableSchemaError, match=r"table readings in .* has no rows yet"):
        query(local_store, "SELECT 1", ["readings"])


@pytest.mark.slow
def test_tables_on_an_endpoint_that_went_away_are_named(s3_store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(s3_store_uri)
    options = store.table_options() | {"aws_endpoint": "http://127.0.0.1:9"}
    monkeypatch.setattr(store, "table_options", lambda: options)
    began = time.monotonic()
    with pytest.raises(StoreUnreachableError, match="table readings in s3://") as caught:
        read_rows(store, "readings")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 15


def test_many_small_commits_are_gathered_and_no_row_is_lost_or_doubled(local_store: Store) -> None:
    for number in range(70):
        append_rows(local_store, "readings", rows_from([reading(number)]), transaction=str(number))
    append_rows(local_store, "readings", rows_from([reading(0)]), transaction="0")  # still known after compaction
    assert len(DeltaTable(local_store.table_uri("readings")).file_uris()) < 10
    assert sorted(record.count for record in read_records(local_store, "readings", Reading)) == list(range(70))


def test_rows_can_be_picked_by_value(store: Store) -> None:
    for number in range(3):
        append_rows(store, "readings", rows_from([reading(number, name=f"n{number}")]))
    picked = read_rows(store, "readings", ["count"], equal={"name": "n1"})
    assert picked.to_pylist() == [{"count": 1}]
    assert read_rows(store, "readings", equal={"name": "n9"}).num_rows == 0
    assert read_rows(store, "episodes", equal={"episode_id": "x"}).num_rows == 0


NEW = ("mask_object", "time_of_day", "season")


def _old_table(store: Store, rows: pa.Table) -> pa.Table:
    """A table of episodes as it was written before its newest columns."""
    old = rows.drop_columns(list(NEW))
    write_deltalake(store.table_uri("episodes"), old, storage_options=store.table_options() or None)
    return old


def test_a_table_from_before_new_columns_is_read_and_appended_to(store: Store) -> None:
    first, second = make_recording(1, frames=2).episode, make_recording(2, frames=2).episode
    _old_table(store, rows_from([first]))
    assert read_records(store, "episodes", Episode) == [first]
    assert read_rows(store, "episodes", ["season"]).to_pylist() == [{"season": ""}]
    assert read_rows(store, "episodes", equal={"season": ""}).num_rows == 1
    newer = dataclasses.replace(second, season="winter", mask_object="m")
    append_rows(store, "episodes", rows_from([newer]), transaction="a")
    found = sorted(read_records(store, "episodes", Episode), key=lambda episode: episode.seed)
    assert found == [first, newer]
    assert read_rows(store, "episodes", ["seed"], equal={"season": ""}).to_pylist() == [{"seed": 1}]
    assert read_rows(store, "episodes", ["seed"], equal={"season": "winter", "seed": 2}).num_rows == 1
    assert query(store, "SELECT count(*) AS n FROM episodes WHERE mask_object = ''", ["episodes"]).to_pylist() == [{"n": 1}]


def _append_episode(uri: str, seed: int) -> None:
    episode = make_recording(seed, frames=2).episode
    append_rows(open_store(uri), "episodes", rows_from([episode]), transaction=episode.episode_id)


def test_writers_that_add_the_same_columns_at_once_all_get_through(local_store: Store) -> None:
    _old_table(local_store, rows_from([make_recording(0, frames=2).episode]))
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(_append_episode, [(local_store.uri, seed) for seed in range(1, 7)])
    assert sorted(episode.seed for episode in read_records(local_store, "episodes", Episode)) == list(range(7))


def test_vacuum_removes_no_file_that_a_reader_may_need(local_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_COMPACT_EVERY", 4)
    monkeypatch.setattr(tables, "_VACUUM_EVERY", 8)
    for number in range(7):
        append_rows(local_store, "readings", rows_from([reading(number)]))
    held = DeltaTable(local_store.table_uri("readings"), version=3)  # from before it was gathered
    for number in range(7, 20):
        append_rows(local_store, "readings", rows_from([reading(number)]))
    assert held.to_pyarrow_table().num_rows == 3
    assert sorted(record.count for record in read_records(local_store, "readings", Reading)) == list(range(20))


def test_it_is_known_what_was_appended(store: Store) -> None:
    assert not was_appended(store, "readings", "job-1")
    append_rows(store, "readings", rows_from([reading()]), transaction="job-1")
    assert was_appended(store, "readings", "job-1") and not was_appended(store, "readings", "job-2")


def test_a_local_table_is_read_without_python_in_arrows_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path)
    append_rows(store, "readings", rows_from([reading(3)]), transaction="one")

    def refuse(*arguments: object) -> None:
        raise AssertionError("a thread that waits for Python while the interpreter ends aborts the process")

    monkeypatch.setattr("deltalake.fs.DeltaStorageHandler.from_table", refuse)
    assert read_records(store, "readings", Reading) == [reading(3)]
