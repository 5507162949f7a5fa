"""Texts as values of a kind. What does not fit its column's kind stays the text that it is: it is
cast, or put aside, row by row, and keeps nobody else's row from arriving."""

from __future__ import annotations

import datetime
import decimal
import json
import re
import uuid
from collections.abc import Callable

from lockstep_sdk import Json, Value
from lockstep_sdk.values import INTEGER_MAX, INTEGER_MIN, decimal_text

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?\Z", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,19}\Z", re.ASCII)
_BOOLEANS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}


def _int(text: str) -> Value:
    if not _INTEGER.match(text):
        return text
    number = int(text)
    return number if INTEGER_MIN <= number <= INTEGER_MAX else text


def _decimal(text: str) -> Value:
    return decimal.Decimal(text) if _NUMBER.match(text) else text


def _float(text: str) -> Value:
    return float(text) if _NUMBER.match(text) else text


def _timestamp(text: str) -> Value:
    moment = datetime.datetime.fromisoformat(text)
    return text if moment.tzinfo is None else moment


def _local_timestamp(text: str) -> Value:
    moment = datetime.datetime.fromisoformat(text)
    return text if moment.tzinfo is not None else moment


def _time(text: str) -> Value:
    told = datetime.time.fromisoformat(text)
    return text if told.tzinfo is not None else told


def _json(text: str) -> Value:
    json.loads(text)
    return Json(text)


_PARSE: dict[str, Callable[[str], Value]] = {
    "text": str,
    "int": _int,
    "decimal": _decimal,
    "float": _float,
    "bool": lambda text: _BOOLEANS.get(text.lower(), text),
    "date": datetime.date.fromisoformat,
    "time": _time,
    "timestamp": _timestamp,
    "local-timestamp": _local_timestamp,
    "uuid": uuid.UUID,
    "json": _json,
}


def parse(kind: str, text: str) -> Value:
    """The value of that kind, or the text where it is none."""
    try:
        return _PARSE[kind](text.strip() if kind not in ("text", "json") else text)
    except ValueError:
        return text


def name(values: list[Value]) -> str:
    """What values are called when rows are told apart or looked up: one name each, whatever
    notation a number or a moment came in."""
    return json.dumps([None if value is None else _notation(value) for value in values], ensure_ascii=False)


def _notation(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal) and value.is_finite():
        text = decimal_text(value)
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).isoformat()
    return value.text if isinstance(value, Json) else str(value)
