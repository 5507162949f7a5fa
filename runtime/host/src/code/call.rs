//! One call: bounded in what it computes, takes and says, and never waiting.

use std::{
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use lockstep_core::value::Value;
use parking_lot::Mutex;
use wasmtime::{Engine, Store, Trap};

use super::still::{HANDLES_MAX, Still};
use crate::lines::printable;

/// Instructions of one call.
const FUEL: u64 = 50_000_000;
/// Bytes that cross for one call, arguments and answer.
const CROSSING_BYTES_MAX: usize = 8 << 20;
/// A value that code gives, at most.
const VALUE_BYTES_MAX: usize = 1 << 20;
const WORDS_BYTES_MAX: usize = 300;

/// So many calls in a row that did not come to an answer park the code.
const FAILURES_MAX: u32 = 20;
/// It is not asked for so long then.
const PARKED: Duration = Duration::from_secs(60);

/// Calls into one component, one after the other or at once.
pub(super) struct Caller {
    engine: Engine,
    failures: AtomicU32,
    parked: Mutex<Option<Instant>>,
}

impl Caller {
    pub(super) fn new(engine: Engine) -> Self {
        Caller { engine, failures: AtomicU32::new(0), parked: Mutex::new(None) }
    }

    /// Asks in an instance of its own.
    ///
    /// # Errors
    /// The component's own words, or why it came to no answer.
    pub(super) fn call<A>(
        &self,
        ask: impl AsyncFnOnce(&mut Store<Still>) -> wasmtime::Result<Result<A, String>>,
    ) -> Result<A, String> {
        if self.is_parked() {
            return Err(format!(
                "{FAILURES_MAX} calls in a row failed; it is asked again {} s later",
                PARKED.as_secs()
            ));
        }
        let answered = self.run(ask);
        match &answered {
            Ok(_) => self.failures.store(0, Ordering::Relaxed),
            Err(_) if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX => {
                self.failures.store(0, Ordering::Relaxed);
                *self.parked.lock() = Some(Instant::now() + PARKED);
            }
            Err(_) => {}
        }
        answered?.map_err(|words| printable(&words, WORDS_BYTES_MAX))
    }

    fn is_parked(&self) -> bool {
        let mut parked = self.parked.lock();
        let still = parked.is_some_and(|until| Instant::now() < until);
        if !still {
            *parked = None;
        }
        still
    }

    /// The outer error says that it did not come to an answer.
    fn run<A>(
        &self,
        ask: impl AsyncFnOnce(&mut Store<Still>) -> wasmtime::Result<Result<A, String>>,
    ) -> Result<Result<A, String>, String> {
        let mut store = Store::new(&self.engine, Still::new());
        store.limiter(|still| &mut still.limits);
        store.set_hostcall_fuel(CROSSING_BYTES_MAX);
        store.set_max_component_handles(HANDLES_MAX);
        store.set_fuel(FUEL).map_err(|error| format!("{error:#}"))?;
        let asked = pin!(ask(&mut store));
        // Nothing it can call ever makes it wait, except waiting itself.
        match asked.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => Ok(answer),
            Poll::Ready(Err(error)) => Err(why(&error)),
            Poll::Pending => Err("it waits for something, and nothing ever happens here".to_owned()),
        }
    }
}

fn why(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "it computed longer than a call may".to_owned(),
        Some(trap) => format!("it failed: {trap}"),
        None => format!("it failed: {}", printable(&error.root_cause().to_string(), WORDS_BYTES_MAX)),
    }
}

/// A value as code may give one.
pub(super) fn bounded(value: Value) -> Result<Value, String> {
    match size_bytes(&value) {
        bytes if bytes <= VALUE_BYTES_MAX => Ok(value),
        bytes => Err(format!("it gave a value of {bytes} bytes, and {VALUE_BYTES_MAX} are the most")),
    }
}

/// About what a value takes.
pub(super) fn size_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(|item| size_bytes(item) + size_of::<Value>()).sum(),
        _ => size_of::<Value>(),
    }
}
