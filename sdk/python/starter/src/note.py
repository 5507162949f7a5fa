"""A note as the service shows it, and as the contract's rows. No requests here."""

from __future__ import annotations

from typing import Any

from lockstep_sdk import Column, ColumnType, Error, Json, Object, Row, Value

OBJECT = "notes"
"""The service's one object."""

TITLE_MAX = 200
"""Letters a title may have."""
ID_MAX = 64

_COLUMNS = [
    Column("id", ColumnType("text", "text", length=ID_MAX), nullable=False, updateable=False, unique=True),
    Column("title", ColumnType("text", "text", length=TITLE_MAX), nullable=False),
    Column("body", ColumnType("text", "text")),
    Column("stars", ColumnType("int", "int")),
    Column("done", ColumnType("bool", "bool")),
]


def describe() -> Object:
    return Object(OBJECT, _COLUMNS, key=["id"])


def known(name: str, columns: list[str]) -> list[str]:
    """The columns of a request, checked: `not-found`, naming what does not exist."""
    if name != OBJECT:
        raise Error.not_found(f"there is no object {name}")
    names = [column.name for column in _COLUMNS]
    for column in columns:
        if column not in names:
            raise Error.not_found(f"notes have no column {column}")
    return columns


def cell(note: dict[str, Any], column: str) -> Value:
    # What the service leaves out is empty, and not untold.
    value = note.get(column)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return Json(str(value))


def cells(note: dict[str, Any], columns: list[str]) -> list[Value]:
    return [cell(note, column) for column in columns]


def row(note: dict[str, Any], columns: list[str]) -> Row:
    return Row([note["id"]], cells(note, columns), version=note["revision"].to_bytes(8))


def json(value: Value) -> Any:
    """What a value is in a request's body."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise Error.internal(f"a note holds no {type(value).__name__}")


def id_of(key: list[Value]) -> str:
    """The id that a key names."""
    if len(key) == 1 and isinstance(key[0], str):
        return key[0]
    raise Error.internal("not a key of notes")
