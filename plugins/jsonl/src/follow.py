"""The stream: every file is looked at when its time has come, and what became of it since it was
told is told, in portions.

Where a session stands is in its memory and, as far as that fits, in the cursor. A session that is
asked to go on elsewhere than where it stands takes up the cursor."""

from __future__ import annotations

import time

import compare
from cursor import Cursor, Told, pack, unpack
from files import Files, Seen
from lockstep_sdk import ABSENT, ChangeBatch, ChangeRow, ChangesAnswer, ChangesRequest, Error, Selection
from lockstep_sdk.values import size_bytes
from settings import File
from table import Table

PLACES_MAX = 2
"""Places in the stream that a session remembers whole: where it stands, and where it began anew."""


class Follower:
    def __init__(self, files: Files, interval_seconds: float) -> None:
        self._files = files
        self._interval = interval_seconds
        self._places: dict[bytes, Cursor] = {}
        self._due = 0.0

    def start(self, names: list[str]) -> bytes:
        """The place from which on changes are told: the files as they are now."""
        cursor = Cursor(0, {name: self._whole(name) for name in names})
        return self._remember(pack(cursor), cursor)

    def changes(self, request: ChangesRequest) -> ChangesAnswer:
        if request.after not in self._places:
            self._remember(request.after, unpack(request.after))
            self._due = 0.0
        stands = self._places[request.after]
        if request.max_records == 0:
            return ChangesAnswer([], request.after)
        until = time.monotonic() + request.wait_ms / 1000
        while True:
            now = time.monotonic()
            if now >= self._due:
                answer = self._look(stands, request)
                if answer is not None:
                    return answer
                self._due = time.monotonic() + self._interval
            elif min(until, self._due) > now:
                time.sleep(min(until, self._due) - now)
            if time.monotonic() >= until:
                return ChangesAnswer([], request.after)

    def _look(self, stands: Cursor, request: ChangesRequest) -> ChangesAnswer | None:
        """What is new of the first file that has something new. A file that cannot be read keeps
        no other from being told; it is complained of when there is nothing else to say."""
        failure = None
        for selection in request.selections:
            name = selection.object
            told = stands.files.get(name) or Told(rows=None)
            try:
                seen = self._files.unless(name, told.content)
                if seen is None:
                    self._files.rest(name)
                    continue
                told = told.copy()
                batches, more = _compare(self._files.file(name), selection, seen, told, request)
            except Error as error:
                failure = failure or error
                continue
            if batches:
                cursor = Cursor(stands.turn + 1, stands.files | {name: told})
                # There may be more of this file, and of the ones behind it.
                self._due = 0.0
                return ChangesAnswer(batches, self._remember(pack(cursor), cursor), more=more)
            # Written anew, with the same rows.
            stands.files[name] = told
        if failure is not None:
            raise failure
        return None

    def _remember(self, packed: bytes, cursor: Cursor) -> bytes:
        self._places.pop(packed, None)
        self._places[packed] = cursor
        while len(self._places) > PLACES_MAX:
            del self._places[next(iter(self._places))]
        return packed

    def _whole(self, name: str) -> Told:
        seen = self._files.now(name)
        rows = {key: line.digest for key, line in seen.table.lines.items()}
        return Told(seen.content, seen.table.shape(), rows=rows)


def _compare(
    file: File, selection: Selection, seen: Seen, told: Told, request: ChangesRequest
) -> tuple[list[ChangeBatch], bool]:
    """What is told of a file now, which `told` knows then; and whether there is more."""
    table = seen.table
    batches = []
    if told.shape and told.shape != table.shape():
        batches.append(ChangeBatch(file.name, "schema"))
    told.shape = table.shape()
    if told.rows is None:
        told.content, told.rows = seen.content, {key: line.digest for key, line in table.lines.items()}
        return [*batches, ChangeBatch(file.name, "gap")], False
    if told.rows and not table.lines and not file.may_be_empty:
        raise _empty(file, len(told.rows))
    found = compare.difference(told.rows, table)
    part = compare.take(told.rows, table, found, _portion(found, table, request))
    batches += _batches(file, selection, table, part)
    more = len(part) < len(found)
    if not more:
        told.content = seen.content
    return batches, more


def _portion(found: compare.Difference, table: Table, request: ChangesRequest) -> int:
    """How many of them may be told now: at least one."""
    bytes_left = request.max_bytes
    for count, name in enumerate(found.upserts[: request.max_records]):
        bytes_left -= sum(map(size_bytes, table.lines[name].values))
        if bytes_left < 0 and count > 0:
            return count
    return request.max_records


def _batches(file: File, selection: Selection, table: Table, part: compare.Difference) -> list[ChangeBatch]:
    batches = []
    if part.upserts:
        places = table.places(selection.columns)
        rows = []
        for name in part.upserts:
            line = table.lines[name]
            # A column that the file does not have any more is not told, and not empty.
            cells = [ABSENT if place is None else line.values[place] for place in places]
            rows.append(ChangeRow(line.key, cells))
        batches.append(ChangeBatch(file.name, "upsert", selection.columns, rows))
    if part.deletes:
        kinds = [table.kinds.get(column, "text") for column in file.key]
        rows = [ChangeRow(compare.key_of(name, kinds), []) for name in part.deletes]
        batches.append(ChangeBatch(file.name, "delete", selection.columns, rows))
    return batches


def _empty(file: File, rows: int) -> Error:
    error = Error.retry(f"{file.name}: the file has no rows any more, and had {rows}")
    error.remedy = f"If all are deleted, set `may_be_empty = true` in `objects.{file.name}`."
    return error
