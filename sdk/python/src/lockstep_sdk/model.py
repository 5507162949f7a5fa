"""The contract's data, version 0.1, with a default for everything that is usually empty. Units
and meanings are those of `wit/v0.1.0/connector.wit`."""

from __future__ import annotations

from dataclasses import dataclass, field

from .values import Value


@dataclass(slots=True)
class Extra:
    """A named addition that this version has no field for."""

    name: str
    value: str


@dataclass(slots=True)
class AuthScheme:
    """One way into a system that speaks HTTP, carried out by the host: tokens and passwords are
    put on the wire there and never enter the sandbox. In a template `{config.a.b}` stands for that
    value of the connection's configuration."""

    name: str
    """By which the connection's `auth` selects it."""
    kind: str
    """`oauth2-client-credentials`, `oauth2-jwt-bearer`, `oauth2-refresh-token`, `bearer`,
    `api-key-header` or `basic`."""
    secret: str
    """Name of the secret in the connection's `secrets`."""
    hosts: list[str]
    """Where it may be sent to, each written as a permission; `answer.NAME` stands for the address
    that the token's answer gave under that name."""
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    subject: str = ""
    audience: str = ""
    scope: str = ""
    header: str = ""
    answers: list[str] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)


@dataclass(slots=True)
class ConnectorSpec:
    """What a connector is and can do."""

    name: str
    version: str
    config_schema: str
    """JSON Schema of the configuration."""
    permissions: list[str]
    """What it asks to reach, such as `https:config.base_url`."""
    changes: str = "none"
    """`log`, `webhook`, `poll` or `none`."""
    precondition: str = "none"
    """`atomic`, `precondition`, `read-check-write` or `none`."""
    abilities: list[str] = field(default_factory=list)
    """Any of `delete`, `ensure`, `transactions`, `webhooks`, `truncate`, `release`."""
    cursor_version: int = 1
    """Cursors carry this; the host refuses to feed a connector cursors of another version."""
    credentials: list[str] = field(default_factory=list)
    """Credential operations it needs, such as `hmac-sha256:client_secret`."""
    auth_schemes: list[AuthScheme] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)


@dataclass(slots=True)
class CheckItem:
    """One line of `check`: what was looked at, and what to do about it."""

    name: str
    status: str
    """`ok`, `warn` or `fail`."""
    message: str
    remedy: str = ""


@dataclass(slots=True)
class ColumnType:
    kind: str
    """`bool`, `int`, `decimal`, `float`, `text`, `bytes`, `date`, `time`, `timestamp`,
    `local-timestamp`, `uuid`, `json`, `enum`, `list`, `opaque`."""
    native: str
    """The system's own name for it."""
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    values: list[str] = field(default_factory=list)
    element: str | None = None


@dataclass(slots=True)
class Reference:
    object: str
    columns: list[str]


@dataclass(slots=True)
class Column:
    """A plain column that may be null and may be written, unless said otherwise."""

    name: str
    type: ColumnType
    label: str = ""
    nullable: bool = True
    has_default: bool = False
    createable: bool = True
    updateable: bool = True
    computed: bool = False
    unique: bool = False
    references: Reference | None = None
    comment: str = ""
    extras: list[Extra] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.label = self.label or self.name


@dataclass(slots=True)
class Object:
    name: str
    columns: list[Column]
    key: list[str]
    """The columns that identify a row. Empty: the object cannot be synced."""
    label: str = ""
    unique_keys: list[list[str]] = field(default_factory=list)
    rows_estimate: int | None = None
    obstacle: str = ""
    """Why this object cannot take part, when it cannot."""
    extras: list[Extra] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.label = self.label or self.name


@dataclass(slots=True)
class Selection:
    """An object, and the columns of it that the runtime wants to see."""

    object: str
    columns: list[str]


@dataclass(slots=True)
class Row:
    """A row as read."""

    key: list[Value]
    cells: list[Value]
    """In the order of the request's columns."""
    version: bytes = b""
    """Compares bytewise with the versions of changes to the same row; empty when this read cannot
    be ordered against the stream."""
    at: int | None = None
    """When it was last changed, in microseconds since 1970, where known."""


@dataclass(slots=True)
class PageRequest:
    selection: Selection
    after: bytes
    """Empty for the first page, else what the last page returned."""
    max_rows: int
    max_bytes: int


@dataclass(slots=True)
class Page:
    rows: list[Row]
    next: bytes = b""
    """Where the next page starts. Empty when this was the last one."""


@dataclass(slots=True)
class Position:
    cursor: bytes
    extras: list[Extra] = field(default_factory=list)


@dataclass(slots=True)
class ChangeRow:
    key: list[Value]
    cells: list[Value]
    """In the order of the batch's columns. Empty for deletes."""
    version: bytes = b""
    at: int | None = None


@dataclass(slots=True)
class ChangeBatch:
    """A run of changes of one kind to one object, in stream order."""

    object: str
    kind: str
    """`upsert`, `delete`, `invalidate` (values unknown: fetch), `truncate`, `schema`, `gap`."""
    columns: list[str] = field(default_factory=list)
    rows: list[ChangeRow] = field(default_factory=list)
    origin: str = ""
    """Who made it, where the system tells."""


@dataclass(slots=True)
class ChangesRequest:
    selections: list[Selection]
    after: bytes
    durable: bytes
    """All up to here is committed by the host: the source may forget it."""
    max_records: int
    max_bytes: int
    wait_ms: int
    """Return when something is there, or after this long with nothing."""


@dataclass(slots=True)
class ChangesAnswer:
    batches: list[ChangeBatch]
    cursor: bytes
    """After everything in `batches`."""
    more: bool = False
    """More is waiting already."""
    lag_bytes: int | None = None
    lag_ms: int | None = None


@dataclass(slots=True)
class FetchRequest:
    selection: Selection
    by: list[str]
    """The columns that `keys` give: the object's key, or a match key."""
    keys: list[list[Value]]


@dataclass(slots=True)
class Found:
    index: int
    """Position in the request's `keys`. Several rows may answer one key."""
    row: Row


@dataclass(slots=True)
class Intent:
    """One pending write to one row."""

    action: str
    """`create`, `update` or `delete`."""
    key: list[Value]
    cells: list[Value]
    """In the order of the request's columns; `ABSENT` is not written."""
    expected: list[Value]
    """What each column must still hold; `ABSENT` is not compared. Empty for a create."""


@dataclass(slots=True)
class WriteRequest:
    object: str
    columns: list[str]
    intents: list[Intent]
    returning: list[str]
    """Columns to return in outcomes."""


@dataclass(slots=True)
class FieldOverwrite:
    column: str
    value: Value
    by: str
    at: int | None = None


@dataclass(slots=True)
class WantedColumn:
    """A column that should exist at the destination."""

    name: str
    type: ColumnType
    nullable: bool = True
    unique: bool = False
    references: Reference | None = None
    comment: str = ""


@dataclass(slots=True)
class EnsureRequest:
    object: str
    columns: list[WantedColumn]
    key: list[str]
    dry_run: bool
    """Only say what would be done."""


@dataclass(slots=True)
class Webhook:
    """A request that a system sent to the connection's address."""

    method: str
    path: str
    url: str
    """The whole address as the sender knows it: what vendors sign."""
    headers: list[tuple[str, str]]
    body: bytes
    received_at: int


@dataclass(slots=True)
class WebhookAnswer:
    """A status below 300 takes the request; any other refuses it, and `batches` is not looked at."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    batches: list[ChangeBatch] = field(default_factory=list)
