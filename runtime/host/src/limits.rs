//! Every bound a connector lives in, with its default. How each is called in a
//! configuration is [`crate::bounds`]' business.

use crate::http::HttpLimits;

/// Bounds of one session. All are per component instance unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, all memories together.
    pub memory_bytes_max: usize,
    /// The same, of all instances of a connection together.
    pub memory_total_bytes_max: usize,
    /// Elements of all tables together.
    pub table_elements_max: usize,
    /// The same, of all instances of a connection together.
    pub table_total_elements_max: usize,
    /// Instances of a connection that live at a time.
    pub instances_max: usize,
    /// Wall-clock time of one call; `changes` may take its `wait_ms` besides.
    pub call_ms_max: u64,
    /// Time one call may compute (measured in epochs of 10 ms, so roughly).
    pub compute_ms_max: u64,
    /// Data a guest hands over in one call or answer.
    pub answer_bytes_max: usize,
    pub rows_max: usize,
    pub columns_max: usize,
    pub key_columns_max: usize,
    pub cursor_bytes_max: usize,
    pub version_bytes_max: usize,
    /// Objects in one answer of `discover`.
    pub objects_max: usize,
    /// Length of any name, message or remedy; longer ones are cut.
    pub words_bytes_max: usize,
    /// Headers of an answer to a webhook.
    pub answer_headers_max: usize,
    /// Handles a guest may hold, and entries of the host's table for them.
    pub handles_max: usize,
    /// Open connections at a time.
    pub connections_max: usize,
    pub connect_ms_max: u64,
    pub tls_handshake_ms_max: u64,
    pub random_bytes_max: u64,
    /// Log lines that may come at once; afterwards as many a minute.
    pub log_lines_burst: u32,
    pub log_line_bytes_max: usize,
    /// Failures in `failure_window_ms` after which a connection's sessions of one role are parked.
    pub failures_max: u32,
    pub failure_window_ms: u64,
    /// The first pause after a failure; doubles with each up to `backoff_ms_max`.
    pub backoff_ms: u64,
    pub backoff_ms_max: u64,
    /// What is parked is given one try after so long.
    pub park_ms: u64,
    /// Entries of the list of incidents kept in memory, of a connection.
    pub incidents_max: usize,
    /// Of requests over HTTP; those of one connection share them.
    pub http: HttpLimits,
    /// Of loading the component.
    pub load: LoadLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes_max: 256 * 1024 * 1024,
            memory_total_bytes_max: 1024 * 1024 * 1024,
            table_elements_max: 100_000,
            table_total_elements_max: 1_000_000,
            instances_max: 256,
            call_ms_max: 60_000,
            compute_ms_max: 20_000,
            answer_bytes_max: 64 * 1024 * 1024,
            rows_max: 100_000,
            columns_max: 2_000,
            key_columns_max: 32,
            cursor_bytes_max: 64 * 1024,
            version_bytes_max: 256,
            objects_max: 20_000,
            words_bytes_max: 16 * 1024,
            answer_headers_max: 64,
            handles_max: 1_000,
            connections_max: 8,
            connect_ms_max: 15_000,
            tls_handshake_ms_max: 15_000,
            random_bytes_max: 64 * 1024,
            log_lines_burst: 300,
            log_line_bytes_max: 4 * 1024,
            failures_max: 8,
            failure_window_ms: 600_000,
            backoff_ms: 100,
            backoff_ms_max: 10_000,
            park_ms: 300_000,
            incidents_max: 500,
            http: HttpLimits::default(),
            load: LoadLimits::default(),
        }
    }
}

/// Bounds of loading a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadLimits {
    pub component_bytes_max: u64,
    pub compiled_bytes_max: u64,
    /// Wall-clock time of compiling.
    pub compile_ms_max: u64,
    /// Address space of the process that compiles; of no effect where none is used.
    pub compile_memory_bytes_max: u64,
}

impl Default for LoadLimits {
    fn default() -> Self {
        LoadLimits {
            component_bytes_max: 64 * 1024 * 1024,
            compiled_bytes_max: 512 * 1024 * 1024,
            compile_ms_max: 300_000,
            compile_memory_bytes_max: 4 * 1024 * 1024 * 1024,
        }
    }
}
