"""What is built: the connector, given to the host."""

from lockstep_sdk.guest import export

from session import Session

Connector = export(Session)
