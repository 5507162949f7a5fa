"""A file's bytes as rows: pure, and all or nothing. A file that is not whole is no table, so half
of an upload never looks like deleted rows."""

from __future__ import annotations

import bisect
import csv
import decimal
import hashlib
import io
import json
from dataclasses import dataclass, field
from typing import Any

import typed
from lockstep_sdk import Error, Json, Value
from lockstep_sdk.values import INTEGER_MAX, INTEGER_MIN
from settings import File

DIGEST_BYTES = 8
FIELD_CHARACTERS_MAX = 16 * 1024 * 1024
"""The longest value of a CSV file."""


@dataclass(slots=True)
class Line:
    """One row: its values in the table's order, and a digest of all of it."""

    key: list[Value]
    values: list[Value]
    digest: bytes


@dataclass(slots=True)
class Table:
    """`lines` by the name of their key, in the order of those names."""

    kinds: dict[str, str]
    """Every column's kind, in the file's order."""
    lines: dict[str, Line]
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = list(self.lines)

    def after(self, name: str) -> list[str]:
        """Names behind that one; all behind an empty one."""
        return self.names[bisect.bisect_right(self.names, name) :] if name else self.names

    def places(self, columns: list[str]) -> list[int | None]:
        """Where these columns are; `None` for one that is not there."""
        at = {name: place for place, name in enumerate(self.kinds)}
        return [at.get(column) for column in columns]

    def shape(self) -> str:
        """Differs when a column comes, goes, or becomes another kind."""
        return _digest(json.dumps(sorted(self.kinds.items()))).hex()


def read(file: File, content: bytes) -> Table:
    """Raises `retry` for a file that cannot be read as it is now, and `config` where another file
    would be needed."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise broken(file, f"byte {error.start} is not UTF-8") from None
    kinds, rows = _csv(file, text) if file.format == "csv" else _json_lines(file, text)
    for column in (*file.key, *file.columns):
        # An empty file of JSON has no columns at all.
        if column not in kinds and (rows or kinds):
            raise Error.config(f"{file.name}: the file has no column `{column}`", f"It has: {', '.join(kinds)}.")
    return Table(kinds, _by_key(file, list(kinds), rows))


def broken(file: File, why: str) -> Error:
    error = Error.retry(f"{file.name}: the file cannot be read: {why}")
    error.remedy = "It is read again at the next poll; nothing of it is taken until it is whole."
    return error


def _by_key(file: File, columns: list[str], rows: list[tuple[int, list[Value], bytes]]) -> dict[str, Line]:
    places = [columns.index(column) for column in file.key] if rows else []
    found: dict[str, Line] = {}
    at: dict[str, int] = {}
    for number, values, digest in rows:
        key = [values[place] for place in places]
        if None in key:
            raise _no_key(file, f"line {number} has none")
        name = typed.name(key)
        if name in found:
            raise _no_key(file, f"lines {at[name]} and {number} have the same")
        found[name] = Line(key, values, digest)
        at[name] = number
    return dict(sorted(found.items()))


def _no_key(file: File, why: str) -> Error:
    columns = ", ".join(file.key)
    error = Error.retry(f"{file.name}: `{columns}` does not tell rows apart: {why}")
    error.remedy = f"Correct the file, or name other columns in `objects.{file.name}.key`."
    return error


def _too_long(file: File) -> Error:
    more = "Raise `rows_max`, and the connection's limit `memory` with it: a row takes about a kilobyte."
    return Error.config(f"{file.name}: the file has more than {file.rows_max} rows", more)


def _csv(file: File, text: str) -> tuple[dict[str, str], list[tuple[int, list[Value], bytes]]]:
    csv.field_size_limit(FIELD_CHARACTERS_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=file.delimiter, strict=True)
    rows = []
    try:
        header = next(reader, None)
        if header is None:
            raise broken(file, "it has no line of names")
        kinds = {name: file.columns.get(name, "text") for name in header}
        if len(kinds) != len(header) or "" in kinds:
            raise Error.config(f"{file.name}: the first line has a name twice, or an empty one")
        as_kinds = list(kinds.values())
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                words = f"line {reader.line_num} has {len(fields)} values instead of {len(header)}"
                raise broken(file, words)
            if len(rows) == file.rows_max:
                raise _too_long(file)
            values = [
                None if one == file.null else typed.parse(kind, one) for kind, one in zip(as_kinds, fields)
            ]
            rows.append((reader.line_num, values, _digest("\x1f".join(fields))))
    except csv.Error as error:
        raise broken(file, f"line {reader.line_num}: {error}") from None
    return kinds, rows


def _json_lines(file: File, text: str) -> tuple[dict[str, str], list[tuple[int, list[Value], bytes]]]:
    objects: list[tuple[int, dict[str, Any], bytes]] = []
    # Not at the line ends of Unicode, which JSON texts may hold.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            told = json.loads(line, parse_float=decimal.Decimal, parse_constant=_no_constant)
            if "\\u" in line:
                # Half of a character, such as "\\ud800", is valid there and no text.
                _notation(told).encode()
        except (ValueError, decimal.InvalidOperation, RecursionError):
            raise broken(file, f"line {number} is no JSON") from None
        if not isinstance(told, dict):
            raise broken(file, f"line {number} is no object")
        if len(objects) == file.rows_max:
            raise _too_long(file)
        objects.append((number, told, _digest(line.strip())))
    seen: dict[str, set[str]] = {}
    for _, told, _ in objects:
        for name, value in told.items():
            seen.setdefault(name, set()).update(() if value is None else (_kind(value),))
    kinds = {name: file.columns.get(name) or _together(found) for name, found in seen.items()}
    rows = [
        (number, [_of_json(kind, told.get(name)) for name, kind in kinds.items()], digest)
        for number, told, digest in objects
    ]
    return kinds, rows


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if INTEGER_MIN <= value <= INTEGER_MAX else "decimal"
    return {decimal.Decimal: "decimal", str: "text"}.get(type(value), "json")


def _together(kinds: set[str]) -> str:
    """The one kind that holds values of these."""
    if kinds <= {"int", "decimal"} and kinds:
        return "decimal" if "decimal" in kinds else "int"
    return kinds.pop() if len(kinds) == 1 else "json" if kinds else "text"


def _of_json(kind: str, value: Any) -> Value:
    if value is None:
        return None
    if kind == "json":
        return Json(_notation(value))
    if isinstance(value, (dict, list)):
        return _notation(value)
    if kind == "int" and type(value) is int and INTEGER_MIN <= value <= INTEGER_MAX:
        return value
    return typed.parse(kind, value if isinstance(value, str) else _notation(value))


def _notation(value: Any) -> str:
    """As JSON; numbers with the digits that they came with."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_notation(name)}:{_notation(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_notation, value)) + "]"
    return str(value) if isinstance(value, decimal.Decimal) else json.dumps(value, ensure_ascii=False)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
