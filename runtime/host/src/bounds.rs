//! The bounds by name: what each is called in a connection's `limits`, in metrics,
//! in messages and in docs/sandbox.md, and which field of [`Limits`] it is.

use crate::limits::Limits;

/// What a bound counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Milliseconds,
    Count,
}

impl Unit {
    /// The amount as a configuration would say it.
    pub fn show(self, amount: u64) -> String {
        let in_units = |units: [(u64, &str); 3], smallest: &str| {
            let fitting = units.into_iter().find(|(size, _)| amount > 0 && amount.is_multiple_of(*size));
            fitting.map_or(format!("{amount}{smallest}"), |(size, name)| format!("{}{name}", amount / size))
        };
        match self {
            Unit::Bytes => in_units([(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")], "B"),
            Unit::Milliseconds => in_units([(3_600_000, "h"), (60_000, "m"), (1_000, "s")], "ms"),
            Unit::Count => amount.to_string(),
        }
    }
}

/// One bound.
pub struct Bound {
    /// As in `limits = { memory = "256MiB" }`.
    pub key: &'static str,
    pub unit: Unit,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl Bound {
    /// The bound of that name.
    pub fn named(key: &str) -> Option<&'static Bound> {
        BOUNDS.iter().find(|bound| bound.key == key)
    }

    pub fn of(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }

    pub fn set(&self, limits: &mut Limits, amount: u64) {
        (self.set)(limits, amount);
    }
}

/// The kinds of number that bounds are kept in.
trait Amount {
    fn from_u64(amount: u64) -> Self;
    fn to_u64(self) -> u64;
}

macro_rules! amounts {
    ($($kind:ty),*) => {$(
        impl Amount for $kind {
            fn from_u64(amount: u64) -> Self {
                <$kind>::try_from(amount).unwrap_or(<$kind>::MAX)
            }
            fn to_u64(self) -> u64 {
                u64::try_from(self).unwrap_or(u64::MAX)
            }
        }
    )*};
}
amounts!(u32, u64, usize);

macro_rules! bounds {
    ($($key:literal $unit:ident $($field:ident).+;)*) => {
        /// Every bound there is.
        pub static BOUNDS: &[Bound] = &[$(Bound {
            key: $key,
            unit: Unit::$unit,
            get: |limits| Amount::to_u64(limits.$($field).+),
            set: |limits, amount| limits.$($field).+ = Amount::from_u64(amount),
        }),*];
    };
}

bounds! {
    "memory" Bytes memory_bytes_max;
    "memory_total" Bytes memory_total_bytes_max;
    "table_elements" Count table_elements_max;
    "table_elements_total" Count table_total_elements_max;
    "instances" Count instances_max;
    "call_timeout" Milliseconds call_ms_max;
    "compute_time" Milliseconds compute_ms_max;
    "batch_bytes" Bytes answer_bytes_max;
    "batch_rows" Count rows_max;
    "columns" Count columns_max;
    "key_columns" Count key_columns_max;
    "cursor_bytes" Bytes cursor_bytes_max;
    "version_bytes" Bytes version_bytes_max;
    "objects" Count objects_max;
    "words_bytes" Bytes words_bytes_max;
    "webhook_headers" Count answer_headers_max;
    "handles" Count handles_max;
    "sockets" Count connections_max;
    "connect_timeout" Milliseconds connect_ms_max;
    "tls_timeout" Milliseconds tls_handshake_ms_max;
    "random_bytes" Bytes random_bytes_max;
    "log_lines" Count log_lines_burst;
    "log_line_bytes" Bytes log_line_bytes_max;
    "failures" Count failures_max;
    "failure_window" Milliseconds failure_window_ms;
    "backoff" Milliseconds backoff_ms;
    "backoff_longest" Milliseconds backoff_ms_max;
    "park" Milliseconds park_ms;
    "incidents" Count incidents_max;
    "requests" Count http.requests_at_once_max;
    "requests_per_call" Count http.requests_per_call_max;
    "request_timeout" Milliseconds http.total_ms_max;
    "first_byte_timeout" Milliseconds http.first_byte_ms_max;
    "between_bytes_timeout" Milliseconds http.between_bytes_ms_max;
    "queue_timeout" Milliseconds http.queue_ms_max;
    "budget_timeout" Milliseconds http.budget_wait_ms_max;
    "request_head_bytes" Bytes http.request_head_bytes_max;
    "request_bytes" Bytes http.request_body_bytes_max;
    "response_head_bytes" Bytes http.response_head_bytes_max;
    "response_headers" Count http.response_headers_max;
    "response_bytes" Bytes http.response_body_bytes_max;
    "idle_connections" Count http.idle_connections_max;
    "idle_timeout" Milliseconds http.idle_ms_max;
    "audit_entries" Count http.audit_entries_max;
    "component_bytes" Bytes load.component_bytes_max;
    "compiled_bytes" Bytes load.compiled_bytes_max;
    "compile_timeout" Milliseconds load.compile_ms_max;
    "compile_memory" Bytes load.compile_memory_bytes_max;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_sets_the_field_it_tells_of() {
        for bound in BOUNDS {
            let mut limits = Limits::default();
            let other = bound.of(&limits) + 1;
            bound.set(&mut limits, other);
            assert_eq!(bound.of(&limits), other, "{}", bound.key);
            let changed = BOUNDS.iter().filter(|one| one.of(&limits) != one.of(&Limits::default()));
            assert_eq!(changed.map(|one| one.key).collect::<Vec<_>>(), [bound.key]);
        }
    }

    #[test]
    fn amounts_are_shown_as_a_configuration_says_them() {
        assert_eq!(Unit::Bytes.show(256 << 20), "256MiB");
        assert_eq!(Unit::Bytes.show(300), "300B");
        assert_eq!(Unit::Milliseconds.show(90_000), "90s");
        assert_eq!(Unit::Milliseconds.show(600_000), "10m");
        assert_eq!(Unit::Milliseconds.show(100), "100ms");
        assert_eq!(Unit::Count.show(8), "8");
    }
}
