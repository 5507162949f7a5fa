//! What the connector needs from outside itself: HTTP, one operation on a
//! secret, clocks and a place to report to. Two kinds exist: the sandboxed
//! component (host imports) and the native one of the integration tests.

use lockstep_sdk::http::Client;

/// The world outside.
pub trait Platform {
    /// Sends requests. Credentials are put on by whoever is behind it.
    fn http(&self) -> &dyn Client;

    /// HMAC-SHA-256 of a message under a secret named in the configuration.
    ///
    /// # Errors
    /// When there is no such secret, or it may not be used this way.
    fn hmac_sha256(&self, secret: &str, message: &[u8]) -> Result<Vec<u8>, String>;

    /// Microseconds since 1970 by the wall clock.
    fn wall_us(&self) -> i64;

    /// Milliseconds of a clock that never goes back.
    fn monotonic_ms(&self) -> u64;

    fn sleep_ms(&self, millis: u64);

    /// Tell what the system said about a rate limit.
    fn rate_limit(&self, name: &str, used: Option<u64>, limit: Option<u64>, resets_in_ms: Option<u64>);

    fn log(&self, level: &str, message: &str);
}
