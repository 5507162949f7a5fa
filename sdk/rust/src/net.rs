//! Blocking TCP with timeouts over WASI sockets, and TLS done by the host.
//!
//! Only what the operator granted can be reached; anything else fails with
//! `PermissionDenied`, and the host says which line would grant it.

use std::{
    io::{self, BufRead, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use crate::{
    bindings::{
        lockstep::connector0_1_0::tls,
        wasi::{
            clocks::monotonic_clock,
            io::{
                poll::{self, Pollable},
                streams::{InputStream, OutputStream, StreamError},
            },
            sockets::{
                instance_network, ip_name_lookup,
                network::{
                    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
                },
                tcp::TcpSocket,
                tcp_create_socket,
            },
        },
    },
    clock::{Instant, nanoseconds},
};

/// Bytes asked of the host at a time.
const READ_BYTES: u64 = 64 * 1024;

/// How the host verifies the server of a TLS upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Encrypt only.
    None,
    /// The issuer must be trusted.
    Ca,
    /// The issuer must be trusted and the name must match.
    Full,
}

impl Verify {
    fn code(self) -> &'static str {
        match self {
            Verify::None => "none",
            Verify::Ca => "ca",
            Verify::Full => "full",
        }
    }
}

/// A connected stream, plain or encrypted, with a read-ahead buffer.
///
/// Writes are handed to the host at once, so `flush` has nothing to do.
pub struct TcpStream {
    // Dropped top down: a pollable before its stream, streams before the socket.
    readable: Pollable,
    writable: Pollable,
    input: InputStream,
    output: OutputStream,
    tls: Option<tls::Connection>,
    socket: TcpSocket,
    ahead: Vec<u8>,
    taken: usize,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

/// The addresses of a granted name, or the address itself for a literal one.
///
/// # Errors
/// `PermissionDenied` where the name is not granted, `TimedOut`, or that the
/// name has no address.
pub fn resolve(name: &str, timeout: Duration) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return Ok(vec![address]);
    }
    let deadline = Instant::now().after(timeout);
    let network = instance_network::instance_network();
    let failed = |code| io_error(code, &format!("looking up {name}"));
    let stream = ip_name_lookup::resolve_addresses(&network, name).map_err(failed)?;
    let ready = stream.subscribe();
    let mut addresses = Vec::new();
    loop {
        match stream.resolve_next_address() {
            Ok(Some(address)) => addresses.push(address.into()),
            Ok(None) if addresses.is_empty() => {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("{name} has no address")));
            }
            Ok(None) => return Ok(addresses),
            Err(ErrorCode::WouldBlock) => wait(&ready, Some(deadline))?,
            Err(code) => return Err(failed(code)),
        }
    }
}

impl TcpStream {
    /// Connect to the first address of `host` that answers.
    ///
    /// # Errors
    /// Those of [`resolve`]; `PermissionDenied` where host and port are not
    /// granted; what the last address tried failed with.
    pub fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<Self> {
        let deadline = Instant::now().after(timeout);
        let mut failure = None;
        for address in resolve(host, timeout)? {
            match Self::connect_address(address, port, deadline) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::Error::from(io::ErrorKind::NotFound)))
    }

    fn connect_address(address: IpAddr, port: u16, deadline: Instant) -> io::Result<Self> {
        let failed = |code| io_error(code, &format!("connecting to {address} port {port}"));
        let (family, remote) = match address {
            IpAddr::V4(v4) => {
                (IpAddressFamily::Ipv4, IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: v4.octets().into() }))
            }
            IpAddr::V6(v6) => (
                IpAddressFamily::Ipv6,
                IpSocketAddress::Ipv6(Ipv6SocketAddress {
                    port,
                    flow_info: 0,
                    address: v6.segments().into(),
                    scope_id: 0,
                }),
            ),
        };
        let socket = tcp_create_socket::create_tcp_socket(family).map_err(failed)?;
        let network = instance_network::instance_network();
        socket.start_connect(&network, remote).map_err(failed)?;
        let (input, output) = {
            let ready = socket.subscribe();
            loop {
                match socket.finish_connect() {
                    Ok(streams) => break streams,
                    Err(ErrorCode::WouldBlock) => wait(&ready, Some(deadline))?,
                    Err(code) => return Err(failed(code)),
                }
            }
        };
        let _ = socket.set_keep_alive_enabled(true);
        Ok(Self {
            readable: input.subscribe(),
            writable: output.subscribe(),
            input,
            output,
            tls: None,
            socket,
            ahead: Vec::new(),
            taken: 0,
            read_timeout: None,
            write_timeout: None,
        })
    }

    /// Encrypt from here on. The host does the handshake and decides on roots
    /// and protocol versions.
    ///
    /// # Errors
    /// `InvalidData` when plain bytes were received that nobody read (somebody
    /// in between may have put them there), else what the handshake failed with.
    pub fn upgrade_tls(self, server_name: &str, verify: Verify) -> io::Result<Self> {
        let Self { readable, writable, input, output, tls: _, socket, ahead, taken, read_timeout, write_timeout } =
            self;
        drop((readable, writable));
        if taken < ahead.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "unencrypted bytes arrived after TLS was agreed on",
            ));
        }
        let connection = tls::upgrade(server_name, verify.code(), input, output)
            .map_err(|reason| io::Error::other(format!("TLS with {server_name}: {reason}")))?;
        let (input, output) = (connection.input(), connection.output());
        Ok(Self {
            readable: input.subscribe(),
            writable: output.subscribe(),
            input,
            output,
            tls: Some(connection),
            socket,
            ahead: Vec::new(),
            taken: 0,
            read_timeout,
            write_timeout,
        })
    }

    /// `tls-server-end-point` channel binding data (RFC 5929), when encrypted.
    #[must_use]
    pub fn channel_binding(&self) -> Option<Vec<u8>> {
        self.tls.as_ref().and_then(tls::Connection::channel_binding)
    }

    /// Whether TLS is on.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// How long a read may wait; `None` waits as long as the call may take.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// How long a write may wait.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = timeout;
    }

    /// The socket underneath, for tuning keep-alive and buffer sizes.
    #[must_use]
    pub fn socket(&self) -> &TcpSocket {
        &self.socket
    }

    /// Bytes read ahead and not yet taken.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        self.ahead.get(self.taken..).unwrap_or_default()
    }

    /// Wait until something can be read or the other end closed; `false` when
    /// nothing came in time. A zero timeout only looks.
    ///
    /// # Errors
    /// Whatever the stream broke with.
    pub fn wait_readable(&mut self, timeout: Duration) -> io::Result<bool> {
        if !self.buffered().is_empty() || self.readable.ready() {
            return Ok(true);
        }
        if timeout.is_zero() {
            return Ok(false);
        }
        match wait(&self.readable, Some(Instant::now().after(timeout))) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Take what has arrived without waiting; 0 when nothing has.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other end closed, else what the stream broke with.
    pub fn read_available(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let before = into.len();
        into.extend_from_slice(self.buffered());
        self.ahead.clear();
        self.taken = 0;
        match self.input.read(READ_BYTES) {
            Ok(bytes) => into.extend_from_slice(&bytes),
            Err(StreamError::Closed) if into.len() > before => {}
            Err(StreamError::Closed) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => return Err(stream_error(error)),
        }
        Ok(into.len() - before)
    }

    fn fill(&mut self) -> io::Result<()> {
        let deadline = self.read_timeout.map(|timeout| Instant::now().after(timeout));
        loop {
            match self.input.read(READ_BYTES) {
                Ok(bytes) if bytes.is_empty() => wait(&self.readable, deadline)?,
                Ok(bytes) => {
                    self.ahead = bytes;
                    self.taken = 0;
                    return Ok(());
                }
                Err(StreamError::Closed) => {
                    self.ahead.clear();
                    self.taken = 0;
                    return Ok(());
                }
                Err(error) => return Err(stream_error(error)),
            }
        }
    }
}

impl Read for TcpStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let buffered = self.fill_buf()?;
        let count = buffered.len().min(into.len());
        into[..count].copy_from_slice(&buffered[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for TcpStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken >= self.ahead.len() {
            self.fill()?;
        }
        Ok(self.buffered())
    }

    fn consume(&mut self, count: usize) {
        self.taken = self.ahead.len().min(self.taken.saturating_add(count));
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let deadline = self.write_timeout.map(|timeout| Instant::now().after(timeout));
        loop {
            let room = self.output.check_write().map_err(stream_error)?;
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            if count == 0 {
                wait(&self.writable, deadline)?;
                continue;
            }
            self.output.write(&bytes[..count]).map_err(stream_error)?;
            return Ok(count);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Wait for `ready`, until `deadline`.
fn wait(ready: &Pollable, deadline: Option<Instant>) -> io::Result<()> {
    let Some(deadline) = deadline else {
        ready.block();
        return Ok(());
    };
    let left = deadline.remaining();
    let timer = monotonic_clock::subscribe_duration(nanoseconds(left));
    let fired = poll::poll(&[ready, &timer]);
    if fired.contains(&0) { Ok(()) } else { Err(io::Error::from(io::ErrorKind::TimedOut)) }
}

fn stream_error(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::Error::new(io::ErrorKind::ConnectionReset, "the other end closed the connection"),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

fn io_error(code: ErrorCode, doing: &str) -> io::Error {
    let kind = match code {
        ErrorCode::AccessDenied => io::ErrorKind::PermissionDenied,
        ErrorCode::Timeout => io::ErrorKind::TimedOut,
        ErrorCode::ConnectionRefused => io::ErrorKind::ConnectionRefused,
        ErrorCode::ConnectionReset => io::ErrorKind::ConnectionReset,
        ErrorCode::ConnectionAborted => io::ErrorKind::ConnectionAborted,
        ErrorCode::RemoteUnreachable => io::ErrorKind::HostUnreachable,
        ErrorCode::NameUnresolvable => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    let why = match code {
        ErrorCode::AccessDenied => "not granted to this connector",
        _ => code.name(),
    };
    io::Error::new(kind, format!("{doing}: {why}"))
}

impl From<IpAddress> for IpAddr {
    fn from(address: IpAddress) -> Self {
        match address {
            IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
            IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => Ipv6Addr::new(a, b, c, d, e, f, g, h).into(),
        }
    }
}
