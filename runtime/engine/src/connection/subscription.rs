//! What a sync wants of a connection's stream, and what it gets.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, Row, Selection},
    record::SideId,
};
use tokio::sync::{mpsc, oneshot};

use super::position::{Durable, Position};

/// Names a side of a sync among a connection's subscribers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subscriber {
    pub(crate) sync: Arc<str>,
    pub(crate) side: SideId,
}

/// A side of a sync that takes part in the connection's stream.
pub(crate) struct Subscription {
    pub(crate) who: Subscriber,
    /// An empty object: not known yet; only its place is kept.
    pub(crate) selection: Selection,
    /// Where its stored effects reach; `None`: the stream is to start for it.
    pub(crate) resume: Option<Position>,
    /// Of `resume`, as the connector that wrote it said; 0: nobody said.
    pub(crate) cursor_version: u32,
    pub(crate) generation: u32,
    /// Where a full read in the stream's snapshot starts; `None`: not wanted.
    pub(crate) copy: Option<Arc<[u8]>>,
    /// `None`: its place is kept, but it takes nothing now.
    pub(crate) to: Option<mpsc::Sender<(SideId, FromStream)>>,
}

/// What comes from a connection, in order.
pub(crate) enum FromStream {
    /// The stream stands here from now on. The position has to be committed
    /// before `taken` is answered: whatever is committed later is ordered by it.
    Begin {
        at: Position,
        generation: u32,
        cursor_version: u32,
        /// Changes may have been missed: compare in full.
        gap: bool,
        durable: Durable,
        taken: oneshot::Sender<()>,
    },
    /// A page of the full read. `next` empty: the last.
    Page { rows: Vec<Row>, next: Arc<[u8]> },
    /// Changes of this side's object, perhaps none, up to a position. `kept`: rows
    /// that are only named are to be kept in the state, and do not hold the position.
    Changes { batches: Vec<Arc<ChangeBatch>>, at: Position, kept: bool },
    /// Everything the source had when it was asked has been handed over. Number
    /// 0: when the stream began, once after every `Begin`.
    CaughtUp { asked: u64 },
}
