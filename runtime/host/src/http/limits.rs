//! Every bound of requests over HTTP, with its default.

/// Bounds of one connection's requests; its instances share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// From the last byte sent to the head of the answer. Long polls need minutes.
    pub first_byte_ms_max: u64,
    /// Between two parts of an answer's body.
    pub between_bytes_ms_max: u64,
    /// From the begin of a request to the end of its answer.
    pub total_ms_max: u64,
    /// Waiting for a place among the requests of this connection.
    pub queue_ms_max: u64,
    /// Waiting for the account's rate budget.
    pub budget_wait_ms_max: u64,
    pub request_head_bytes_max: usize,
    pub request_body_bytes_max: usize,
    pub response_head_bytes_max: usize,
    pub response_headers_max: usize,
    /// As received, and again when decompressed.
    pub response_body_bytes_max: usize,
    /// Requests on their way, answers not read yet among them.
    pub requests_at_once_max: usize,
    /// Requests that one call into the connector may begin.
    pub requests_per_call_max: u32,
    /// Connections kept open for the next request, and how long.
    pub idle_connections_max: usize,
    pub idle_ms_max: u64,
    /// Entries of the audit log kept in memory.
    pub audit_entries_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            first_byte_ms_max: 180_000,
            between_bytes_ms_max: 60_000,
            total_ms_max: 600_000,
            queue_ms_max: 30_000,
            budget_wait_ms_max: 20_000,
            request_head_bytes_max: 64 * 1024,
            request_body_bytes_max: 32 * 1024 * 1024,
            response_head_bytes_max: 64 * 1024,
            response_headers_max: 200,
            response_body_bytes_max: 64 * 1024 * 1024,
            requests_at_once_max: 16,
            requests_per_call_max: 5_000,
            idle_connections_max: 8,
            idle_ms_max: 30_000,
            audit_entries_max: 1_000,
        }
    }
}
