//! First copies: read page by page in the stream's snapshot by the tail session, or
//! beside the stream where rows have no place in it. One side at a time.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, Page},
    key::Key,
    record::SideId,
};
use tokio::sync::mpsc;

use super::{
    FromStream, Position, Subscriber,
    actor::{Actor, BYTES_MAX},
    beside::{self, Beside, Came},
};
use crate::{
    Session, SessionError,
    failpoint::{self, Failpoint},
    port::PageRequest,
};

/// Rows of a first copy read in one call.
const PAGE_ROWS_MAX: u32 = 2_000;

impl Actor {
    pub(super) fn copying(&self) -> Option<usize> {
        self.sides.iter().position(|side| side.subscription.to.is_some() && side.subscription.copy.is_some())
    }

    /// Sees to it that a side whose rows have no place in the stream is read beside
    /// it. False: it has to be read in the stream's snapshot.
    pub(super) fn reads_beside(&mut self, index: usize) -> bool {
        if !self.placeless {
            return false;
        }
        if let Some(side) = self.sides.get(index)
            && self.beside.as_ref().is_none_or(|beside| beside.who != side.subscription.who)
        {
            self.beside = Some(Beside::new(side.subscription.who.clone(), self.connector.clone()));
            self.say("reading", None);
        }
        true
    }

    /// A page that is being read for this side is nobody's any more.
    pub(super) fn leave_beside(&mut self, who: &Subscriber) {
        self.beside.take_if(|beside| beside.who == *who);
    }

    pub(super) async fn copy_page(&mut self, session: &mut dyn Session, index: usize) -> Result<(), SessionError> {
        let Some(request) = self.page_request(index) else {
            return Ok(());
        };
        let page = session.read(&request).await?;
        if let Some(placeless) = beside::has_no_place(&page) {
            self.placeless = placeless;
        }
        self.hand_page(index, page).await;
        Ok(())
    }

    fn page_request(&self, index: usize) -> Option<PageRequest> {
        let side = self.sides.get(index)?;
        Some(PageRequest {
            selection: side.subscription.selection.clone(),
            after: side.subscription.copy.clone()?,
            rows_max: PAGE_ROWS_MAX,
            bytes_max: BYTES_MAX,
        })
    }

    async fn hand_page(&mut self, index: usize, mut page: Page) {
        failpoint::pass(Failpoint::MidBackfill);
        let generation = self.generation;
        let Some(side) = self.sides.get_mut(index) else {
            return;
        };
        for row in &mut page.rows {
            row.version.generation = generation;
        }
        side.subscription.copy = (!page.next.is_empty()).then(|| page.next.clone());
        let message = FromStream::Page { rows: page.rows, next: page.next };
        if let Some(to) = &side.subscription.to
            && to.send((side.subscription.who.side, message)).await.is_err()
        {
            side.subscription.to = None;
        }
    }

    /// Attends to the copy that is read beside the stream.
    pub(super) async fn attend(&mut self, came: Came) {
        let Some(mut beside) = self.beside.take() else {
            return;
        };
        let Some(index) = self.sides.iter().position(|side| side.subscription.who == beside.who) else {
            return;
        };
        match came {
            Came::Due => match self.page_request(index) {
                Some(request) => beside.ask(request),
                None => return,
            },
            Came::Failed(error) => {
                tracing::warn!(connection = %self.name, code = error.kind.code(), "a first copy: {error}");
                self.say("reading", Some(&error));
            }
            Came::Page(page) => {
                let sifted = beside.sift(page.rows);
                self.invalidate(index, sifted.doubted).await;
                self.hand_page(index, Page { rows: sifted.rows, next: page.next }).await;
                if self.sides.get(index).is_none_or(|side| side.subscription.copy.is_none()) {
                    return;
                }
                self.say("reading", None);
            }
        }
        self.beside = Some(beside);
    }

    /// Has one side look at rows again, at a place of their own in the stream.
    async fn invalidate(&mut self, index: usize, keys: Vec<Key>) {
        let Some(at) = self.at.clone().filter(|_| !keys.is_empty()) else {
            return;
        };
        let Some(side) = self.sides.get(index) else {
            return;
        };
        let batches = self.stamped(vec![beside::invalidated(&side.subscription.selection.object, keys)]);
        let next = Position { order: at.order + 1, cursor: at.cursor };
        if let Some(handed) = &mut self.handed {
            handed.add(next.clone());
        }
        self.at = Some(next.clone());
        if let Some(to) = &side.subscription.to {
            let message = FromStream::Changes { batches, at: next, kept: false };
            // An error: the sync is gone and will attach again.
            let _ = to.send((side.subscription.who.side, message)).await;
        }
    }

    /// Where pages that are read beside the stream go.
    pub(super) fn beside_to(&self) -> Option<mpsc::Sender<(SideId, FromStream)>> {
        let who = &self.beside.as_ref()?.who;
        self.sides.iter().find(|side| side.subscription.who == *who)?.subscription.to.clone()
    }

    /// What the stream tells may be newer than a page that is being read.
    pub(super) fn notice(&mut self, batches: &[Arc<ChangeBatch>]) {
        let Some(beside) = &mut self.beside else { return };
        if let Some(side) = self.sides.iter().find(|side| side.subscription.who == beside.who) {
            beside.notice(&side.share(batches));
        }
    }
}

/// What comes next of the copy that is read beside the stream, if one is.
pub(super) async fn next_of(beside: &mut Option<Beside>, to: Option<&mpsc::Sender<(SideId, FromStream)>>) -> Came {
    match (beside, to) {
        (Some(beside), Some(to)) => beside.next(to).await,
        _ => std::future::pending().await,
    }
}
