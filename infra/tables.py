"""Small tables in Delta Lake: append-only rows from the schema's records. The one door to delta-rs and DuckDB."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from infra.store import Store, StoreError

Record = TypeVar("Record")
ATTEMPTS = 8  # of a commit that another writer was faster with


def append_rows(store: Store, table: str, rows: pa.Table, transaction: str | None = None) -> None:
    """Append rows; a second append under the same ``transaction`` name does nothing.

    Raises:
        StoreError: the rows' columns are not the table's, or the store refused the commit.
    """
    if rows.num_rows == 0:
        return
    uri, options = store.table_uri(table), store.table_options()
    for attempt in range(ATTEMPTS):
        existing = _open(store, table)
        if existing is not None:
            if transaction is not None and existing.transaction_version(transaction) is not None:
                return
            known = [field.name for field in pa.schema(existing.schema().to_arrow())]
            if sorted(known) != sorted(rows.schema.names):
                raise StoreError(f"table {table} has columns {known}, the new rows {rows.schema.names}; use a new store")
        marks = [Transaction(app_id=transaction, version=1)] if transaction is not None else None
        try:
            write_deltalake(
                uri,
                rows,
                mode="append",
                storage_options=options,
                configuration={"delta.enableExpiredLogCleanup": "false"},
                commit_properties=CommitProperties(app_transactions=marks),
            )
            return
        except (CommitFailedError, OSError) as error:
            if attempt == ATTEMPTS - 1:
                raise StoreError(f"table {table} in {store.uri}: could not append {rows.num_rows} rows: {error}") from error


def read_rows(store: Store, table: str, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows; an empty table without columns where nothing was appended yet."""
    existing = _open(store, table)
    return pa.table({}) if existing is None else existing.to_pyarrow_table(columns=list(columns) if columns else None)


def query(store: Store, sql: str, tables: Sequence[str]) -> pa.Table:
    """Run SQL over the named tables, each visible under its name."""
    with duckdb.connect() as connection:
        for table in tables:
            connection.register(table, read_rows(store, table))
        return connection.execute(sql).to_arrow_table()


def rows_from(records: Sequence[Any]) -> pa.Table:
    """Records of one dataclass as typed rows.

    Raises:
        ValueError: there is no record to take the columns from.
    """
    if not records:
        raise ValueError("no records: nothing to append")
    kind = type(records[0])
    types_of = typing.get_type_hints(kind)
    schema = pa.schema([(field.name, _arrow_type(types_of[field.name])) for field in dataclasses.fields(kind)])
    columns = {name: [getattr(record, name) for record in records] for name in schema.names}
    return pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()}, schema=schema)


def records_from(table: pa.Table, kind: type[Record]) -> list[Record]:
    """Rows back to records; the inverse of ``rows_from``."""
    types_of = typing.get_type_hints(kind)
    lists = {name for name, hint in types_of.items() if typing.get_origin(hint) in (tuple, list)}
    return [
        kind(**{name: tuple(value) if name in lists else value for name, value in row.items()}) for row in table.to_pylist()
    ]


def _arrow_type(hint: Any) -> pa.DataType:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return _arrow_type(type(arguments[0]))
    if origin in (tuple, list):
        return pa.list_(_arrow_type(arguments[0]))
    if origin in (typing.Union, types.UnionType):
        return _arrow_type(next(argument for argument in arguments if argument is not type(None)))
    known = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if hint not in known:
        raise TypeError(f"no column type for {hint}; use str, int, float, bool or a tuple of them")
    return known[hint]


def _open(store: Store, table: str) -> DeltaTable | None:
    try:
        return DeltaTable(store.table_uri(table), storage_options=store.table_options())
    except TableNotFoundError:
        return None
