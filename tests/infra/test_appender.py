import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.appender import RowAppender
from infra.store import Store, StoreUnreachableError, open_store
from infra.tables import append_rows, read_records, rows_from


@dataclass(frozen=True, kw_only=True)
class Row:
    number: int
    tags: tuple[str, ...] = ()


def numbers(store: Store) -> list[int]:
    return sorted(row.number for row in read_records(store, "rows", Row))


def spooled(store: Store) -> list[Path]:
    return list((store.home / "spool" / "rows").glob("*.jsonl"))


def test_rows_wait_for_company_and_are_all_there_in_the_end(store: Store) -> None:
    with RowAppender(store, "rows", Row, max_rows=3) as appender:
        for number in range(7):
            appender.append(Row(number=number, tags=("a",)))
        assert numbers(store) == list(range(6))
    assert numbers(store) == list(range(7))
    assert spooled(store) == []


def test_a_row_without_company_shows_after_its_time(local_store: Store) -> None:
    appender = RowAppender(local_store, "rows", Row, max_seconds=0.1)
    appender.append(Row(number=1))
    deadline = time.monotonic() + 10
    while not numbers(local_store) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert numbers(local_store) == [1]
    appender.flush()


def _append_and_die(uri: str) -> None:
    appender = RowAppender(open_store(uri), "rows", Row)
    appender.append(Row(number=1))
    appender.append(Row(number=2))
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_spooled_is_committed_by_the_next(local_store: Store) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_append_and_die, args=(local_store.uri,))
    process.start()
    process.join()
    assert numbers(local_store) == []
    RowAppender(local_store, "rows", Row)
    assert numbers(local_store) == [1, 2]
    assert spooled(local_store) == []


def test_a_batch_that_was_committed_before_the_kill_is_not_committed_again(local_store: Store) -> None:
    folder = local_store.home / "spool" / "rows"
    folder.mkdir(parents=True)
    (folder / "7-abc.jsonl").write_text('{"number":1,"tags":[]}\n{"number":2,"ta')  # the last line was torn
    append_rows(local_store, "rows", rows_from([Row(number=1)]), transaction="7-abc")
    RowAppender(local_store, "rows", Row)
    assert numbers(local_store) == [1]
    assert spooled(local_store) == []


def test_appenders_leave_each_others_spools_alone(local_store: Store) -> None:
    first = RowAppender(local_store, "rows", Row)
    first.append(Row(number=1))
    second = RowAppender(local_store, "rows", Row)
    assert numbers(local_store) == []
    first.append(Row(number=2))
    first.flush()
    second.flush()
    assert numbers(local_store) == [1, 2]


def test_rows_that_the_store_refused_are_kept_and_tried_again(local_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    appender = RowAppender(local_store, "rows", Row, max_rows=2)
    uri = local_store.table_uri("rows")
    monkeypatch.setattr(local_store, "table_uri", lambda table: "/dev/null/nowhere")
    appender.append(Row(number=1))
    with pytest.raises(StoreUnreachableError):
        appender.append(Row(number=2))
    monkeypatch.setattr(local_store, "table_uri", lambda table: uri)
    appender.append(Row(number=3))
    appender.flush()
    assert numbers(local_store) == [1, 2, 3]
