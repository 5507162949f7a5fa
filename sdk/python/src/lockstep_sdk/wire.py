"""The contract's generated types and the SDK's, one into the other. Only in the sandbox."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import functools
import uuid
from collections.abc import Callable
from typing import Any

from wit_world.imports import model as generated

from . import model, outcomes, values
from .errors import Error

Convert = Callable[[Any], Any]


def _integer(value: int) -> int:
    if not values.INTEGER_MIN <= value <= values.INTEGER_MAX:
        raise Error.internal("an integer has more than 64 bits: tell it as a decimal")
    return value


def _raw(family: str) -> Convert:
    kinds = {
        "date": getattr(generated, f"{family}_Date"),
        "time": getattr(generated, f"{family}_Time"),
        "timestamp": getattr(generated, f"{family}_Timestamp"),
        "local-timestamp": getattr(generated, f"{family}_LocalTimestamp"),
    }
    return lambda value: kinds[value.kind](value.value)


def _moment(family: str) -> Convert:
    instant = getattr(generated, f"{family}_Timestamp")
    local = getattr(generated, f"{family}_LocalTimestamp")
    return lambda value: (local if value.tzinfo is None else instant)(values.timestamp_us(value))


def _uuid(value: uuid.UUID) -> Any:
    return generated.Uuid(value.int >> 64, value.int & 0xFFFF_FFFF_FFFF_FFFF)


def _lowering(family: str) -> dict[type, Convert]:
    """How a value of each of Python's types becomes a case of `Cell` or `Scalar`."""
    case = lambda name: getattr(generated, f"{family}_{name}")  # noqa: E731
    null = case("Null")()
    return {
        type(None): lambda value: null,
        bool: case("Boolean"),
        int: lambda value: case("Integer")(_integer(value)),
        decimal.Decimal: lambda value: case("Decimal")(values.decimal_text(value)),
        float: case("Float"),
        str: case("Text"),
        bytes: case("Bytes"),
        datetime.date: lambda value: case("Date")(values.days(value)),
        datetime.time: lambda value: case("Time")(values.time_us(value)),
        datetime.datetime: _moment(family),
        uuid.UUID: lambda value: case("Uuid")(_uuid(value)),
        values.Json: lambda value: case("Json")(value.text),
        values.Raw: _raw(family),
    }


def _lower_with(table: dict[type, Convert], value: Any) -> Any:
    lower = table.get(type(value))
    if lower is None:
        # A type of the author's own, such as an enumeration of texts.
        lower = next((table[base] for base in type(value).__mro__ if base in table), None)
    if lower is None:
        raise Error.internal(f"a value of the type {type(value).__name__} does not cross")
    return lower(value)


_SCALARS = _lowering("Scalar")
_CELLS = _lowering("Cell")
_ABSENT = generated.Cell_Absent()
_CELLS[type(values.ABSENT)] = lambda value: _ABSENT
_CELLS[list] = lambda value: generated.Cell_Many([_lower_with(_SCALARS, item) for item in value])


def lower_cell(value: Any) -> Any:
    """A value as a cell of the contract."""
    return _lower_with(_CELLS, value)


def _lifting(family: str) -> dict[type, Convert]:
    case = lambda name: getattr(generated, f"{family}_{name}")  # noqa: E731
    plain = _value
    return {
        case("Null"): lambda cell: None,
        case("Boolean"): plain,
        case("Integer"): plain,
        case("Decimal"): lambda cell: decimal.Decimal(cell.value),
        case("Float"): plain,
        case("Text"): plain,
        case("Bytes"): plain,
        case("Date"): lambda cell: values.date(cell.value),
        case("Time"): lambda cell: values.time(cell.value),
        case("Timestamp"): lambda cell: values.timestamp(cell.value),
        case("LocalTimestamp"): lambda cell: values.local_timestamp(cell.value),
        case("Uuid"): lambda cell: uuid.UUID(int=(cell.value.high << 64) | cell.value.low),
        case("Json"): lambda cell: values.Json(cell.value),
    }


def _value(cell: Any) -> Any:
    return cell.value


_LIFT = _lifting("Scalar") | _lifting("Cell")
_LIFT[generated.Cell_Absent] = lambda cell: values.ABSENT
_LIFT[generated.Cell_Many] = lambda cell: [_LIFT[type(item)](item) for item in cell.value]


def lift_cell(cell: Any) -> Any:
    """A cell of the contract as a value."""
    return _LIFT[type(cell)](cell)


@functools.cache
def _fields(kind: type, cell: Convert, record: Callable[..., Any]) -> list[tuple[str, Convert]]:
    """How each field of a record crosses; told by its type, which the SDK writes as text."""
    cells = lambda items: [cell(item) for item in items]  # noqa: E731
    by_type: dict[str, Convert] = {
        "Value": cell,
        "list[Value]": cells,
        "list[list[Value]]": lambda rows: [cells(row) for row in rows],
    }
    plans = []
    for field in dataclasses.fields(kind):
        of = str(field.type)
        inner = of.removesuffix(" | None").removeprefix("list[").removesuffix("]")
        known = getattr(model, inner, None)
        if of in by_type:
            plans.append((field.name, by_type[of]))
        elif dataclasses.is_dataclass(known):
            one = functools.partial(record, known)
            many = lambda items, one=one: [one(item) for item in items]  # noqa: E731
            plans.append((field.name, many if of.startswith("list[") else one))
        else:
            plans.append((field.name, lambda value: value))
    return plans


def lower(value: Any) -> Any:
    """A record of the SDK as the contract's; lists of them, and all else, too."""
    if isinstance(value, list):
        return [lower(item) for item in value]
    if type(value) in _OUTCOMES:
        return _OUTCOMES[type(value)](value)
    return _lower_record(type(value), value) if dataclasses.is_dataclass(value) else value


def _lower_record(kind: type, value: Any) -> Any:
    if value is None:
        return None
    made = {name: convert(getattr(value, name)) for name, convert in _fields(kind, lower_cell, _lower_record)}
    return getattr(generated, kind.__name__)(**made)


def lift(kind: type, value: Any) -> Any:
    """A record of the contract as the SDK's of that name."""
    if value is None:
        return None
    return kind(**{name: convert(getattr(value, name)) for name, convert in _fields(kind, lift_cell, lift)})


_OUTCOMES: dict[type, Convert] = {
    outcomes.Applied: lambda it: generated.Outcome_Applied(lower(it.row)),
    outcomes.Conflict: lambda it: generated.Outcome_Conflict(lower(it.row)),
    outcomes.Overwrote: lambda it: generated.Outcome_Overwrote((lower(it.row), lower(it.overwritten))),
    outcomes.Gone: lambda it: generated.Outcome_Gone(),
    outcomes.Duplicate: lambda it: generated.Outcome_Duplicate(lower(it.row)),
    outcomes.Rejected: lambda it: generated.Outcome_Rejected(
        generated.Rejection(it.code, it.class_, it.message, it.columns)
    ),
    outcomes.Throttled: lambda it: generated.Outcome_Throttled(it.after_ms),
    outcomes.Unavailable: lambda it: generated.Outcome_Unavailable(it.why),
    outcomes.Unknown: lambda it: generated.Outcome_Unknown(it.why),
    outcomes.Other: lambda it: generated.Outcome_Other((it.code, it.words)),
}
