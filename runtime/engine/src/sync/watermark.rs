//! How far a side's stream is absorbed: the cursor may only pass a batch when
//! every row of it is, also those that had to wait.

use std::collections::VecDeque;

use crate::connection::Position;

struct Open {
    ticket: u64,
    /// Rows, and the batch itself, that still wait.
    waiting: usize,
    /// Rows that were not found, and are looked for again when the stream has passed.
    doubted: usize,
    at: Position,
}

/// The ticket of what has no place in the stream: nothing waits for it.
pub(super) const NOWHERE: u64 = u64::MAX;

/// Batches in stream order, each with what of it still waits.
#[derive(Default)]
pub(super) struct Watermark {
    open: VecDeque<Open>,
    next_ticket: u64,
}

impl Watermark {
    /// A batch arrived that reaches this position; it waits until freed once.
    pub(super) fn enter(&mut self, at: Position) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.open.push_back(Open { ticket, waiting: 1, doubted: 0, at });
        ticket
    }

    /// A row of the batch has to wait longer.
    pub(super) fn hold(&mut self, ticket: u64) {
        if let Some(open) = self.find(ticket) {
            open.waiting += 1;
        }
    }

    /// Something of the batch is absorbed.
    pub(super) fn free(&mut self, ticket: u64) {
        if let Some(open) = self.find(ticket) {
            open.waiting = open.waiting.saturating_sub(1);
        }
    }

    /// A row of the batch that waited is in doubt now: the cursor must not pass it,
    /// but what tells whether the stream has passed must not wait for it.
    pub(super) fn doubt(&mut self, ticket: u64) {
        if let Some(open) = self.find(ticket) {
            open.waiting = open.waiting.saturating_sub(1);
            open.doubted += 1;
        }
    }

    /// A doubt about the batch is cleared.
    pub(super) fn clear(&mut self, ticket: u64) {
        if let Some(open) = self.find(ticket) {
            open.doubted = open.doubted.saturating_sub(1);
        }
    }

    /// The newest position behind which nothing waits, if it has moved.
    pub(super) fn advance(&mut self) -> Option<Position> {
        let mut reached = None;
        while self.open.front().is_some_and(|open| open.waiting + open.doubted == 0) {
            reached = self.open.pop_front().map(|open| open.at);
        }
        reached
    }

    /// A mark behind everything that has arrived so far.
    pub(super) fn here(&self) -> u64 {
        self.next_ticket
    }

    /// Whether nothing that arrived before the mark still waits.
    pub(super) fn is_past(&self, mark: u64) -> bool {
        self.open.iter().take_while(|open| open.ticket < mark).all(|open| open.waiting == 0)
    }

    /// Forgets every batch; tickets given out before free nothing any more.
    pub(super) fn reset(&mut self) {
        self.open.clear();
    }

    /// Whether nothing that has arrived waits; positions may still be to be committed.
    pub(super) fn is_absorbed(&self) -> bool {
        self.open.iter().all(|open| open.waiting + open.doubted == 0)
    }

    fn find(&mut self, ticket: u64) -> Option<&mut Open> {
        let first = self.open.front()?.ticket;
        let index = usize::try_from(ticket.checked_sub(first)?).ok()?;
        self.open.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::change::Cursor;

    use super::*;

    fn position(order: u64) -> Position {
        Position { order, cursor: Cursor::default() }
    }

    #[test]
    fn the_cursor_does_not_pass_a_batch_with_a_row_that_waits() {
        let mut mark = Watermark::default();
        let first = mark.enter(position(1));
        let second = mark.enter(position(2));
        mark.hold(first);
        mark.free(first);
        mark.free(second);
        assert_eq!(mark.advance(), None);
        mark.free(first);
        assert_eq!(mark.advance(), Some(position(2)));
        assert!(mark.is_absorbed());
    }

    #[test]
    fn a_place_in_the_stream_is_passed_once_nothing_before_it_waits() {
        let mut mark = Watermark::default();
        let first = mark.enter(position(1));
        let here = mark.here();
        mark.enter(position(2));
        assert!(!mark.is_past(here));
        mark.free(first);
        assert!(mark.is_past(here), "what came later does not count");
    }

    #[test]
    fn a_doubt_holds_the_cursor_but_not_the_question_whether_the_stream_has_passed() {
        let mut mark = Watermark::default();
        let first = mark.enter(position(1));
        let here = mark.here();
        mark.doubt(first);
        assert!(mark.is_past(here));
        assert_eq!(mark.advance(), None);
        mark.clear(first);
        assert_eq!(mark.advance(), Some(position(1)));
    }
}
