"""What an author implements, with an honest default for everything optional."""

from __future__ import annotations

import enum
from typing import Any

from .errors import Error
from .model import (
    ChangesAnswer,
    ChangesRequest,
    CheckItem,
    ConnectorSpec,
    EnsureRequest,
    FetchRequest,
    Found,
    Object,
    Page,
    PageRequest,
    Position,
    Selection,
    Webhook,
    WebhookAnswer,
    WriteRequest,
)
from .outcomes import Outcome


class Role(enum.Enum):
    """What a session is for. A connection usually has one of each, so that a blocked read never
    delays a write."""

    TAIL = "tail"
    """Follows the change stream."""
    WRITE = "write"
    """Writes, and fetches rows around its writes."""
    READ = "read"
    """Reads pages, discovers and checks."""
    INGEST = "ingest"
    """Verifies webhooks and tells what they say; one of several at a time."""


class Connector:
    """One session with one system. Made when the host opens it, and alive until the host drops the
    instance: connections and caches belong into it. Calls never overlap."""

    @classmethod
    def spec(cls) -> ConnectorSpec:
        """What this connector is and can do. Asked before anything is open."""
        raise NotImplementedError

    def __init__(self, role: Role, config: dict[str, Any]) -> None:
        """Start the session. Raise `Error.config` where the configuration does not fit."""

    def check(self, objects: list[str]) -> list[CheckItem]:
        """What works and what is missing, each with its remedy. No `objects`: all."""
        raise Error.unsupported("check")

    def discover(self, objects: list[str]) -> list[Object]:
        """Describe these objects; none: every object there is."""
        raise Error.unsupported("discover")

    def start(self, selections: list[Selection]) -> Position:
        """Prepare the change stream and say where it starts."""
        raise Error.unsupported("start")

    def release(self) -> list[str]:
        """Remove what `start` made at the source; says what was removed."""
        raise Error.unsupported("release")

    def read(self, request: PageRequest) -> Page:
        """A page of a full read."""
        raise Error.unsupported("read")

    def changes(self, request: ChangesRequest) -> ChangesAnswer:
        """The next changes, and the cursor after them."""
        raise Error.unsupported("changes")

    def fetch(self, request: FetchRequest) -> list[Found]:
        """The current rows of the given keys."""
        raise Error.unsupported("fetch")

    def write(self, request: WriteRequest) -> list[Outcome]:
        """Write; one outcome per intent, in order."""
        raise Error.unsupported("write")

    def ensure(self, request: EnsureRequest) -> list[str]:
        """Create or extend an object; the statements run or, when dry, meant."""
        raise Error.unsupported("ensure")

    def ingest(self, request: Webhook) -> WebhookAnswer:
        """Verify and answer a webhook, and hand back what it tells."""
        raise Error.unsupported("ingest")
