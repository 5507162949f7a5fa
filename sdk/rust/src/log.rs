//! Lines in the host's structured log. Bounded by the host: say little, name
//! things, never values.

use crate::bindings::lockstep::connector0_1_0::host;

/// Write a line. `level`: `error`, `warn`, `info`, `debug` or `trace`. In native
/// builds it goes to stderr.
pub fn line(level: &str, message: std::fmt::Arguments<'_>) {
    if cfg!(target_family = "wasm") {
        host::log(level, &message.to_string());
    } else {
        eprintln!("{level}: {message}");
    }
}

/// Tell people how far a long call is.
pub fn progress(what: &str, done: u64, total: Option<u64>) {
    if cfg!(target_family = "wasm") {
        host::progress(what, done, total);
    }
}

/// Tell the host what the system said about a rate limit. A limit that counts only
/// requests to some paths says so behind an `@` in its name: `search@/search` counts
/// those whose path ends with `/search`. Without `used`, the host counts by itself.
pub fn rate_limit(name: &str, used: Option<u64>, limit: Option<u64>, resets_in_ms: Option<u64>) {
    if cfg!(target_family = "wasm") {
        host::rate_limit(name, used, limit, resets_in_ms);
    }
}

/// Log an error.
#[macro_export]
macro_rules! error {
    ($($arg:tt)*) => { $crate::log::line("error", ::std::format_args!($($arg)*)) };
}

/// Log a warning.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)*) => { $crate::log::line("warn", ::std::format_args!($($arg)*)) };
}

/// Log what a person may want to know.
#[macro_export]
macro_rules! info {
    ($($arg:tt)*) => { $crate::log::line("info", ::std::format_args!($($arg)*)) };
}

/// Log what a developer may want to know.
#[macro_export]
macro_rules! debug {
    ($($arg:tt)*) => { $crate::log::line("debug", ::std::format_args!($($arg)*)) };
}
