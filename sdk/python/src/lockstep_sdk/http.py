"""HTTP: a request is sent and its whole answer awaited. The host owns the connections, checks
where they go, and puts credentials on the wire; a connector never holds one.

`urllib.request.urlopen` works, too, in the sandbox as anywhere. `send` differs from it in two
ways: an answer of any status is an answer, and what kept one from arriving is told apart, since
after a write it makes all the difference.

Two answers can come from the host instead of the system; both say so in the header
`lockstep-answer`, and nothing was sent for either of them:

- 429 with `retry-after`: the connection's own rate budget is used up (`budget`);
- 401: signing in was refused (`sign-in`), the body says why.
"""

from __future__ import annotations

import json as _json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 30.0
"""For the head of an answer, and between two parts of its body."""

RESPONSE_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of an answer's body that are read, unless it is said otherwise."""


class Failure(urllib.error.URLError):
    """Why there is no answer."""


class NotSent(Failure):
    """Nothing was sent: the host refuses, the name does not resolve, nobody listens."""


class Denied(NotSent):
    """The host refused it; the words name the line to add to the configuration."""


class Unknown(Failure):
    """It was sent, or may have been; whether it took effect is not known."""


class TooLarge(Unknown):
    """The answer has more bytes than may be read of it."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"the answer has more than {bytes_max} bytes")


@dataclass(slots=True)
class Response:
    """An answer, read whole."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of a header that came twice, the first."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON; `ValueError` where it is none."""
        return _json.loads(self.body)

    def retry_after_ms(self, otherwise: int) -> int:
        """`retry-after` in milliseconds, where it counts seconds."""
        seconds = self.headers.get("retry-after", "").strip()
        return int(seconds) * 1000 if seconds.isascii() and seconds.isdigit() else otherwise


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Lets every answer through, redirects included: the host never follows one either."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


def use(*handlers: urllib.request.BaseHandler) -> None:
    """Whom requests go through. Called by the sandbox's side of the SDK."""
    global _opener
    _opener = urllib.request.OpenerDirector()
    for handler in (*handlers, _AnyStatus()):
        _opener.add_handler(handler)


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    json: Any = None,
    timeout: float = TIMEOUT_SECONDS,
    max_bytes: int = RESPONSE_BYTES_MAX,
) -> Response:
    """Send a request, and wait for the whole answer. `json` is sent as a body of its kind.

    Raises `NotSent`, `Denied` or `Unknown`.
    """
    given = dict(headers or {})
    if json is not None:
        body = _json.dumps(json, separators=(",", ":")).encode()
        given.setdefault("content-type", "application/json")
    request = urllib.request.Request(url, data=body, headers=given, method=method)
    try:
        with _opener.open(request, timeout=timeout) as answer:
            received = answer.read(max_bytes + 1)
            if len(received) > max_bytes:
                raise TooLarge(max_bytes)
            names: dict[str, str] = {}
            for name, value in answer.headers.items():
                names.setdefault(name.lower(), value)
            return Response(answer.status, names, received)
    except Failure:
        raise
    except urllib.error.URLError as error:
        # Natively, in tests: these happen before anything is sent.
        if isinstance(error.reason, (ConnectionRefusedError, socket.gaierror)):
            raise NotSent(str(error.reason)) from error
        raise Unknown(str(error.reason)) from error
    except OSError as error:
        raise Unknown(str(error)) from error


use(urllib.request.HTTPHandler(), *([urllib.request.HTTPSHandler()] if hasattr(urllib.request, "HTTPSHandler") else []))
