"""A file from its server, asked for only when it may have changed since."""

from __future__ import annotations

import email.utils
from dataclasses import dataclass

from lockstep_sdk import Error, http
from settings import File

RETRY_MS = 5_000
"""When to come back, where the server does not say."""

SETTLED_SECONDS = 5
"""A date counts seconds, and some servers make an ETag of it: one that names the present could
name two contents. Only what has not changed for so long is asked for by what it is called."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server calls a content, to ask whether it is still that one."""

    etag: str = ""
    modified: str = ""

    def headers(self) -> dict[str, str]:
        if self.etag:
            return {"if-none-match": self.etag}
        return {"if-modified-since": self.modified} if self.modified else {}

    def __bool__(self) -> bool:
        return bool(self.etag or self.modified)


@dataclass(frozen=True, slots=True)
class Download:
    content: bytes
    validators: Validators


def get(file: File, known: Validators) -> Download | None:
    """The whole file; `None` where it still is what is known."""
    try:
        answer = http.send("GET", file.url, headers=known.headers(), max_bytes=file.bytes_max)
    except http.Denied as failure:
        raise Error.denied(f"{file.name}: {failure.reason}") from None
    except http.TooLarge as failure:
        raise Error.config(f"{file.name}: {failure.reason}", "Raise `file_bytes_max`, or split the file.") from None
    except http.Failure as failure:
        raise _unavailable(file, str(failure.reason)) from None
    if answer.status == 304 and known:
        return None
    if answer.status == 200:
        return Download(answer.body, _validators(answer))
    words = f"the server answered {answer.status}"
    if answer.status in (401, 403):
        raise Error.auth(f"{file.name}: {words}", "Look at the connection's secrets and `auth`.")
    if answer.status == 429:
        raise Error.throttled(f"{file.name}: {words}", answer.retry_after_ms(RETRY_MS))
    # Also where it is not there: a file that is being replaced has deleted nothing.
    raise _unavailable(file, words)


def _unavailable(file: File, why: str) -> Error:
    error = Error.unavailable(f"{file.name}: {why}")
    error.remedy = f"Look at `base_url` and `objects.{file.name}.path`."
    return error


def _validators(answer: http.Response) -> Validators:
    told = Validators(answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))
    modified, now = _seconds(told.modified), _seconds(answer.headers.get("date", ""))
    if modified is None:
        return Validators(told.etag)
    if now is None or now - modified < SETTLED_SECONDS:
        return Validators()
    return told


def _seconds(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, IndexError):
        return None
