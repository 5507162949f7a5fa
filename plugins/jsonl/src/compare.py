"""What became of a file since it was told: pure. Rows are compared by their digests, and a row is
deleted when its key is in no line of a file that was read whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import typed
from lockstep_sdk import Value
from table import Table


@dataclass(slots=True)
class Difference:
    upserts: list[str] = field(default_factory=list)
    """Names of keys whose rows are new or changed."""
    deletes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.upserts) + len(self.deletes)


def difference(told: dict[str, bytes], table: Table) -> Difference:
    upserts = [name for name, line in table.lines.items() if told.get(name) != line.digest]
    deletes = [name for name in told if name not in table.lines]
    return Difference(upserts, deletes)


def take(rows: dict[str, bytes], table: Table, found: Difference, most: int) -> Difference:
    """The first of it, as many as may be told now; `rows` then knows them."""
    part = Difference(found.upserts[:most])
    part.deletes = found.deletes[: most - len(part.upserts)]
    for name in part.upserts:
        rows[name] = table.lines[name].digest
    for name in part.deletes:
        del rows[name]
    return part


def key_of(name: str, kinds: list[str]) -> list[Value]:
    """The key that a row had, of its name."""
    return [typed.parse(kind, text) for kind, text in zip(kinds, json.loads(name))]
