//! What following changes holds between two calls.

use std::collections::{BTreeMap, HashMap};

use crate::cursor::{ChannelAt, Cursor};

use super::poll::Memory;
use super::stream::Stream;

pub struct Follow {
    /// The last cursor given.
    pub cursor: Cursor,
    pub stream: Option<Stream>,
    /// Where channels began that `start` subscribed to in this instance.
    pub begun: BTreeMap<String, ChannelAt>,
    /// Polled objects: when each is due, and what was given of its window.
    pub polls: HashMap<String, Memory>,
    /// The schema that events of an object had last.
    pub schemas: HashMap<String, String>,
}

impl Follow {
    pub fn new(cursor: Cursor) -> Self {
        Follow { cursor, stream: None, begun: BTreeMap::new(), polls: HashMap::new(), schemas: HashMap::new() }
    }
}
