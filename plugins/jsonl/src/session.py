"""Files of rows, CSV or JSON Lines, on a web server, read and followed. Nothing is written to them.

A session remembers each file as it saw it last. `follow` tells the stream; this module answers
what is asked about a file as it is."""

from __future__ import annotations

import json
from typing import Any

import settings
from files import Files
from follow import Follower
from lockstep_sdk import (
    AuthScheme,
    ChangesAnswer,
    ChangesRequest,
    CheckItem,
    Column,
    ColumnType,
    Connector,
    ConnectorSpec,
    Error,
    FetchRequest,
    Found,
    Object,
    Outcome,
    Page,
    PageRequest,
    Position,
    Rejected,
    Role,
    Row,
    Selection,
    Value,
    WriteRequest,
)
from lockstep_sdk.values import size_bytes
from table import Line, Table

PLACE = "https:config.base_url"
NATIVE = {"csv": "CSV", "json-lines": "JSON"}


class Session(Connector):
    @classmethod
    def spec(cls) -> ConnectorSpec:
        hosts = [PLACE]
        return ConnectorSpec(
            name="jsonl",
            version="0.1.0",
            changes="poll",
            precondition="none",
            config_schema=json.dumps(settings.SCHEMA),
            permissions=[PLACE],
            auth_schemes=[
                AuthScheme("bearer", "bearer", secret="token", hosts=hosts),
                AuthScheme("basic", "basic", secret="password", subject="{config.user}", hosts=hosts),
            ],
        )

    def __init__(self, role: Role, config: dict[str, Any]) -> None:
        self._settings = settings.parse(config)
        self._files = Files(self._settings.files)
        self._follower = Follower(self._files, self._settings.poll_interval_ms / 1000)

    def check(self, objects: list[str]) -> list[CheckItem]:
        items = []
        for name in objects or list(self._files.files):
            try:
                seen = self._files.now(name)
            except Error as error:
                remedy = error.remedy or f"Look at `objects.{name}`."
                items.append(CheckItem(name, "fail", error.message, remedy))
                continue
            items.append(CheckItem(name, "ok", f"{name}: {len(seen.table.lines)} rows"))
            if not seen.validators:
                words = f"{name}: the file has no ETag and no date of its last change, or changed a moment ago"
                remedy = "Have the server send one; without, every poll reads the whole file."
                items.append(CheckItem(f"{name}-validators", "warn", words, remedy))
        return items

    def discover(self, objects: list[str]) -> list[Object]:
        names = [name for name in self._files.files if not objects or name in objects]
        return [_describe(self._files.file(name), self._files.now(name).table) for name in names]

    def start(self, selections: list[Selection]) -> Position:
        for selection in selections:
            _places(self._files.now(selection.object).table, selection)
        return Position(self._follower.start([selection.object for selection in selections]))

    def release(self) -> list[str]:
        # `start` makes nothing at the server.
        return []

    def read(self, request: PageRequest) -> Page:
        name = request.selection.object
        seen = self._files.before(name) if request.after else self._files.now(name)
        places = _places(seen.table, request.selection)
        try:
            after = request.after.decode()
        except UnicodeDecodeError:
            raise Error.cursor_invalid("a page begins after a key") from None
        rows: list[Row] = []
        bytes_left = request.max_bytes
        last = ""
        for key in seen.table.after(after):
            row = _row(seen.table.lines[key], places)
            bytes_left -= sum(map(size_bytes, row.cells)) + sum(map(size_bytes, row.key))
            if rows and (len(rows) == max(request.max_rows, 1) or bytes_left < 0):
                return Page(rows, last.encode())
            rows.append(row)
            last = key
        # Rows come in the order of their keys, so that a file that changes between two sessions
        # neither hides nor repeats one.
        self._files.rest(name)
        return Page(rows)

    def changes(self, request: ChangesRequest) -> ChangesAnswer:
        return self._follower.changes(request)

    def fetch(self, request: FetchRequest) -> list[Found]:
        file, seen = self._files.file(request.selection.object), self._files.now(request.selection.object)
        places = _places(seen.table, request.selection)
        _places(seen.table, Selection(file.name, request.by))
        found = []
        for index, key in enumerate(request.keys):
            found += [Found(index, _row(line, places)) for line in seen.lines_by(file, request.by, key)]
        return found

    def write(self, request: WriteRequest) -> list[Outcome]:
        name = self._files.file(request.object).name
        message = f"{name} is a file that is only read: switch off `creates`, `updates` and `deletes` of this side"
        return [Rejected("read-only", "read-only", message) for _ in request.intents]


def _describe(file: settings.File, table: Table) -> Object:
    only_key = len(file.key) == 1
    columns = []
    for name, kind in table.kinds.items():
        is_key = name in file.key
        column = Column(name, ColumnType(kind, NATIVE[file.format]), nullable=not is_key, unique=is_key and only_key)
        column.createable = column.updateable = False
        columns.append(column)
    described = Object(file.name, columns, list(file.key) if columns else [], rows_estimate=len(table.lines))
    if not columns:
        described.obstacle = "the file is empty: it cannot be told which columns it has"
    return described


def _places(table: Table, selection: Selection) -> list[int]:
    places = []
    for column, place in zip(selection.columns, table.places(selection.columns)):
        if place is None:
            raise Error.not_found(f"{selection.object} has no column {column}")
        places.append(place)
    return places


def _row(line: Line, places: list[int]) -> Row:
    cells: list[Value] = [line.values[place] for place in places]
    return Row(line.key, cells)
