"""What became of an intent: one per intent, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

from .model import FieldOverwrite, Row


@dataclass(slots=True)
class Applied:
    """Done; the row as stored."""

    row: Row


@dataclass(slots=True)
class Conflict:
    """The row no longer holds what was expected; nothing was written."""

    row: Row


@dataclass(slots=True)
class Overwrote:
    """Done, but these foreign values were overwritten between check and write."""

    row: Row
    overwritten: list[FieldOverwrite]


@dataclass(slots=True)
class Gone:
    """No such row."""


@dataclass(slots=True)
class Duplicate:
    """A create found the row already there, by its key or unique columns."""

    row: Row


@dataclass(slots=True)
class Rejected:
    """Refused for a reason that trying again will not cure.

    `code` is the system's own. `class_`: `not-null`, `unique`, `foreign-key`, `check`, `too-long`,
    `out-of-range`, `type`, `denied`, `read-only`, `validation`, `other`.
    """

    code: str
    class_: str
    message: str
    columns: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Throttled:
    """Nothing written; try again after this many milliseconds."""

    after_ms: int


@dataclass(slots=True)
class Unavailable:
    """Nothing written; the system could not be reached or was busy."""

    why: str


@dataclass(slots=True)
class Unknown:
    """The request left and no answer came: may or may not be written."""

    why: str


@dataclass(slots=True)
class Other:
    """Anything else. Treated as rejected."""

    code: str
    words: str


Outcome = Union[
    Applied, Conflict, Overwrote, Gone, Duplicate, Rejected, Throttled, Unavailable, Unknown, Other
]
