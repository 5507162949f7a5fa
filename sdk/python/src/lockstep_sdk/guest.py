"""The face a component shows the host: one component instance is one session. Only in the
sandbox; imported by the module that is built and by nothing else."""

from __future__ import annotations

import importlib
import json
import logging
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any

from componentize_py_types import Err
from wit_world.imports import credentials
from wit_world.imports import host as imported
from wit_world.imports import model as generated

from . import host, http, model
from .connector import Connector, Role
from .errors import Error
from .transport import HostHandler
from .wire import lift, lower

TRACE_LINES_MAX = 20
"""Lines of a traceback that go to the log."""

ALSO_IMPORTED = [
    "_strptime",
    *(f"encodings.{name}" for name in ("ascii", "cp1252", "idna", "latin_1", "utf_16", "utf_8", "utf_8_sig")),
]
"""What Python imports only when it is first used. There are no files to import from then: add what
else a connector needs of that kind to an `import` of its own."""

_LEVELS = [(logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"), (logging.DEBUG, "debug")]


class _HostLog(logging.Handler):
    """`logging` to the host's log, which is bounded: say little, name things, never values."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for least, name in _LEVELS if record.levelno >= least), "trace")
        imported.log(level, self.format(record))


class _SandboxedHost(host.Host):
    def progress(self, what: str, done: int, total: int | None = None) -> None:
        imported.progress(what, done, total)

    def rate_limit(
        self,
        name: str,
        used: int | None = None,
        limit: int | None = None,
        resets_in_ms: int | None = None,
    ) -> None:
        imported.rate_limit(name, used, limit, resets_in_ms)

    def scram_sha_256(self, secret: str, salt: bytes, iterations: int, auth_message: str) -> host.ScramProof:
        request = credentials.ScramRequest(secret, salt, iterations, auth_message)
        answer = _use(Error.config, credentials.scram_sha_256, request)
        return host.ScramProof(answer.client_proof, answer.server_signature)

    def hmac_sha256(self, secret: str, message: bytes) -> bytes:
        return _use(Error.config, credentials.hmac_sha256, secret, message)

    def sign_rs256(self, secret: str, message: bytes) -> bytes:
        return _use(Error.config, credentials.sign_rs256, secret, message)

    def sign_in(self, anew: bool = False) -> dict[str, str]:
        return {answer.name: answer.value for answer in _use(Error.auth, credentials.sign_in, anew)}


def _use(error: Callable[[str], Error], operation: Callable[..., Any], *given: Any) -> Any:
    try:
        return operation(*given)
    except Err as refused:
        raise error(refused.value) from refused


def _answer(call: Callable[..., Any], *given: Any) -> Any:
    """What a call gives, in the contract's types; errors, too."""
    try:
        return lower(call(*given))
    except Error as error:
        told = generated.Error(error.code, error.message, error.remedy, error.retry_after_ms, [])
        raise Err(told) from None
    except Exception as error:  # noqa: BLE001  (a defect costs the call, and not the session)
        for line in traceback.format_exc().splitlines()[-TRACE_LINES_MAX:]:
            imported.log("error", line)
        words = f"the connector failed: {type(error).__name__}: {error}"
        raise Err(generated.Error("internal", words, "Its log says where.", None, [])) from None


def _opened(made: type[Connector], role: str, config: str) -> Connector:
    try:
        known = Role(role)
    except ValueError:
        raise Error.config(f"no such role: {role}") from None
    try:
        parsed = json.loads(config)
    except ValueError as error:
        raise Error.config(f"the configuration is no JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise Error.config("the configuration is no object")
    return made(known, parsed)


def _call(name: str, *kinds: type) -> Callable[..., Any]:
    """A call of an open session. `kinds`: what its parameter is made of."""

    def lifted(value: Any) -> Any:
        if not kinds:
            return value
        return [lift(kinds[0], item) for item in value] if isinstance(value, list) else lift(kinds[0], value)

    def called(self: Any, *given: Any) -> Any:
        session = type(self).session
        if session is None:
            raise Err(generated.Error("internal", "the session is not open", "", None, []))
        return _answer(lambda: getattr(session, name)(*map(lifted, given)))

    return called


def export(made: type[Connector]) -> type:
    """What the component exports, of a connector's class."""

    class Exported:
        session: Connector | None = None

        def spec(self) -> Any:
            return lower(made.spec())

        def open(self, role: str, config: str) -> None:
            if Exported.session is not None:
                raise Err(generated.Error("internal", "this session is open already", "", None, []))

            def begin() -> None:
                Exported.session = _opened(made, role, config)

            _answer(begin)

        check = _call("check")
        discover = _call("discover")
        start = _call("start", model.Selection)
        release = _call("release")
        read = _call("read", model.PageRequest)
        changes = _call("changes", model.ChangesRequest)
        fetch = _call("fetch", model.FetchRequest)
        write = _call("write", model.WriteRequest)
        ensure = _call("ensure", model.EnsureRequest)
        ingest = _call("ingest", model.Webhook)

    return Exported


def _settle_in() -> None:
    """Once, while the component is built: its memory as it is then is where each instance begins."""
    for name in ALSO_IMPORTED:
        importlib.import_module(name)
    host.current = _SandboxedHost()
    http.use(HostHandler())
    opener = urllib.request.OpenerDirector()
    for handler in (HostHandler(), urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor()):
        opener.add_handler(handler)
    urllib.request.install_opener(opener)
    root = logging.getLogger()
    root.handlers = [_HostLog()]
    root.setLevel(logging.DEBUG)


_settle_in()
