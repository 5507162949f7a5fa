"""The connection's configuration, checked before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lockstep_sdk import Error

FORMATS = ("csv", "json-lines")
KINDS = (
    "text", "int", "decimal", "float", "bool", "date", "time", "timestamp", "local-timestamp", "uuid", "json",
)

POLL_INTERVAL_MS = 30_000
POLL_INTERVAL_MS_MIN = 100
FILE_BYTES_MAX = 32 * 1024 * 1024
ROWS_MAX = 100_000

_OBJECT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "key"],
    "properties": {
        "path": {"type": "string", "description": "where the file is below base_url, such as /export/people.csv"},
        "key": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": "the columns that tell rows apart",
        },
        "format": {
            "enum": list(FORMATS),
            "description": "csv (with a line of names) or json-lines (an object a line); by the path's ending unless said",
        },
        "columns": {
            "type": "object",
            "additionalProperties": {"enum": list(KINDS)},
            "description": "kinds of columns, where text is not meant",
        },
        "delimiter": {"type": "string", "description": "what stands between a CSV file's values; a comma unless said"},
        "null": {"type": "string", "description": "what stands for no value in a CSV file; an empty text unless said"},
        "may_be_empty": {
            "type": "boolean",
            "description": "whether a file that has no rows any more means that all were deleted",
        },
    },
}

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["base_url", "objects"],
    "properties": {
        "base_url": {"type": "string", "description": "where the files are, such as https://files.example.com"},
        "objects": {"type": "object", "additionalProperties": _OBJECT, "description": "each file, by the object's name"},
        "user": {"type": "string", "description": "who signs in, where `auth` is `basic`"},
        "poll_interval_ms": {
            "type": "integer",
            "minimum": POLL_INTERVAL_MS_MIN,
            "description": f"how often is looked whether a file changed; {POLL_INTERVAL_MS} unless said",
        },
        "file_bytes_max": {
            "type": "integer",
            "minimum": 1,
            "description": f"larger files are refused; {FILE_BYTES_MAX} unless said",
        },
        "rows_max": {"type": "integer", "minimum": 1, "description": f"longer files are refused; {ROWS_MAX} unless said"},
    },
}


@dataclass(frozen=True, slots=True)
class File:
    """One object's file."""

    name: str
    url: str
    format: str
    key: tuple[str, ...]
    columns: dict[str, str] = field(default_factory=dict)
    delimiter: str = ","
    null: str = ""
    may_be_empty: bool = False
    rows_max: int = ROWS_MAX
    bytes_max: int = FILE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Settings:
    files: dict[str, File]
    poll_interval_ms: int


def parse(config: dict[str, Any]) -> Settings:
    """Raises `config`, naming the key that does not fit."""
    _only("", config, SCHEMA)
    base_url = _typed(config, "base_url", str, "").rstrip("/")
    if not base_url.startswith(("https://", "http://")):
        raise _wrong("base_url", "has to begin with https:// or http://")
    bounds = {
        "rows_max": _count(config, "rows_max", ROWS_MAX, 1),
        "bytes_max": _count(config, "file_bytes_max", FILE_BYTES_MAX, 1),
    }
    _typed(config, "user", str, "")
    told = _typed(config, "objects", dict, {})
    if not told:
        raise _wrong("objects", "has to name at least one file")
    files = {name: _file(name, given, base_url, bounds) for name, given in told.items()}
    interval = _count(config, "poll_interval_ms", POLL_INTERVAL_MS, POLL_INTERVAL_MS_MIN)
    return Settings(files, interval)


def _file(name: str, given: Any, base_url: str, bounds: dict[str, int]) -> File:
    place = f"objects.{name}"
    if not isinstance(given, dict):
        raise _wrong(place, "has to be a table")
    _only(place + ".", given, _OBJECT)
    path = _typed(given, "path", str, "", place)
    if not path.startswith("/"):
        raise _wrong(f"{place}.path", "has to begin with /")
    key = _typed(given, "key", list, [], place)
    if not key or not all(isinstance(column, str) for column in key) or len(set(key)) != len(key):
        raise _wrong(f"{place}.key", "has to list the columns that tell rows apart, each once")
    columns = _typed(given, "columns", dict, {}, place)
    for column, kind in columns.items():
        if kind not in KINDS:
            raise _wrong(f"{place}.columns.{column}", f"has to be one of {', '.join(KINDS)}")
    delimiter = _typed(given, "delimiter", str, ",", place)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise _wrong(f"{place}.delimiter", "has to be one character, and neither a quote nor the end of a line")
    return File(
        name=name,
        url=base_url + path,
        format=_format(given.get("format"), path, place),
        key=tuple(key),
        columns=columns,
        delimiter=delimiter,
        null=_typed(given, "null", str, "", place),
        may_be_empty=_typed(given, "may_be_empty", bool, False, place),
        **bounds,
    )


def _format(told: Any, path: str, place: str) -> str:
    if told is None:
        ending = path.partition("?")[0].rpartition(".")[2].lower()
        told = {"csv": "csv", "tsv": "csv", "jsonl": "json-lines", "ndjson": "json-lines"}.get(ending)
    if told not in FORMATS:
        raise _wrong(f"{place}.format", f"has to be one of {', '.join(FORMATS)}")
    return told


def _only(place: str, given: dict[str, Any], schema: dict[str, Any]) -> None:
    for name in given:
        if name not in schema["properties"]:
            raise Error.config(f"configuration: there is no key `{place}{name}`")
    for name in schema["required"]:
        if name not in given:
            raise Error.config(f"configuration: `{place}{name}` is missing")


def _typed(given: dict[str, Any], name: str, kind: type, otherwise: Any, place: str = "") -> Any:
    value = given.get(name, otherwise)
    if not isinstance(value, kind):
        words = {str: "a text", list: "a list", dict: "a table", bool: "true or false"}
        raise _wrong(f"{place}.{name}" if place else name, f"has to be {words[kind]}")
    return value


def _count(given: dict[str, Any], name: str, otherwise: int, least: int) -> int:
    value = given.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _wrong(name, f"has to be a number, at least {least}")
    return value


def _wrong(place: str, why: str) -> Error:
    return Error.config(f"configuration: `{place}` {why}")
