"""Values as a connector sees them: Python's own.

=====================  ==========================================================
in the contract        in Python
=====================  ==========================================================
absent (not told)      `ABSENT`
null                   `None`
boolean, integer       `bool`, `int` (64 bits with a sign)
decimal, float         `decimal.Decimal`, `float`
text, bytes            `str`, `bytes`
date, time             `datetime.date`, `datetime.time` without a zone
timestamp              `datetime.datetime` with a zone
local-timestamp        `datetime.datetime` without one
uuid                   `uuid.UUID`
json                   `Json(text)`
many                   a `list` of the above, none of them absent or a list
=====================  ==========================================================

What Python cannot hold (infinite and far dates, 24:00) crosses as `Raw`.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from dataclasses import dataclass
from typing import Any, Union

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1

_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)
_DAY_US = 24 * 60 * 60 * 1_000_000


class _Absent:
    """Not told in this row; `None` is what the row holds where it holds nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> _Absent:
        return self

    def __deepcopy__(self, memo: object) -> _Absent:
        return self


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Json:
    """JSON text as the system shows it."""

    text: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A value of the contract that Python's own type cannot hold, by the contract's words:
    `Raw("date", days)`, `Raw("time", us)`, `Raw("timestamp", us)`, `Raw("local-timestamp", us)`."""

    kind: str
    value: int


Value = Union[
    _Absent, None, bool, int, float, decimal.Decimal, str, bytes, datetime.date, datetime.time,
    datetime.datetime, uuid.UUID, Json, Raw, list[Any],
]


def days(value: datetime.date) -> int:
    """Since 1970-01-01."""
    return value.toordinal() - _EPOCH_DAY


def date(value: int) -> datetime.date | Raw:
    """From days since 1970-01-01."""
    try:
        return datetime.date.fromordinal(value + _EPOCH_DAY)
    except (ValueError, OverflowError):
        return Raw("date", value)


def time_us(value: datetime.time) -> int:
    """Microseconds since midnight."""
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond


def time(value: int) -> datetime.time | Raw:
    """From microseconds since midnight."""
    if not 0 <= value < _DAY_US:
        return Raw("time", value)
    return (_EPOCH + datetime.timedelta(microseconds=value)).time()


def timestamp_us(value: datetime.datetime) -> int:
    """Microseconds since 1970, of a moment with or without a zone."""
    return (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND


def timestamp(value: int) -> datetime.datetime | Raw:
    """A moment, from microseconds since 1970."""
    try:
        return _EPOCH_UTC + datetime.timedelta(microseconds=value)
    except OverflowError:
        return Raw("timestamp", value)


def local_timestamp(value: int) -> datetime.datetime | Raw:
    """A moment on the wall, from microseconds since 1970."""
    try:
        return _EPOCH + datetime.timedelta(microseconds=value)
    except OverflowError:
        return Raw("local-timestamp", value)


def decimal_text(value: decimal.Decimal) -> str:
    """Plain notation, `NaN`, `Infinity` or `-Infinity`."""
    if value.is_nan():
        return "NaN"
    return format(value, "f")


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same in the contract: `True` is not `1` there, and `1` not `1.0`."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def size_bytes(value: Value) -> int:
    """About how many bytes it takes, for keeping pages and answers in bounds."""
    if isinstance(value, str):
        return (len(value) if value.isascii() else len(value.encode())) + 16
    if isinstance(value, bytes):
        return len(value) + 16
    if isinstance(value, Json):
        return size_bytes(value.text)
    if isinstance(value, decimal.Decimal):
        return len(decimal_text(value)) + 16
    if isinstance(value, list):
        return sum(size_bytes(item) for item in value) + 16
    return 16
