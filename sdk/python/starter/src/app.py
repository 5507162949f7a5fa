"""What is built: the connector, given to the host. Nothing else belongs here, since this is the one
module that does not run outside the sandbox."""

from lockstep_sdk.guest import export

from session import Session

Connector = export(Session)
