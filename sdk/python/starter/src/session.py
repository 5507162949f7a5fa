"""A connector to begin with: the notes of a small REST service, read, followed and written.
Replace `service` by your system's requests and `note` by its rows; what is decided about writes is
in `write`. `lockstep connector test` says what is still missing."""

from __future__ import annotations

import json
from typing import Any

import note
import write
from lockstep_sdk import (
    AuthScheme,
    ChangeBatch,
    ChangeRow,
    ChangesAnswer,
    ChangesRequest,
    CheckItem,
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
    Role,
    Selection,
    WriteRequest,
)
from service import Service

PLACE = "https:config.base_url"
"""Where requests go: the scheme, host and port of the configured address."""

CONFIG_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["base_url"],
    "properties": {
        "base_url": {
            "type": "string",
            "description": "where the service answers, such as https://notes.example.com",
        }
    },
}

CURSOR_BYTES = 8


class Session(Connector):
    """One session. What should live as long as the session belongs here."""

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(
            name="starter",
            version="0.1.0",
            changes="log",
            precondition="precondition",
            abilities=["delete"],
            config_schema=json.dumps(CONFIG_SCHEMA),
            permissions=[PLACE],
            # The host puts the token on requests; this code never sees it.
            auth_schemes=[AuthScheme("token", "bearer", secret="token", hosts=[PLACE])],
        )

    def __init__(self, role: Role, config: dict[str, Any]) -> None:
        unknown = config.keys() - CONFIG_SCHEMA["properties"].keys()
        if unknown:
            raise Error.config(f"configuration: no such key: {', '.join(sorted(unknown))}")
        base_url = config.get("base_url")
        if not isinstance(base_url, str):
            raise Error.config("configuration: `base_url` has to be a text")
        self.service = Service(base_url)

    def check(self, objects: list[str]) -> list[CheckItem]:
        items = []
        try:
            self.service.status()
            items.append(CheckItem("service", "ok", "the service answers"))
        except Error as error:
            remedy = "Look at `base_url` and the secret `token`."
            items.append(CheckItem("service", "fail", error.message, remedy))
        for name in objects:
            if name != note.OBJECT:
                remedy = f"The service has one: {note.OBJECT}."
                items.append(CheckItem("object", "fail", f"there is no object {name}", remedy))
        return items

    def discover(self, objects: list[str]) -> list[Object]:
        return [note.describe()] if not objects or note.OBJECT in objects else []

    def start(self, selections: list[Selection]) -> Position:
        for selection in selections:
            note.known(selection.object, selection.columns)
        return Position(_cursor(self.service.last_change()))

    def release(self) -> list[str]:
        # `start` makes nothing at the service.
        return []

    def read(self, request: PageRequest) -> Page:
        columns = note.known(request.selection.object, request.selection.columns)
        try:
            after = request.after.decode()
        except UnicodeDecodeError:
            raise Error.cursor_invalid("a page begins after an id") from None
        notes, following = self.service.notes(after, request.max_rows)
        return Page([note.row(one, columns) for one in notes], following.encode())

    def changes(self, request: ChangesRequest) -> ChangesAnswer:
        if len(request.after) != CURSOR_BYTES:
            raise Error.cursor_invalid(f"a cursor has {CURSOR_BYTES} bytes")
        selection = next((one for one in request.selections if one.object == note.OBJECT), None)
        if selection is None or request.max_records == 0:
            return ChangesAnswer([], request.after)
        columns = note.known(selection.object, selection.columns)
        reached = int.from_bytes(request.after)
        changes, last = self.service.changes(reached, request.max_records, request.wait_ms)
        batches: list[ChangeBatch] = []
        for change in changes:
            reached = change["number"]
            kind = "delete" if change["note"] is None else "upsert"
            if not batches or batches[-1].kind != kind:
                batches.append(ChangeBatch(note.OBJECT, kind, columns))
            cells = [] if change["note"] is None else note.cells(change["note"], columns)
            # The number of the change orders it among all; big-endian, so that it compares bytewise.
            batches[-1].rows.append(ChangeRow([change["id"]], cells, _cursor(reached)))
        return ChangesAnswer(batches, _cursor(reached), more=reached < last)

    def fetch(self, request: FetchRequest) -> list[Found]:
        columns = note.known(request.selection.object, request.selection.columns)
        if request.by != ["id"]:
            raise Error.unsupported(f"looking notes up by {', '.join(request.by)}")
        found = []
        for index, key in enumerate(request.keys):
            there = self.service.note(note.id_of(key))
            if there is not None:
                found.append(Found(index, note.row(there, columns)))
        return found

    def write(self, request: WriteRequest) -> list[Outcome]:
        columns = note.known(request.object, request.columns)
        returning = note.known(request.object, request.returning)
        return [write.one(self.service, intent, columns, returning) for intent in request.intents]


def _cursor(number: int) -> bytes:
    return number.to_bytes(CURSOR_BYTES)
