//! `lockstep:connector/host`: log, progress, rate limits.

use super::bindings::lockstep::connector::{host, model};
use crate::{lines::printable, record::event::Event, store::StoreData};

/// Of a limit's name in a recording.
const NAME_BYTES_MAX: usize = 100;

impl model::Host for StoreData {}

impl host::Host for StoreData {
    fn log(&mut self, level: String, message: String) -> wasmtime::Result<()> {
        self.lines.say(&level, &message);
        Ok(())
    }

    fn progress(&mut self, what: String, done: u64, total: Option<u64>) -> wasmtime::Result<()> {
        match total {
            Some(total) => self.lines.say("info", &format!("{what}: {done} of {total}")),
            None => self.lines.say("info", &format!("{what}: {done}")),
        }
        Ok(())
    }

    fn rate_limit(
        &mut self,
        name: String,
        used: Option<u64>,
        limit: Option<u64>,
        resets_in_ms: Option<u64>,
    ) -> wasmtime::Result<()> {
        self.tape.note(|| Event::RateLimit { name: printable(&name, NAME_BYTES_MAX) });
        self.requests.egress.rate_limit(&name, used, limit, resets_in_ms);
        Ok(())
    }
}
