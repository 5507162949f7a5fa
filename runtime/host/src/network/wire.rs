//! One connection's bytes, plain or encrypted, behind WASI's two streams.
//!
//! Both streams share the connection; whoever touches it also moves along what
//! waits to be sent, so that nothing depends on the guest flushing.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_io::{
    poll::Pollable,
    streams::{InputStream, OutputStream, StreamError, StreamResult},
};

use crate::{
    metrics::{Counters, add},
    record::{
        Tape,
        event::{self, Event, Way},
        kinds,
    },
};

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// Bytes that may wait to be sent.
const WAITING_BYTES_MAX: usize = 256 * 1024;

pub(crate) enum Transport {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
    /// Taken away for an upgrade, or shut down.
    Gone,
}

pub(crate) struct Wire {
    transport: Transport,
    /// Read and not yet taken by the guest.
    ahead: BytesMut,
    /// Given by the guest and not yet sent.
    waiting: BytesMut,
    read_end: Option<End>,
    write_end: Option<End>,
    needs_flush: bool,
    counters: Arc<Counters>,
    /// Where its bytes are recorded, or come from, and the number it has there.
    tape: Tape,
    pub(crate) number: u32,
}

/// How a direction ended.
#[derive(Clone, Debug)]
enum End {
    Closed,
    Broken(io::ErrorKind, String),
}

impl End {
    fn of(error: &io::Error) -> Self {
        End::Broken(error.kind(), error.to_string())
    }

    fn broken(&self) -> Option<event::Broken> {
        match self {
            End::Closed => None,
            End::Broken(kind, reason) => Some(kinds::broken(*kind, reason)),
        }
    }

    fn report(&self) -> StreamError {
        match self {
            End::Closed => StreamError::Closed,
            End::Broken(kind, reason) => StreamError::LastOperationFailed(io::Error::new(*kind, reason.clone()).into()),
        }
    }
}

impl Wire {
    pub(crate) fn new(transport: Transport, counters: Arc<Counters>, tape: Tape) -> Self {
        let number = tape.track().map_or(0, |track| track.wire());
        Wire {
            transport,
            ahead: BytesMut::new(),
            waiting: BytesMut::new(),
            read_end: None,
            write_end: None,
            needs_flush: false,
            counters,
            tape,
            number,
        }
    }

    /// One whose bytes come from a recording.
    pub(crate) fn played(number: u32, counters: Arc<Counters>, tape: Tape) -> Self {
        Wire { number, ..Wire::new(Transport::Gone, counters, tape) }
    }

    /// Take the plain connection out, to encrypt it. `None` when bytes wait in
    /// either direction or it is no plain one.
    pub(crate) fn take_plain(&mut self) -> Option<TcpStream> {
        if !self.ahead.is_empty() || !self.waiting.is_empty() {
            return None;
        }
        match std::mem::replace(&mut self.transport, Transport::Gone) {
            Transport::Plain(stream) => Some(stream),
            other => {
                self.transport = other;
                None
            }
        }
    }

    /// The socket itself, while it is a plain connection.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match &self.transport {
            Transport::Plain(stream) => Some(stream),
            Transport::Encrypted(stream) => Some(stream.get_ref().0),
            Transport::Gone => None,
        }
    }

    pub(crate) fn close(&mut self) {
        self.transport = Transport::Gone;
        self.read_end.get_or_insert(End::Closed);
        self.write_end.get_or_insert(End::Closed);
    }

    /// Send as much as goes.
    pub(crate) fn drive(&mut self, context: &mut Context<'_>) {
        while !self.waiting.is_empty() {
            let sent = match &mut self.transport {
                Transport::Plain(stream) => Pin::new(stream).poll_write(context, &self.waiting),
                Transport::Encrypted(stream) => Pin::new(stream).poll_write(context, &self.waiting),
                Transport::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            };
            match sent {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.end_writing(End::Closed),
                Poll::Ready(Ok(count)) => {
                    self.waiting.advance(count);
                    self.needs_flush = matches!(self.transport, Transport::Encrypted(_));
                    add(&self.counters.bytes_sent, count as u64);
                }
                Poll::Ready(Err(error)) => return self.end_writing(End::of(&error)),
            }
        }
        if let (true, Transport::Encrypted(stream)) = (self.needs_flush, &mut self.transport) {
            match Pin::new(stream).poll_flush(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(error)) => self.end_writing(End::of(&error)),
            }
        }
    }

    fn end_writing(&mut self, end: End) {
        self.waiting.clear();
        self.needs_flush = false;
        self.write_end.get_or_insert(end);
    }

    /// Read more, when nothing is ahead. Ready once there is something to tell.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.drive(context);
        if !self.ahead.is_empty() || self.read_end.is_some() {
            return Poll::Ready(());
        }
        self.ahead.resize(READ_BYTES, 0);
        let mut buffer = ReadBuf::new(&mut self.ahead);
        let read = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Transport::Encrypted(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Transport::Gone => Poll::Ready(Ok(())),
        };
        let count = buffer.filled().len();
        self.ahead.truncate(if read.is_ready() { count } else { 0 });
        match read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) if count == 0 => self.read_end = Some(End::Closed),
            Poll::Ready(Ok(())) => add(&self.counters.bytes_received, count as u64),
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.read_end = Some(End::Closed);
            }
            Poll::Ready(Err(error)) => self.read_end = Some(End::of(&error)),
        }
        Poll::Ready(())
    }
}

/// The readable side of a connection.
pub(crate) struct WireInput(pub(crate) Arc<Mutex<Wire>>);

/// The writable side of a connection.
pub(crate) struct WireOutput(pub(crate) Arc<Mutex<Wire>>);

#[async_trait::async_trait]
impl Pollable for WireInput {
    async fn ready(&mut self) {
        if self.0.lock().tape.player().is_none() {
            std::future::poll_fn(|context| self.0.lock().fill(context)).await;
        }
    }
}

impl InputStream for WireInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut wire = self.0.lock();
        let number = wire.number;
        if let Some(player) = wire.tape.player() {
            return player.received(number, size);
        }
        let pending = wire.fill(&mut Context::from_waker(Waker::noop())).is_pending();
        if !wire.ahead.is_empty() {
            let count = wire.ahead.len().min(size);
            let bytes = wire.ahead.split_to(count).freeze();
            if let Some(track) = wire.tape.track() {
                track.note(Event::Received { wire: number, bytes: track.body(&bytes) });
            }
            return Ok(bytes);
        }
        match &wire.read_end {
            Some(end) if !pending => {
                wire.tape.note(|| Event::Ended { wire: number, way: Way::In, broken: end.broken() });
                Err(end.report())
            }
            _ => {
                wire.tape.note(|| Event::Nothing { wire: number });
                Ok(Bytes::new())
            }
        }
    }
}

#[async_trait::async_trait]
impl Pollable for WireOutput {
    async fn ready(&mut self) {
        if self.0.lock().tape.player().is_some() {
            return;
        }
        std::future::poll_fn(|context| {
            let mut wire = self.0.lock();
            wire.drive(context);
            if wire.write_end.is_some() || wire.waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl OutputStream for WireOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut wire = self.0.lock();
        let number = wire.number;
        if let Some(player) = wire.tape.player() {
            return player.sent(number, &bytes);
        }
        if let Some(end) = &wire.write_end {
            wire.tape.note(|| Event::Ended { wire: number, way: Way::Out, broken: end.broken() });
            return Err(end.report());
        }
        if bytes.len() > WAITING_BYTES_MAX.saturating_sub(wire.waiting.len()) {
            return Err(StreamError::trap("wrote more than check-write allowed"));
        }
        if let Some(track) = wire.tape.track() {
            track.note(Event::Sent { wire: number, bytes: track.body(&bytes) });
        }
        wire.waiting.extend_from_slice(&bytes);
        wire.drive(&mut Context::from_waker(Waker::noop()));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let mut wire = self.0.lock();
        let number = wire.number;
        if let Some(player) = wire.tape.player() {
            return player.room(number, WAITING_BYTES_MAX);
        }
        wire.drive(&mut Context::from_waker(Waker::noop()));
        match &wire.write_end {
            Some(end) => {
                wire.tape.note(|| Event::Ended { wire: number, way: Way::Out, broken: end.broken() });
                Err(end.report())
            }
            None if wire.waiting.is_empty() => Ok(WAITING_BYTES_MAX),
            None => {
                wire.tape.note(|| Event::Full { wire: number });
                Ok(0)
            }
        }
    }
}
