"""The files as a session saw them last: downloaded when they may have changed, and parsed once per
content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import download
import table
import typed
from lockstep_sdk import Error, Value
from settings import File
from table import Line, Table


@dataclass(slots=True)
class Seen:
    """A file as it was seen."""

    content: str
    """Its digest."""
    validators: download.Validators
    table: Table
    _index: dict[tuple[str, ...], dict[str, list[Line]]] = field(default_factory=dict)

    def lines_by(self, file: File, columns: list[str], values: list[Value]) -> list[Line]:
        """Rows that hold these values there. What is empty equals nothing."""
        if None in values:
            return []
        name = typed.name(values)
        if tuple(columns) == file.key:
            return [self.table.lines[name]] if name in self.table.lines else []
        by = tuple(columns)
        if by not in self._index:
            self._index[by] = self._indexed(columns)
        return self._index[by].get(name, [])

    def _indexed(self, columns: list[str]) -> dict[str, list[Line]]:
        places = [place for place in self.table.places(columns) if place is not None]
        index: dict[str, list[Line]] = {}
        for line in self.table.lines.values():
            index.setdefault(typed.name([line.values[place] for place in places]), []).append(line)
        return index


class Files:
    """By name."""

    def __init__(self, files: dict[str, File]) -> None:
        self.files = files
        self._seen: dict[str, Seen] = {}
        # What a file was when its rows were let go.
        self._rested: dict[str, tuple[str, download.Validators]] = {}

    def file(self, name: str) -> File:
        if name not in self.files:
            raise Error.not_found(f"there is no object {name}")
        return self.files[name]

    def now(self, name: str) -> Seen:
        """As it is now."""
        file, seen = self.file(name), self._seen.get(name)
        got = download.get(file, seen.validators if seen else download.Validators())
        if got is None and seen is not None:
            return seen
        if got is None:
            raise Error.internal(f"{name}: the server has nothing new of what was never asked for")
        return self._take(file, got, hashlib.sha256(got.content).hexdigest())

    def before(self, name: str) -> Seen:
        """As it was seen last: the pages of one read are of one file."""
        return self._seen.get(name) or self.now(name)

    def unless(self, name: str, content: str) -> Seen | None:
        """As it is now; `None` where it has this content."""
        rested = self._rested.get(name)
        if name in self._seen or rested is None or rested[0] != content:
            seen = self.now(name)
            return None if seen.content == content else seen
        file = self.file(name)
        got = download.get(file, rested[1])
        if got is None:
            return None
        found = hashlib.sha256(got.content).hexdigest()
        if found == content:
            self._rested[name] = (content, got.validators)
            return None
        return self._take(file, got, found)

    def rest(self, name: str) -> None:
        """Let go of its rows, until it changes."""
        seen = self._seen.pop(name, None)
        if seen is not None:
            self._rested[name] = (seen.content, seen.validators)

    def _take(self, file: File, got: download.Download, content: str) -> Seen:
        seen = self._seen.get(file.name)
        same = seen is not None and seen.content == content
        parsed = seen.table if same and seen is not None else table.read(file, got.content)
        self._seen[file.name] = Seen(content, got.validators, parsed)
        return self._seen[file.name]
