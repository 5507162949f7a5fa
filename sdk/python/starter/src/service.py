"""The service's requests and answers. What an answer means for a write is decided in `write`; what
a note looks like is `note`'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lockstep_sdk import Error, http

RETRY_MS = 1_000
"""When to come back, where the service does not say."""


@dataclass
class Done:
    note: dict[str, Any] | None


@dataclass
class NotFound:
    pass


@dataclass
class Precondition:
    """It is not at the revision that was asked for."""

    note: dict[str, Any] | None


@dataclass
class Refused:
    code: str
    field: str
    message: str


@dataclass
class Later:
    after_ms: int


@dataclass
class Unreached:
    why: str


@dataclass
class Unanswered:
    """The request left, and no answer came."""

    why: str


Answer = Done | NotFound | Precondition | Refused | Later | Unreached | Unanswered


class Service:
    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def status(self) -> None:
        self._ask("/status")

    def notes(self, after: str, limit: int) -> tuple[list[dict[str, Any]], str]:
        """A page of notes, and where the next begins: empty after the last."""
        listed = self._ask(f"/notes?after={_escaped(after)}&limit={limit}")
        return listed["notes"], listed["next"] or ""

    def note(self, identity: str) -> dict[str, Any] | None:
        try:
            return self._ask(f"/notes/{_escaped(identity)}")
        except Error as error:
            if error.code == "not-found":
                return None
            raise

    def last_change(self) -> int:
        return self._ask("/changes")["last"]

    def changes(self, after: int, limit: int, wait_ms: int) -> tuple[list[dict[str, Any]], int]:
        """Changes after that number, and the number of the last there is."""
        path = f"/changes?after={after}&limit={limit}&wait_ms={wait_ms}"
        listed = self._ask(path, http.TIMEOUT_SECONDS + wait_ms / 1000)
        return listed["changes"], listed["last"]

    def create(self, identity: str, fields: dict[str, Any]) -> Answer:
        return self._send("PUT", identity, None, fields)

    def update(self, identity: str, revision: int, fields: dict[str, Any]) -> Answer:
        return self._send("PATCH", identity, revision, fields)

    def delete(self, identity: str, revision: int) -> Answer:
        return self._send("DELETE", identity, revision, None)

    def _ask(self, path: str, timeout: float = http.TIMEOUT_SECONDS) -> Any:
        """A request that changes nothing: whatever keeps it from being answered passes."""
        try:
            answer = http.send("GET", self._base_url + path, timeout=timeout)
        except http.Denied as failure:
            raise Error.denied(str(failure.reason)) from None
        except http.Failure as failure:
            raise Error.unavailable(str(failure.reason)) from None
        if answer.status in range(200, 300):
            return _body(answer)
        words = _words(answer)
        if answer.status in (401, 403):
            raise Error.auth(words)
        if answer.status == 404:
            raise Error.not_found(words)
        if answer.status == 410:
            raise Error.cursor_invalid(words)
        if answer.status == 429:
            raise Error.throttled(words, answer.retry_after_ms(RETRY_MS))
        raise Error.unavailable(words) if answer.status >= 500 else Error.internal(words)

    def _send(self, method: str, identity: str, revision: int | None, fields: dict[str, Any] | None) -> Answer:
        headers = {} if revision is None else {"if-match": f'"{revision}"'}
        url = f"{self._base_url}/notes/{_escaped(identity)}"
        try:
            answer = http.send(method, url, headers=headers, json=fields)
        except http.Denied as failure:
            raise Error.denied(str(failure.reason)) from None
        except http.NotSent as failure:
            return Unreached(str(failure.reason))
        except http.Failure as failure:
            return Unanswered(str(failure.reason))
        words = _words(answer)
        if answer.status in range(200, 300):
            return Done(None if answer.status == 204 else _body(answer))
        if answer.status in (401, 403):
            raise Error.auth(words)
        if answer.status == 404:
            return NotFound()
        if answer.status == 412:
            return Precondition(_told(answer).get("note"))
        if answer.status == 429:
            return Later(answer.retry_after_ms(RETRY_MS))
        if answer.status >= 500:
            # It may have been done all the same.
            return Unanswered(words)
        told = _told(answer)
        return Refused(str(told.get("code", "")), str(told.get("field", "")), words)


def _body(answer: http.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise Error.internal("an answer that was not understood") from None


def _told(answer: http.Response) -> dict[str, Any]:
    """What a refusal says; nothing where it says it in another way."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _words(answer: http.Response) -> str:
    """What the service says went wrong."""
    return f"the service answered {answer.status}: {_told(answer).get('message', 'no words')}"


def _escaped(text: str) -> str:
    """One part of a path or query: it cannot leave its place."""
    return quote(text, safe="")
