"""Requests over `wasi:http`, as a handler of `urllib.request`. Only in the sandbox. The host takes
the whole body over, decompresses answers, and bounds everything; what it refuses comes back with
the words for the operator."""

from __future__ import annotations

import email.message
import io
import urllib.request
import urllib.response
from typing import Any

from componentize_py_types import Err
from wit_world.imports import outgoing_handler, streams
from wit_world.imports import types as wasi

from .http import RESPONSE_BYTES_MAX, TIMEOUT_SECONDS, Denied, Failure, NotSent, TooLarge, Unknown

READ_BYTES = 256 * 1024
"""Bytes asked of the host at a time."""

_METHODS = {
    "GET": wasi.Method_Get,
    "HEAD": wasi.Method_Head,
    "POST": wasi.Method_Post,
    "PUT": wasi.Method_Put,
    "DELETE": wasi.Method_Delete,
    "OPTIONS": wasi.Method_Options,
    "PATCH": wasi.Method_Patch,
}

_NOT_SENT: dict[type, str] = {
    wasi.ErrorCode_DnsTimeout: "looking the host up took too long",
    wasi.ErrorCode_DnsError: "the host cannot be looked up",
    wasi.ErrorCode_DestinationNotFound: "the host has no address",
    wasi.ErrorCode_DestinationUnavailable: "the host cannot be reached",
    wasi.ErrorCode_DestinationIpUnroutable: "the host cannot be reached",
    wasi.ErrorCode_ConnectionRefused: "the host refuses connections",
    wasi.ErrorCode_ConnectionTimeout: "connecting took too long",
    wasi.ErrorCode_ConnectionLimitReached: "too many requests at a time",
    wasi.ErrorCode_TlsProtocolError: "the encryption could not be agreed on",
    wasi.ErrorCode_TlsCertificateError: "the host's certificate is not trusted",
    wasi.ErrorCode_TlsAlertReceived: "the host ended the encryption",
    wasi.ErrorCode_HttpRequestLengthRequired: "the request is malformed or too large",
    wasi.ErrorCode_HttpRequestBodySize: "the request's body is too large",
    wasi.ErrorCode_HttpRequestMethodInvalid: "no such method",
    wasi.ErrorCode_HttpRequestUriInvalid: "this is no address",
    wasi.ErrorCode_HttpRequestUriTooLong: "the address is too long",
    wasi.ErrorCode_HttpRequestHeaderSectionSize: "the request's head is too large",
    wasi.ErrorCode_HttpRequestHeaderSize: "a header of the request is too large",
    wasi.ErrorCode_ConfigurationError: "the request is malformed",
}
"""What certainly happened before anything was sent; all else counts as unknown."""


def failure(code: Any) -> Failure:
    """What kept an answer from arriving."""
    if isinstance(code, wasi.ErrorCode_InternalError) and code.value is not None:
        kind, _, why = code.value.partition(": ")
        if kind == "denied":
            return Denied(why)
        return NotSent(why) if kind == "not sent" else Unknown(code.value)
    if isinstance(code, (wasi.ErrorCode_HttpRequestDenied, wasi.ErrorCode_DestinationIpProhibited)):
        return Denied("it is not granted to this connector")
    if type(code) in _NOT_SENT:
        return NotSent(_NOT_SENT[type(code)])
    return Unknown(type(code).__name__.removeprefix("ErrorCode_"))


class HostHandler(urllib.request.BaseHandler):
    """Takes the place of the handlers that open sockets."""

    def http_open(self, request: urllib.request.Request) -> Any:
        return _exchange(request)

    https_open = http_open


def _exchange(request: urllib.request.Request) -> Any:
    body = request.data or b""
    if not isinstance(body, bytes):
        raise NotSent("a body is bytes here")
    with _hand_over(request, body) as future:
        with future.subscribe() as ready:
            ready.block()
        answered = future.get()
        if answered is None or isinstance(answered, Err):
            raise Unknown("no answer arrived")
        if isinstance(answered.value, Err):
            raise failure(answered.value.value)
        with answered.value.value as incoming:
            return _read(request, incoming)


def _hand_over(request: urllib.request.Request, body: bytes) -> Any:
    """Give the request to the host's memory: this waits for nobody else."""
    timeout = getattr(request, "timeout", None)
    seconds = timeout if isinstance(timeout, (int, float)) else TIMEOUT_SECONDS
    try:
        outgoing = _head(request)
        into = outgoing.body() if body else None
        future = outgoing_handler.handle(outgoing, _options(seconds))
    except Err as error:
        if isinstance(error.value, wasi.HeaderError_Forbidden):
            raise NotSent("a header is set that only the host may set") from error
        if error.value is None or isinstance(error.value, wasi.HeaderError_InvalidSyntax):
            raise NotSent("the request is malformed") from error
        raise failure(error.value) from error
    if into is not None:
        _write(into, body)
    return future


def _head(request: urllib.request.Request) -> Any:
    headers = [(name.lower(), value.encode("latin-1")) for name, value in request.header_items()]
    outgoing = wasi.OutgoingRequest(wasi.Fields.from_list(headers))
    method = _METHODS.get(request.get_method())
    outgoing.set_method(method() if method else wasi.Method_Other(request.get_method()))
    outgoing.set_scheme(wasi.Scheme_Https() if request.type == "https" else wasi.Scheme_Http())
    if not request.host or "@" in request.host:
        raise NotSent("this is no address")
    outgoing.set_authority(request.host)
    outgoing.set_path_with_query(request.selector or "/")
    return outgoing


def _options(seconds: float) -> Any:
    nanoseconds = int(seconds * 1_000_000_000)
    options = wasi.RequestOptions()
    options.set_connect_timeout(nanoseconds)
    options.set_first_byte_timeout(nanoseconds)
    options.set_between_bytes_timeout(nanoseconds)
    return options


def _write(into: Any, body: bytes) -> None:
    written = 0
    try:
        with into.write() as stream:
            while written < len(body):
                room = stream.check_write()
                if room == 0:
                    with stream.subscribe() as writable:
                        writable.block()
                    continue
                part = body[written : written + min(room, READ_BYTES)]
                stream.write(part)
                written += len(part)
        wasi.OutgoingBody.finish(into, None)
    except Err:
        # The host has stopped listening: why, the answer tells.
        pass


def _read(request: urllib.request.Request, incoming: Any) -> Any:
    """The whole answer, as urllib shows one."""
    headers = email.message.Message()
    with incoming.headers() as fields:
        for name, value in fields.entries():
            headers[name] = value.decode("latin-1")
    body = bytearray()
    with incoming.consume() as content, content.stream() as stream:
        while True:
            try:
                part = stream.read(READ_BYTES)
                if not part:
                    with stream.subscribe() as ready:
                        ready.block()
                    continue
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    break
                raise Unknown("the answer broke off") from error
            body += part
            if len(body) > RESPONSE_BYTES_MAX:
                raise TooLarge(RESPONSE_BYTES_MAX)
    answer = urllib.response.addinfourl(io.BytesIO(bytes(body)), headers, request.full_url, incoming.status())
    answer.msg = ""
    return answer
