"""Write a Lockstep connector in plain Python.

Derive from :class:`Connector` (one object is one session), say what you can do, and export it
from the module that is built, `app.py`::

    from lockstep_sdk.guest import export
    from session import Session

    Connector = export(Session)

What is not overridden answers `unsupported`. Values cross as Python's own (see
:mod:`lockstep_sdk.values`). Requests go through :mod:`lockstep_sdk.http` or plain
`urllib.request`, log lines through `logging`; :mod:`lockstep_sdk.host` has what only the host can do.

Everything but `lockstep_sdk.guest` runs natively, too, so a connector's modules are tested with
`python3 -m unittest`.
"""

from .connector import Connector, Role
from .errors import Error
from .model import (
    AuthScheme,
    ChangeBatch,
    ChangeRow,
    ChangesAnswer,
    ChangesRequest,
    CheckItem,
    Column,
    ColumnType,
    ConnectorSpec,
    EnsureRequest,
    Extra,
    FetchRequest,
    FieldOverwrite,
    Found,
    Intent,
    Object,
    Page,
    PageRequest,
    Position,
    Reference,
    Row,
    Selection,
    WantedColumn,
    Webhook,
    WebhookAnswer,
    WriteRequest,
)
from .outcomes import (
    Applied,
    Conflict,
    Duplicate,
    Gone,
    Other,
    Outcome,
    Overwrote,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from .values import ABSENT, Json, Raw, Value

__all__ = [
    "ABSENT", "Applied", "AuthScheme", "ChangeBatch", "ChangeRow", "ChangesAnswer", "ChangesRequest",
    "CheckItem", "Column", "ColumnType", "Conflict", "Connector", "ConnectorSpec", "Duplicate",
    "EnsureRequest", "Error", "Extra", "FetchRequest", "FieldOverwrite", "Found", "Gone", "Intent",
    "Json", "Object", "Other", "Outcome", "Overwrote", "Page", "PageRequest", "Position", "Raw",
    "Reference", "Rejected", "Role", "Row", "Selection", "Throttled", "Unavailable", "Unknown",
    "Value", "WantedColumn", "Webhook", "WebhookAnswer", "WriteRequest",
]
