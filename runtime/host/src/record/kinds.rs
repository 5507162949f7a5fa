//! Errors of sockets and streams by their names, and back.

use std::io::{self, ErrorKind};

use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi_io::streams::StreamError;

use super::event::Broken;

/// What a stream can break with.
const KINDS: [ErrorKind; 14] = [
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::NetworkDown,
    ErrorKind::NotConnected,
    ErrorKind::BrokenPipe,
    ErrorKind::TimedOut,
    ErrorKind::UnexpectedEof,
    ErrorKind::InvalidData,
    ErrorKind::InvalidInput,
    ErrorKind::Interrupted,
    ErrorKind::Other,
];

const CODES: [ErrorCode; 21] = [
    ErrorCode::Unknown,
    ErrorCode::AccessDenied,
    ErrorCode::NotSupported,
    ErrorCode::InvalidArgument,
    ErrorCode::OutOfMemory,
    ErrorCode::Timeout,
    ErrorCode::ConcurrencyConflict,
    ErrorCode::NotInProgress,
    ErrorCode::WouldBlock,
    ErrorCode::InvalidState,
    ErrorCode::NewSocketLimit,
    ErrorCode::AddressNotBindable,
    ErrorCode::AddressInUse,
    ErrorCode::RemoteUnreachable,
    ErrorCode::ConnectionRefused,
    ErrorCode::ConnectionReset,
    ErrorCode::ConnectionAborted,
    ErrorCode::DatagramTooLarge,
    ErrorCode::NameUnresolvable,
    ErrorCode::TemporaryResolverFailure,
    ErrorCode::PermanentResolverFailure,
];

pub(crate) fn code(name: &str) -> ErrorCode {
    CODES.into_iter().find(|code| code.name() == name).unwrap_or(ErrorCode::Unknown)
}

pub(crate) fn broken(kind: ErrorKind, words: &str) -> Broken {
    Broken { kind: format!("{kind:?}"), words: words.to_owned() }
}

pub(crate) fn stream_error(broken: Option<&Broken>) -> StreamError {
    match broken {
        None => StreamError::Closed,
        Some(Broken { kind, words }) => {
            let kind = KINDS.into_iter().find(|known| format!("{known:?}") == *kind).unwrap_or(ErrorKind::Other);
            StreamError::LastOperationFailed(io::Error::new(kind, words.clone()).into())
        }
    }
}
