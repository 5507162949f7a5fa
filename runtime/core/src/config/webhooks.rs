//! How a connection's webhooks are taken.

use super::{error::Problems, section::Section, settings::web_address, units};

/// `[connections.NAME.webhooks]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// The whole address the system was told, where it is not the server's own.
    pub public_url: Option<String>,
    /// How long the sender waits; what is not safe on disk by then is refused.
    pub answer_within_ms: u64,
    pub body_bytes_max: usize,
    pub per_second_max: u32,
}

impl Default for Webhooks {
    fn default() -> Self {
        Webhooks { public_url: None, answer_within_ms: 4_000, body_bytes_max: 1 << 20, per_second_max: 100 }
    }
}

pub(super) fn read(connection: &mut Section<'_>, problems: &mut Problems<'_>) -> Webhooks {
    let mut webhooks = Webhooks::default();
    let Some(mut section) = connection.table("webhooks", problems) else {
        return webhooks;
    };
    webhooks.public_url = web_address(&mut section, problems);
    let within = |text: &str| units::duration_ms(text).filter(|ms| (100..=60_000).contains(ms));
    if let Some(ms) = section.parsed("answer_within", "a duration from 100ms to 60s, such as \"4s\"", within, problems)
    {
        webhooks.answer_within_ms = ms;
    }
    let size = |text: &str| {
        units::size_bytes(text).and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= 64 << 20)
    };
    if let Some(size) = section.parsed("body_max", "a size up to 64MiB, such as \"1MiB\"", size, problems) {
        webhooks.body_bytes_max = size;
    }
    let rate = section.count("per_second_max", 1..=100_000, problems);
    webhooks.per_second_max = rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or(webhooks.per_second_max);
    section.finish(problems);
    webhooks
}
