"""What a call of a connector fails with: a code the host acts on, words a person can use, and a
remedy."""

from __future__ import annotations


class Error(Exception):
    """Raise it from any call.

    Codes: `retry`, `throttled`, `unavailable` (try again, after `retry_after_ms` where given),
    `auth` (credentials refused), `denied` (a right is missing), `config`, `not-found` (object or
    column does not exist), `cursor-invalid` (the stream no longer reaches back: compare),
    `unsupported`, `internal`.
    """

    def __init__(self, code: str, message: str, remedy: str = "", retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.retry_after_ms = retry_after_ms

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @classmethod
    def retry(cls, message: str) -> Error:
        """Passing: the same call may work in a moment."""
        return cls("retry", message)

    @classmethod
    def throttled(cls, message: str, after_ms: int) -> Error:
        """The system asks for less. `after_ms`: when to come back."""
        return cls("throttled", message, retry_after_ms=after_ms)

    @classmethod
    def unavailable(cls, message: str) -> Error:
        """The system could not be reached."""
        return cls("unavailable", message)

    @classmethod
    def auth(cls, message: str, remedy: str = "") -> Error:
        """Credentials were refused."""
        return cls("auth", message, remedy)

    @classmethod
    def denied(cls, message: str, remedy: str = "") -> Error:
        """A right is missing."""
        return cls("denied", message, remedy)

    @classmethod
    def config(cls, message: str, remedy: str = "") -> Error:
        """The configuration cannot work as it is."""
        return cls("config", message, remedy)

    @classmethod
    def not_found(cls, message: str) -> Error:
        """The object or column does not exist."""
        return cls("not-found", message)

    @classmethod
    def cursor_invalid(cls, message: str) -> Error:
        """The stream no longer reaches back to the cursor."""
        return cls("cursor-invalid", message)

    @classmethod
    def unsupported(cls, what: str, remedy: str = "") -> Error:
        """This connector cannot do `what`."""
        return cls("unsupported", f"this connector does not support {what}", remedy)

    @classmethod
    def internal(cls, message: str) -> Error:
        """A defect in the connector, or an answer it does not understand."""
        return cls("internal", message)
