//! What the connector needs from outside itself: byte streams, secrets used on
//! its behalf, clocks and randomness. Two kinds exist: the sandboxed component
//! (host imports) and the native one of the integration tests (real sockets).

/// Why a stream operation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The peer closed the connection or it broke.
    #[error("connection closed: {0}")]
    Closed(String),
    /// Nothing could be opened or negotiated.
    #[error("{0}")]
    Failed(String),
}

/// How long a read may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Only what has already arrived.
    None,
    /// At most this many milliseconds.
    Millis(u64),
}

/// An open, ordered, reliable byte stream.
pub trait Stream {
    /// Append what has arrived to `into`, waiting as told for the first byte.
    /// `Ok(0)` means that nothing came in time.
    fn read(&mut self, into: &mut Vec<u8>, wait: Wait) -> Result<usize, StreamError>;

    /// Send everything.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError>;

    /// `tls-server-end-point` data (RFC 5929) of an encrypted stream.
    fn channel_binding(&self) -> Option<Vec<u8>> {
        None
    }

    /// For [`Platform::start_tls`], which needs its own kind of stream back.
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any>;
}

/// How far a TLS peer is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    None,
    Ca,
    Full,
}

/// The proof of a SCRAM exchange, worked out where the password lives.
pub struct ScramProof {
    pub client_proof: Vec<u8>,
    pub server_signature: Vec<u8>,
}

/// The world outside.
pub trait Platform {
    fn connect(&self, host: &str, port: u16, timeout_ms: u64) -> Result<Box<dyn Stream>, StreamError>;

    /// Encrypt an open stream.
    fn start_tls(
        &self,
        stream: Box<dyn Stream>,
        server_name: &str,
        verify: Verify,
    ) -> Result<Box<dyn Stream>, StreamError>;

    fn scram_sha_256(
        &self,
        secret: &str,
        salt: &[u8],
        iterations: u32,
        auth_message: &str,
    ) -> Result<ScramProof, String>;

    fn postgres_md5(&self, secret: &str, user: &str, salt: &[u8]) -> Result<String, String>;

    /// `length` unpredictable bytes.
    fn random(&self, length: usize) -> Vec<u8>;

    /// Milliseconds of a clock that never goes back.
    fn monotonic_ms(&self) -> u64;

    /// Microseconds since 1970 by the wall clock.
    fn wall_us(&self) -> i64;

    fn log(&self, level: &str, message: &str);
}
