//! Where a stream stands: the connector's opaque cursor under a counter of the
//! engine's own, so that cursors of several syncs can be ordered.

use std::{collections::VecDeque, sync::Arc};

use lockstep_core::change::Cursor;
use tokio::sync::watch;

/// A cursor with its place in the order in which they were handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) order: u64,
    pub(crate) cursor: Cursor,
}

impl Position {
    /// The form kept in the state: the order (8 bytes, big-endian), then the connector's bytes.
    pub(crate) fn to_stored(&self) -> Cursor {
        let mut bytes = self.order.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.cursor.0);
        Cursor(bytes.into())
    }

    /// `None`: not a stored position.
    pub(crate) fn from_stored(stored: &Cursor) -> Option<Self> {
        let (order, cursor) = stored.0.split_first_chunk::<8>()?;
        Some(Position { order: u64::from_be_bytes(*order), cursor: Cursor(cursor.into()) })
    }
}

/// How far one side of a sync has everything on disk, told by its sync.
#[derive(Clone, Debug)]
pub(crate) struct Durable(Arc<watch::Sender<u64>>);

impl Durable {
    pub(crate) fn at(order: u64) -> Self {
        Durable(Arc::new(watch::Sender::new(order)))
    }

    pub(crate) fn reach(&self, order: u64) {
        self.0.send_if_modified(|known| {
            let is_news = order > *known;
            *known = order.max(*known);
            is_news
        });
    }

    pub(crate) fn order(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until everything up to there is on disk.
    pub(crate) async fn reached(&self, order: u64) {
        // No error: the sender is held here.
        let _ = self.0.subscribe().wait_for(|known| *known >= order).await;
    }
}

/// Positions handed out and not yet on disk everywhere.
#[derive(Debug)]
pub(crate) struct Handed {
    durable: Position,
    since: VecDeque<Position>,
}

impl Handed {
    pub(crate) fn from(start: Position) -> Self {
        Handed { durable: start, since: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, position: Position) {
        self.since.push_back(position);
    }

    /// The newest position that every side has on disk.
    pub(crate) fn durable(&mut self, least: u64) -> &Position {
        while self.since.front().is_some_and(|next| next.order <= least) {
            if let Some(next) = self.since.pop_front() {
                self.durable = next;
            }
        }
        &self.durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(order: u64) -> Position {
        Position { order, cursor: Cursor(order.to_string().as_bytes().into()) }
    }

    #[test]
    fn a_position_reads_back_as_it_was_stored() {
        let stored = position(77).to_stored();
        assert_eq!(Position::from_stored(&stored), Some(position(77)));
        assert_eq!(Position::from_stored(&Cursor([1, 2].into())), None);
    }

    #[test]
    fn only_what_every_side_has_on_disk_is_reported_durable() {
        let mut handed = Handed::from(position(1));
        for order in 2..6 {
            handed.add(position(order));
        }
        assert_eq!(handed.durable(1), &position(1));
        assert_eq!(handed.durable(4), &position(4));
        assert_eq!(handed.durable(9), &position(5));
    }
}
