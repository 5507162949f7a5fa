"""What becomes of one intent: compared with what is there, written under the service's own
precondition, and looked at again when somebody was faster."""

from __future__ import annotations

from typing import Any

import note
import service
from lockstep_sdk import (
    ABSENT,
    Applied,
    Conflict,
    Duplicate,
    Error,
    Gone,
    Intent,
    Outcome,
    Rejected,
    Row,
    Throttled,
    Unavailable,
    Unknown,
)
from lockstep_sdk.values import same

ATTEMPTS = 5
"""How often somebody may be faster before the intent is put off."""
PAUSE_MS = 200

_CLASSES = {"too_long": "too-long", "bad_value": "type", "missing": "not-null"}


def one(to: service.Service, intent: Intent, columns: list[str], returning: list[str]) -> Outcome:
    if intent.action == "create":
        return _create(to, intent, columns, returning)
    if intent.action in ("update", "delete"):
        return _change(to, intent, columns, returning)
    raise Error.unsupported(f"the action {intent.action}")


def _create(to: service.Service, intent: Intent, columns: list[str], returning: list[str]) -> Outcome:
    fields = _fields(intent, columns)
    # The caller's id makes a create repeatable: the service refuses the second.
    identity = fields.get("id")
    if not isinstance(identity, str):
        return Rejected("missing", "not-null", "a note needs an id", ["id"])
    answer = to.create(identity, fields)
    if isinstance(answer, service.Precondition) and answer.note is not None:
        return Duplicate(note.row(answer.note, returning))
    return _settled(answer, None, returning)


def _change(to: service.Service, intent: Intent, columns: list[str], returning: list[str]) -> Outcome:
    identity = note.id_of(intent.key)
    for _ in range(ATTEMPTS):
        there = to.note(identity)
        if there is None:
            return Gone()
        for column, expected in zip(columns, intent.expected):
            if expected is not ABSENT and not same(note.cell(there, column), expected):
                return Conflict(note.row(there, returning))
        if intent.action == "delete":
            answer = to.delete(identity, there["revision"])
        else:
            answer = to.update(identity, there["revision"], _fields(intent, columns))
        # Somebody was faster: what they wrote may be another column's.
        if not isinstance(answer, service.Precondition):
            return _settled(answer, there, returning)
    return Throttled(PAUSE_MS)


def _fields(intent: Intent, columns: list[str]) -> dict[str, Any]:
    """What is told of a note, by name."""
    pairs = zip(columns, intent.cells)
    return {column: note.json(value) for column, value in pairs if value is not ABSENT}


def _settled(answer: service.Answer, before: dict[str, Any] | None, returning: list[str]) -> Outcome:
    """`before`: the note as it was; what a delete shows."""

    def shown(there: dict[str, Any] | None) -> Row:
        there = there or before
        return note.row(there, returning) if there else Row([], [])

    match answer:
        case service.Done(stored):
            return Applied(shown(stored))
        case service.NotFound():
            return Gone()
        case service.Precondition(there):
            return Conflict(shown(there))
        case service.Refused(code, field, message):
            return Rejected(code, _CLASSES.get(code, "validation"), message, [field])
        case service.Later(after_ms):
            return Throttled(after_ms)
        case service.Unreached(why):
            return Unavailable(why)
        case service.Unanswered(why):
            return Unknown(why)
