//! What a test can set of an account: limits, delays, and the vendor's habits
//! that are known only from memory or differ between plans.

use serde::{Deserialize, Serialize};

/// Every bound and habit of the simulated account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Requests a day. A key of an OAuth app has no daily limit.
    pub daily_max: u32,
    /// Requests in any ten seconds (100 to 190, by plan).
    pub burst_max: u32,
    /// Searches in any second.
    pub search_secondly_max: u32,
    /// Off: limits are counted and shown, never enforced.
    pub limits_enforced: bool,
    /// How long after a write the search index shows it.
    pub search_lag_ms: i64,
    /// Results a search can page through.
    pub search_results_max: usize,
    /// Inputs of a batch call.
    pub batch_max: usize,
    /// Inputs of a batch read, or rows of a page, when history is asked for.
    pub history_batch_max: usize,
    /// Versions shown per property of a contact.
    pub contact_history_max: usize,
    /// Versions shown per property of any other record.
    pub history_max: usize,
    /// A merge makes a third record instead of keeping the winner's id.
    pub merge_makes_new_record: bool,
    /// Taking a record out of the recycle bin counts as modifying it.
    pub restore_moves_modified: bool,
    /// Writing the value a property has makes a history entry and moves the modified time.
    pub repeated_value_leaves_trace: bool,
    /// A longer address is refused: properties named in a query add up.
    pub uri_bytes_max: usize,
    /// Life of an OAuth access token.
    pub token_life_ms: i64,
    pub webhooks: WebhookSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            daily_max: 250_000,
            burst_max: 100,
            search_secondly_max: 5,
            limits_enforced: true,
            search_lag_ms: 2_000,
            search_results_max: 10_000,
            batch_max: 100,
            history_batch_max: 50,
            contact_history_max: 45,
            history_max: 20,
            merge_makes_new_record: false,
            restore_moves_modified: false,
            repeated_value_leaves_trace: false,
            uri_bytes_max: 16 * 1_024,
            token_life_ms: 30 * 60 * 1_000,
            webhooks: WebhookSettings::default(),
        }
    }
}

/// How events are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Events of one request.
    pub batch_max: usize,
    /// How long events are gathered before they are sent.
    pub gather_ms: u64,
    /// A receiver that takes longer has failed.
    pub timeout_ms: u64,
    /// The waits before each further attempt. The vendor spreads ten over a day.
    pub retry_delays_ms: Vec<u64>,
    /// Requests under way at once.
    pub concurrent_max: usize,
    /// The member that names the event: `subscriptionType` or `eventType`.
    pub event_name_member: String,
    /// Journal files are kept this long.
    pub journal_kept_ms: i64,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            batch_max: 100,
            gather_ms: 20,
            timeout_ms: 5_000,
            retry_delays_ms: vec![100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200],
            concurrent_max: 10,
            event_name_member: "subscriptionType".into(),
            journal_kept_ms: 3 * 24 * 3_600 * 1_000,
        }
    }
}
