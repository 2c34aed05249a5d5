"""Small tables in Delta Lake: append-only rows from dataclasses. The one door to delta-rs and DuckDB."""

import dataclasses
import logging
import os
import re
import threading
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from infra.errors import StoreFullError, StoreUnreachableError, TableSchemaError, WorldloomError, naming_full_disk
from infra.schema import Caption, Checkpoint, Episode, EvalScore
from infra.schema.collection import JobFailure, PlannedJob
from infra.schema.release import ReleaseRow
from infra.schema.run import Run
from infra.schema.scene import CatalogueScene
from infra.store import Store

Record = TypeVar("Record")
_log = logging.getLogger(__name__)

_RECORDS: Final[dict[str, type[Any]]] = {
    "episodes": Episode,
    "captions": Caption,
    "checkpoints": Checkpoint,
    "eval_scores": EvalScore,
    "runs": Run,
    "jobs": PlannedJob,
    "failures": JobFailure,
    "scenes": CatalogueScene,
    "releases": ReleaseRow,
}
"""Tables whose columns the vocabulary fixes; the others take the columns of their first rows."""

_ATTEMPTS: Final = 20  # of a commit that another writer was faster with
_COMPACT_EVERY: Final = 64  # commits; each leaves a small file, and reading costs about 3 ms a file
_COMPACTED_BYTES: Final = 2**20  # files of this size are left alone, so that gathering costs the same in a large table
_VACUUM_EVERY: Final = 1024  # commits
_KEPT_HOURS: Final = 7 * 24  # of files that no version since needs; a reader may still hold an older one

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")  # that delta-rs puts into its messages
_OS_ERROR: Final = re.compile(r"(?:os error |\[Errno )(\d+)")

_opened = threading.local()  # tables by address and options: opening anew reads the log, which grows; updating does not


def append_rows(store: Store, table: str, rows: pa.Table, transaction: str | None = None) -> None:
    """Append rows in one commit; a second append under the same ``transaction`` name does nothing.

    Any number of processes may append at once.

    Raises:
        TableSchemaError: the rows' columns or their types are not the table's.
        StoreFullError, StoreUnreachableError: the store did not take the commit.
    """
    if rows.num_rows == 0:
        return
    _check_columns(table, rows.schema, _known_schema(table))
    for attempt in range(_ATTEMPTS):
        try:
            with store.committing():
                _append_once(store, table, rows, transaction)
            return
        except CommitFailedError as error:  # another writer was faster; look again whether it was this transaction
            if attempt == _ATTEMPTS - 1:
                raise _refused(store, table, error) from error
        except (DeltaError, OSError) as error:
            raise _refused(store, table, error) from error


def _append_once(store: Store, table: str, rows: pa.Table, transaction: str | None) -> None:
    existing = _open(store, table) or _create(store, table, rows.schema)
    if transaction is not None and existing.transaction_version(transaction) is not None:
        return
    schema = _evolved(table, _schema_of(existing))
    _check_columns(table, rows.schema, schema)
    _commit(store, existing, rows.select(schema.names), transaction)
    _optimise_sometimes(existing)


def was_appended(store: Store, table: str, transaction: str) -> bool:
    """Whether an append under this ``transaction`` name is in; reads the log alone, no rows."""
    existing = _open(store, table)
    return existing is not None and existing.transaction_version(transaction) is not None


def read_rows(
    store: Store, table: str, columns: Sequence[str] | None = None, equal: Mapping[str, str | int] | None = None
) -> pa.Table:
    """All rows, or those ``columns`` of them; no rows where nothing was appended yet.

    ``equal`` keeps the rows with these values; files that cannot hold such rows are not read.

    Raises:
        TableSchemaError: the table has no such column.
        StoreUnreachableError: the store does not answer.
    """
    existing = _open(store, table)
    if existing is None:
        empty = (_known_schema(table) or pa.schema([])).empty_table()
        return empty.select(list(columns)) if columns and empty.column_names else empty
    stored, schema = _schema_of(existing), _evolved(table, _schema_of(existing))
    if absent := sorted({*(columns or ()), *(equal or {})} - set(schema.names)):
        raise TableSchemaError(f"table {table} has no column {absent[0]!r}; it has {', '.join(schema.names)}")
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    defaults, equal = _defaults(table), equal or {}
    late = {name: value for name, value in equal.items() if name in defaults}  # older rows get their value after reading
    early = [(name, "=", value) for name, value in equal.items() if name not in late]
    names = [name for name in dict.fromkeys([*wanted.names, *late]) if name in stored.names]
    try:
        rows = existing.to_pyarrow_table(
            columns=names or stored.names[:1], filters=early or None, filesystem=_files_of(store, table)
        )
    except (DeltaError, OSError) as error:
        raise _refused(store, table, error) from error
    rows = _with_defaults(rows, [schema.field(name) for name in dict.fromkeys([*wanted.names, *late])], defaults)
    for name, value in late.items():
        rows = rows.filter(pc.equal(rows[name], value))
    return rows.select(wanted.names).cast(wanted)


def query(store: Store, sql: str, tables: Sequence[str]) -> pa.Table:
    """Run SQL over the named tables, each visible under its name.

    Raises:
        TableSchemaError: a table has no rows yet and its columns are not known.
        ValueError: the SQL is wrong; names the fault.
    """
    with duckdb.connect(config={"threads": 1}) as connection:
        for table in tables:
            rows = read_rows(store, table)
            if not rows.column_names:
                raise TableSchemaError(f"table {table} in {store.uri} has no rows yet; run the stage that writes it")
            connection.register(table, rows)
        try:
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise ValueError(f"query {sql!r}: {str(error).splitlines()[0]}") from None


def rows_from(records: Sequence[Any], cls: type[Any] | None = None) -> pa.Table:
    """Records of one dataclass as typed rows; ``cls`` is needed only where there may be no record.

    Raises:
        ValueError: no record and no ``cls``.
        TableSchemaError: a field has no column type, or a value is not of its field's type.
    """
    if cls is None and not records:
        raise ValueError("rows_from: no record to take the columns from; pass cls")
    schema = record_schema(cls if cls is not None else type(records[0]))
    columns = []
    for field in schema:
        try:
            columns.append(pa.array([getattr(record, field.name) for record in records], field.type))
        except (pa.ArrowException, TypeError) as error:
            raise TableSchemaError(f"column {field.name} takes {field.type}: {str(error).splitlines()[0]}") from None
    return pa.table(columns, schema=schema)


def records_from(table: pa.Table, cls: type[Record]) -> list[Record]:
    """Rows back to records; the inverse of ``rows_from``. Columns that ``cls`` has not are left out.

    Raises:
        TableSchemaError: names the columns that are absent.
    """
    if not table.num_rows:
        return []
    hints = _field_types(cls)
    if absent := sorted(set(hints) - set(table.column_names)):
        raise TableSchemaError(f"rows have no column {', '.join(absent)}, which {cls.__name__} needs; use a new store")
    lists = {name: typing.get_origin(hint) for name, hint in hints.items() if typing.get_origin(hint) in (tuple, list)}
    rows = table.select(list(hints)).to_pylist()
    return [cls(**{name: lists[name](value) if name in lists else value for name, value in row.items()}) for row in rows]


def read_records(store: Store, table: str, cls: type[Record]) -> list[Record]:
    """All rows of a table as records."""
    return records_from(read_rows(store, table), cls)


def record_schema(cls: type[Any]) -> pa.Schema:
    """The columns of a dataclass: str, int, float, bool, Literal, and tuples or lists of them."""
    return pa.schema([(name, _arrow_type(hint, f"{cls.__name__}.{name}")) for name, hint in _field_types(cls).items()])


def _field_types(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _arrow_type(hint: Any, where: str) -> pa.DataType:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return _arrow_type(type(arguments[0]), where)
    if origin in (tuple, list):
        return pa.list_(_arrow_type(arguments[0], where))
    if origin in (typing.Union, types.UnionType):
        return _arrow_type(next(argument for argument in arguments if argument is not type(None)), where)
    known = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if hint not in known:
        raise TableSchemaError(f"{where}: no column type for {hint}; use str, int, float, bool or a tuple of them")
    return known[hint]


def _known_schema(table: str) -> pa.Schema | None:
    return record_schema(_RECORDS[table]) if table in _RECORDS else None


def _defaults(table: str) -> dict[str, Any]:
    """What columns hold in rows that are older than the column: the defaults of the record's fields."""
    fields = dataclasses.fields(_RECORDS[table]) if table in _RECORDS else ()
    return {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}


def _evolved(table: str, stored: pa.Schema) -> pa.Schema:
    """The stored columns and, behind them, those with defaults that the vocabulary has got since."""
    known = _known_schema(table)
    fresh = [known.field(name) for name in _defaults(table) if name not in stored.names] if known is not None else []
    return pa.schema([*stored, *fresh])


def _with_defaults(rows: pa.Table, fields: Sequence[pa.Field], defaults: Mapping[str, Any]) -> pa.Table:
    columns = []
    for field in fields:
        if field.name not in rows.column_names:
            columns.append(pa.array([defaults[field.name]] * rows.num_rows, field.type))
        elif defaults.get(field.name) is not None:
            columns.append(rows[field.name].cast(field.type).fill_null(defaults[field.name]))
        else:
            columns.append(rows[field.name])
    return pa.table(columns, names=[field.name for field in fields])


def _schema_of(table: DeltaTable) -> pa.Schema:
    """The table's columns in plain Arrow types; delta-rs names list items and nullability its own way."""
    return pa.schema([(field.name, _plain(pa.field(field).type)) for field in pa.schema(table.schema().to_arrow())])


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_plain(kind.value_type))
    views = (pa.types.is_large_string, pa.types.is_string_view)
    return pa.string() if any(is_view(kind) for is_view in views) else kind


def _check_columns(table: str, found: pa.Schema, expected: pa.Schema | None) -> None:
    if expected is None:
        return
    if set(found.names) != set(expected.names):
        absent, extra = sorted(set(expected.names) - set(found.names)), sorted(set(found.names) - set(expected.names))
        raise TableSchemaError(f"rows for table {table}: absent columns {absent}, unknown columns {extra}; use a new store")
    for field in expected:
        kind = _plain(found.field(field.name).type)
        if kind != field.type:
            raise TableSchemaError(f"rows for table {table}: column {field.name} is {kind}, the table's is {field.type}")


def _create(store: Store, table: str, schema: pa.Schema) -> DeltaTable:
    """Make the table, or open the one that another writer has just made."""
    plain = pa.schema([(field.name, _plain(field.type)) for field in _known_schema(table) or schema])
    try:
        with naming_full_disk(store.scratch()):
            return DeltaTable.create(
                store.table_uri(table),
                plain,
                mode="ignore",
                configuration={"delta.enableExpiredLogCleanup": "false"},
                storage_options=store.table_options() or None,
            )
    except (DeltaError, OSError) as error:
        if (made := _open(store, table)) is not None:
            return made
        raise _refused(store, table, error) from error


def _commit(store: Store, table: DeltaTable, rows: pa.Table, transaction: str | None) -> None:
    """Commit on top of the very state that was checked: only so does delta-rs see the same transaction of another writer."""
    marks = None if transaction is None else [Transaction(app_id=transaction, version=1)]
    grown = set(rows.column_names) - {field.name for field in table.schema().fields}
    with naming_full_disk(store.scratch(), rows.nbytes):
        write_deltalake(
            table,
            rows,
            mode="append",
            schema_mode="merge" if grown else None,
            commit_properties=CommitProperties(app_transactions=marks),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            writer_properties=WriterProperties(compression="ZSTD"),
        )


def _optimise_sometimes(table: DeltaTable) -> None:
    """Gather small files in one now and then, and rarely delete what no version of the last week needs.

    Both are safe beside other writers: gathering changes no rows, and what is deleted no reader of this week knows.
    Checkpoints of the log are delta-rs's own, every 100 commits.
    """
    version = table.version()
    try:
        if version % _COMPACT_EVERY == 0:
            properties = WriterProperties(compression="ZSTD")
            table.optimize.compact(target_size=_COMPACTED_BYTES, writer_properties=properties)
        if version % _VACUUM_EVERY == 0:
            table.vacuum(retention_hours=_KEPT_HOURS, dry_run=False)
    except (DeltaError, OSError) as error:  # the rows are in; another writer may compact as well
        _log.info("table %s was not optimised: %s", table.table_uri, error)


def _open(store: Store, table: str) -> DeltaTable | None:
    """The table's newest state, by the handle that this thread has of it."""
    uri, options = store.table_uri(table), store.table_options()
    handles: dict[Any, DeltaTable] = _opened.__dict__.setdefault("handles", {})
    key = (uri, tuple(sorted(options.items())))
    if (held := handles.pop(key, None)) is not None:
        try:
            held.update_incremental()
            handles[key] = held
            return held
        except (DeltaError, OSError):
            pass  # opening anew says what is wrong
    try:
        handles[key] = DeltaTable(uri, storage_options=options or None)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise _refused(store, table, error) from error
    return handles[key]


def _files_of(store: Store, table: str) -> SubTreeFileSystem | None:
    """How Arrow's threads reach a local table: by themselves. By way of Python, as on S3, one that still lets go of a file
    while the interpreter ends would abort the process."""
    return None if store.address.folder is None else SubTreeFileSystem(store.table_uri(table), LocalFileSystem())


def _refused(store: Store, table: str, error: Exception) -> Exception:
    """Say in one line why delta-rs failed; its own messages carry the whole chain."""
    if isinstance(error, StoreFullError):
        return error
    text = " ".join(_COLOUR.sub("", str(error)).split())
    if store.address.folder is not None and (found := _OS_ERROR.search(text)):
        try:
            with naming_full_disk(store.address.folder / "tables" / table):
                raise OSError(int(found[1]), os.strerror(int(found[1])))
        except WorldloomError as named:
            return named
        except OSError:
            pass  # another one, for which the text must do
    return StoreUnreachableError(f"table {table} in {store.uri} could not be reached: {store.explain(text)}")
