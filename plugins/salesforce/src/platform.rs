//! What a session needs of the world: HTTP, time and somewhere to say things.
//! The sandboxed face gives the host's; native tests give their own.

use lockstep_sdk::http::Client;

/// The world of a session.
pub trait Platform {
    /// Sends requests; whoever does it puts the credentials on the wire.
    fn client(&self) -> &dyn Client;

    /// The organisation's own address, as the token's answer names it.
    ///
    /// # Errors
    /// Why signing in failed.
    fn instance_url(&self) -> Result<Option<String>, String>;

    /// The system said, other than by a 401, that the token is good no more.
    ///
    /// # Errors
    /// Why signing in failed.
    fn sign_in_anew(&self) -> Result<(), String>;

    /// Waits.
    fn sleep_ms(&self, millis: u64);

    /// Never goes back.
    fn monotonic_ms(&self) -> u64;

    /// Microseconds since 1970, by our clock.
    fn wall_us(&self) -> i64;

    /// A line in the log: names, never values.
    fn log(&self, level: &str, message: &str);

    /// What the organisation said of a limit.
    fn rate_limit(&self, name: &str, used: Option<u64>, limit: Option<u64>);
}
