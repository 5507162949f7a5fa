//! The connection's actor: starts or resumes the stream, reads first copies in
//! its snapshot or beside it, and hands changes to every subscriber, in order.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lockstep_core::change::{ChangeBatch, Changes, Cursor, Selection};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    Command, Durable, FromStream, Position, Refusal, Subscriber, Subscription,
    beside::Beside,
    copy::next_of,
    ingress::{HandedOver, Ingest},
    position::Handed,
};
use crate::{
    Connector, Role, Session, SessionError, SessionErrorKind,
    failpoint::{self, Failpoint},
    operations::ConnectionStatus,
    policy::{Backoff, Reaction, reaction},
    port::ChangesRequest,
};

/// Changes taken in one call.
const RECORDS_MAX: u32 = 2_000;
pub(super) const BYTES_MAX: u32 = 4 << 20;
/// How long a call waits for changes; commands wait as long.
const WAIT_MS: u32 = 300;
/// A log that answers sooner, and with nothing, is not asked again before.
const HASTE: Duration = Duration::from_millis(5);
/// A stream that nobody takes from is kept alive this often.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How long the stream waits at the start for sides that are still to attach.
const GATHERING: Duration = Duration::from_secs(3);
/// A source that brought nothing for so many calls has nothing, whatever it
/// says of how far it is ahead.
const IDLE_CALLS: u32 = 10;
/// What a source says of how far it is ahead may be so old.
const LAG_AGE_MAX: Duration = Duration::from_millis(1_500);

/// A subscriber with its progress.
pub(super) struct Side {
    pub(super) subscription: Subscription,
    durable: Durable,
    /// Has been told where the stream stands.
    begun: bool,
    /// Has been told that the stream has caught up.
    caught_up: bool,
    /// Wants to be told again, under this number, once the stream has passed this moment.
    asked: Option<(u64, Instant)>,
}

impl Side {
    /// What of these is about this side's object. A batch that names no object
    /// is about all of them.
    pub(super) fn share(&self, batches: &[Arc<ChangeBatch>]) -> Vec<Arc<ChangeBatch>> {
        let object = self.subscription.selection.object.as_str();
        batches.iter().filter(|batch| *batch.object == *object || batch.object.is_empty()).cloned().collect()
    }

    /// Whether any of these may be about this side; one whose object is not
    /// known yet has to be counted in.
    fn is_concerned(&self, batches: &[Arc<ChangeBatch>]) -> bool {
        self.subscription.selection.object.is_empty() || !self.share(batches).is_empty()
    }
}

pub(super) struct Actor {
    pub(super) name: Arc<str>,
    pub(super) connector: Arc<dyn Connector>,
    inbox: Inbox,
    stop: watch::Receiver<bool>,
    expected: usize,
    status: Arc<Mutex<ConnectionStatus>>,
    pub(super) sides: Vec<Side>,
    pub(super) generation: u32,
    cursor_version: u32,
    /// The stream is a log: in commit order, and nothing shows late.
    is_log: bool,
    /// Where the stream stands, once it does.
    pub(super) at: Option<Position>,
    pub(super) handed: Option<Handed>,
    /// The stream does not reach back: start it again.
    anew: bool,
    /// Calls in a row that brought nothing since the stream began.
    idle_calls: u32,
    /// Rows of a full read have no place in the stream here: first copies are read
    /// beside it, one at a time.
    pub(super) placeless: bool,
    pub(super) beside: Option<Beside>,
    /// The stream waits for a trouble to pass: a copy beside it does not make that forgotten.
    resting: bool,
}

/// What comes to the actor.
pub(super) struct Inbox {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) ingests: mpsc::Receiver<Ingest>,
}

/// The source is free for another session when this is done.
async fn let_go(session: &mut Option<Box<dyn Session>>) {
    if let Some(session) = session.take() {
        session.close().await;
    }
}

/// Why serving a session ended without an error.
enum Served {
    Stopped,
}

impl Actor {
    pub(super) fn new(
        name: Arc<str>,
        connector: Arc<dyn Connector>,
        inbox: Inbox,
        stop: watch::Receiver<bool>,
        expected: usize,
        status: Arc<Mutex<ConnectionStatus>>,
    ) -> Self {
        Actor {
            name,
            connector,
            inbox,
            stop,
            expected,
            status,
            sides: Vec::new(),
            generation: 0,
            cursor_version: 0,
            is_log: true,
            at: None,
            handed: None,
            anew: false,
            idle_calls: 0,
            placeless: false,
            beside: None,
            resting: false,
        }
    }

    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(&self.name);
        self.gather().await;
        let mut session: Option<Box<dyn Session>> = None;
        while !self.stopped() {
            let error = match self.serve_once(&mut session, &mut backoff).await {
                Ok(Served::Stopped) => break,
                Err(error) => error,
            };
            if reaction(error.kind) != Reaction::Again {
                let_go(&mut session).await;
            }
            self.anew |= reaction(error.kind) == Reaction::StartAnew;
            let wait = backoff.failed(&error);
            tracing::warn!(connection = %self.name, code = error.kind.code(), wait_ms = wait.as_millis() as u64, "{error}");
            self.say("waiting", Some(&error));
            self.recover(Instant::now() + wait, reaction(error.kind)).await;
        }
        let_go(&mut session).await;
        self.say("idle", None);
    }

    async fn serve_once(
        &mut self,
        session: &mut Option<Box<dyn Session>>,
        backoff: &mut Backoff,
    ) -> Result<Served, SessionError> {
        let session = match session {
            Some(session) => session,
            None => {
                let mut opened = self.connector.open(Role::Tail).await?;
                let spec = opened.spec().await?;
                self.cursor_version = spec.cursor_version;
                self.is_log = spec.is_log();
                session.insert(opened)
            }
        };
        self.serve(session.as_mut(), backoff).await
    }

    /// Takes the sides that attach at the start, so that they share one snapshot.
    async fn gather(&mut self) {
        let until = Instant::now() + GATHERING;
        let served = |sides: &[Side]| {
            let served = sides.iter().filter(|side| side.subscription.to.is_some());
            served.count()
        };
        while served(&self.sides) < self.expected && !self.stopped() {
            match timeout_at(until, self.inbox.commands.recv()).await {
                Ok(Some(command)) => self.obey(command),
                Ok(None) | Err(_) => break,
            }
        }
    }

    async fn serve(&mut self, session: &mut dyn Session, backoff: &mut Backoff) -> Result<Served, SessionError> {
        loop {
            while let Ok(command) = self.inbox.commands.try_recv() {
                self.obey(command);
            }
            while let Ok(ingest) = self.inbox.ingests.try_recv() {
                self.hand_over(ingest).await;
            }
            if self.stopped() {
                return Ok(Served::Stopped);
            }
            if self.sides.iter().all(|side| side.subscription.to.is_none()) {
                self.say("idle", None);
                let stop = &mut self.stop;
                let mut webhook = None;
                let command = tokio::select! {
                    biased;
                    command = self.inbox.commands.recv() => Some(command),
                    Some(ingest) = self.inbox.ingests.recv() => {
                        webhook = Some(ingest);
                        None
                    }
                    _ = stop.wait_for(|stop| *stop) => Some(None),
                    () = tokio::time::sleep(KEEP_ALIVE) => None,
                };
                match (command, webhook) {
                    (_, Some(ingest)) => self.hand_over(ingest).await,
                    (Some(Some(command)), None) => self.obey(command),
                    (Some(None), None) => return Ok(Served::Stopped),
                    (None, None) => self.keep_alive(session).await?,
                }
                continue;
            }
            if self.anew || self.sides.iter().any(|side| !side.begun) {
                self.begin(session).await?;
                continue;
            }
            if let Some(index) = self.copying()
                && !self.reads_beside(index)
            {
                self.say("reading", None);
                self.copy_page(session, index).await?;
                backoff.succeeded();
                continue;
            }
            self.take(session).await?;
            if self.beside.is_none() {
                self.say("streaming", None);
            }
            backoff.succeeded();
        }
    }

    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Attach(subscription) => {
                let kept = self.forget(&subscription.who);
                let durable = kept.unwrap_or_else(|| Durable::at(0));
                self.sides.push(Side {
                    subscription: *subscription,
                    durable,
                    begun: false,
                    caught_up: false,
                    asked: None,
                });
            }
            Command::Detach(who) => {
                self.leave_beside(&who);
                for side in &mut self.sides {
                    if side.subscription.who == who {
                        side.subscription.to = None;
                    }
                }
            }
            Command::CatchUp { who, number } => {
                if let Some(side) = self.sides.iter_mut().find(|side| side.subscription.who == who) {
                    side.asked = Some((number, Instant::now()));
                }
            }
        }
    }

    fn forget(&mut self, who: &Subscriber) -> Option<Durable> {
        self.leave_beside(who);
        let index = self.sides.iter().position(|side| side.subscription.who == *who)?;
        Some(self.sides.remove(index).durable)
    }

    /// Finds where the stream has to stand for everyone, and tells everyone.
    async fn begin(&mut self, session: &mut dyn Session) -> Result<(), SessionError> {
        self.say("starting", None);
        self.check_cursor_versions()?;
        self.beside = None;
        self.fall_back_to_durable();
        let resumes = self.sides.iter();
        let oldest = resumes.filter_map(|side| side.subscription.resume.clone()).min_by_key(|position| position.order);
        let newest = self.sides.iter().filter_map(|side| side.subscription.resume.as_ref());
        let next_order = newest.map(|position| position.order).max().map_or(1, |order| order + 1);
        self.generation =
            self.sides.iter().map(|side| side.subscription.generation).chain([self.generation]).max().unwrap_or(0);
        let fresh = self.sides.iter().any(|side| side.subscription.resume.is_none());
        let started = if self.anew || fresh { Some(session.start(&self.selections()).await?) } else { None };
        let at = match (oldest, started) {
            (Some(oldest), _) if !self.anew => oldest,
            (_, Some(cursor)) => Position { order: next_order, cursor },
            (_, None) => {
                return Err(SessionError::new(SessionErrorKind::Internal, "the stream has no place to start from"));
            }
        };
        if self.anew {
            self.generation += 1;
        }
        self.idle_calls = 0;
        self.announce(&at).await;
        self.handed = Some(Handed::from(at.clone()));
        self.at = Some(at);
        self.anew = false;
        Ok(())
    }

    /// A connector is never given cursors of another version: it would read them
    /// wrongly, or take them for none.
    fn check_cursor_versions(&self) -> Result<(), SessionError> {
        let stored = self.sides.iter().map(|side| &side.subscription).filter(|one| one.resume.is_some());
        let mut other = stored.filter(|one| one.cursor_version != 0 && one.cursor_version != self.cursor_version);
        let Some(other) = other.next().filter(|_| !self.anew) else {
            return Ok(());
        };
        let mut error = SessionError::new(
            SessionErrorKind::CursorVersion,
            format!(
                "where sync '{}' stands was written in cursor version {}, and the connector reads version {}",
                other.who.sync, other.cursor_version, self.cursor_version
            ),
        );
        error.remedy = format!(
            "Name in the configuration of '{}' the connector that wrote it, or another that reads cursor version {}.",
            self.name, other.cursor_version
        );
        Err(error)
    }

    /// Sides that are being served resume from what all of them have on disk:
    /// taking again what came after it is harmless.
    fn fall_back_to_durable(&mut self) {
        let served = self.sides.iter().filter(|side| side.begun);
        let Some(least) = served.map(|side| side.durable.order()).min() else {
            return;
        };
        let Some(handed) = &mut self.handed else {
            return;
        };
        let durable = handed.durable(least).clone();
        for side in self.sides.iter_mut().filter(|side| side.begun) {
            side.subscription.resume = Some(durable.clone());
        }
    }

    /// Tells every side where the stream stands and waits until all have committed it.
    async fn announce(&mut self, at: &Position) {
        let mut answers = Vec::new();
        for side in &mut self.sides {
            // A copy that has not begun misses nothing.
            let untouched = side.subscription.copy.as_ref().is_some_and(|after| after.is_empty());
            let gap = self.anew && !untouched;
            side.durable = Durable::at(at.order);
            side.begun = true;
            side.caught_up = false;
            side.asked = None;
            side.subscription.resume = Some(at.clone());
            side.subscription.generation = self.generation;
            side.subscription.cursor_version = self.cursor_version;
            let Some(to) = &side.subscription.to else {
                // Not there to commit it: it has to be told when it comes back.
                continue;
            };
            let (taken, answer) = oneshot::channel();
            let begin = FromStream::Begin {
                at: at.clone(),
                generation: self.generation,
                cursor_version: self.cursor_version,
                gap,
                durable: side.durable.clone(),
                taken,
            };
            if to.send((side.subscription.who.side, begin)).await.is_err() {
                side.subscription.to = None;
            } else {
                answers.push(answer);
            }
        }
        for answer in answers {
            // An error: the sync is gone and will attach again.
            let _ = answer.await;
        }
    }

    /// The union of what all sides want, one selection an object.
    fn selections(&self) -> Vec<Selection> {
        let mut all: Vec<Selection> = Vec::new();
        for side in &self.sides {
            let wanted = &side.subscription.selection;
            if wanted.object.is_empty() {
                continue;
            }
            match all.iter_mut().find(|known| known.object == wanted.object) {
                None => all.push(wanted.clone()),
                Some(known) => {
                    for column in &wanted.columns {
                        if !known.columns.contains(column) {
                            known.columns.push(column.clone());
                        }
                    }
                }
            }
        }
        all
    }

    fn request(&mut self, at: &Position, records_max: u32) -> ChangesRequest {
        let least = self.sides.iter().map(|side| side.durable.order()).min();
        let durable = match &mut self.handed {
            Some(handed) => handed.durable(least.unwrap_or(at.order)).cursor.clone(),
            None => Cursor::default(),
        };
        failpoint::pass(Failpoint::BeforeDurableReport);
        ChangesRequest {
            selections: self.selections().into(),
            after: at.cursor.clone(),
            durable,
            records_max,
            bytes_max: BYTES_MAX,
            wait_ms: if records_max == 0 { 0 } else { WAIT_MS },
        }
    }

    async fn take(&mut self, session: &mut dyn Session) -> Result<(), SessionError> {
        let Some(at) = self.at.clone() else {
            return Ok(());
        };
        let request = self.request(&at, RECORDS_MAX);
        let asked = Instant::now();
        let changes = self.ask(session, &request).await?;
        self.count(&changes);
        let caught_up = self.has_caught_up(&changes);
        // A figure may be older than the call that tells it.
        let passed = if changes.lag_bytes.is_some() { asked.checked_sub(LAG_AGE_MAX) } else { Some(asked) };
        let stands_still = changes.cursor == at.cursor && !changes.more;
        let brought_nothing = stands_still && changes.batches.is_empty();
        if !brought_nothing {
            self.hand_all(session, changes).await?;
        }
        if caught_up {
            self.tell_caught_up(session, passed).await?;
        }
        if !self.is_log && stands_still {
            // Between two polls there is nothing to wait for inside the connector; what
            // a poll looks back on does not count.
            self.rest(asked + Duration::from_millis(u64::from(WAIT_MS))).await;
        } else if brought_nothing {
            self.rest(asked + HASTE).await;
        }
        Ok(())
    }

    /// The next changes; webhooks do not wait for them. What these bring has its
    /// place before what the call brings, since they leave the cursor as it is.
    async fn ask(&mut self, session: &mut dyn Session, request: &ChangesRequest) -> Result<Changes, SessionError> {
        let mut call = session.changes(request);
        loop {
            let to = self.beside_to();
            let came = tokio::select! {
                biased;
                changes = &mut call => return changes,
                Some(ingest) = self.inbox.ingests.recv() => Err(ingest),
                came = next_of(&mut self.beside, to.as_ref()) => Ok(came),
            };
            match came {
                Ok(came) => self.attend(came).await,
                Err(ingest) => self.hand_over(ingest).await,
            }
        }
    }

    /// Waits after a failure. One that only a person cures is looked at again
    /// as soon as something else is wanted of the stream.
    async fn recover(&mut self, until: Instant, reaction: Reaction) {
        if reaction != Reaction::Park {
            self.resting = true;
            self.rest(until).await;
            self.resting = false;
            return;
        }
        let stop = &mut self.stop;
        let command = tokio::select! {
            () = sleep_until(until) => None,
            _ = stop.wait_for(|stop| *stop) => None,
            command = self.inbox.commands.recv() => command,
        };
        if let Some(command) = command {
            self.obey(command);
        }
    }

    /// Waits; webhooks are taken meanwhile, and copies go on.
    async fn rest(&mut self, until: Instant) {
        loop {
            let to = self.beside_to();
            let stop = &mut self.stop;
            let came = tokio::select! {
                biased;
                () = sleep_until(until) => return,
                _ = stop.wait_for(|stop| *stop) => return,
                Some(ingest) = self.inbox.ingests.recv() => Err(ingest),
                came = next_of(&mut self.beside, to.as_ref()) => Ok(came),
            };
            match came {
                Ok(came) => self.attend(came).await,
                Err(ingest) => self.hand_over(ingest).await,
            }
        }
    }

    /// Gives a webhook's changes to every side they concern, or to none: as a
    /// place of their own in the stream, with the connector's cursor unchanged.
    async fn hand_over(&mut self, ingest: Ingest) {
        let Ingest { batches, until, answer } = ingest;
        let handed = self.hand_ingested(batches, until).await;
        if handed.is_ok() {
            failpoint::pass(Failpoint::AfterIngest);
        }
        // Whoever asked may have given up.
        let _ = answer.send(handed);
    }

    async fn hand_ingested(&mut self, batches: Vec<ChangeBatch>, until: Instant) -> Result<HandedOver, Refusal> {
        let not_now = |why: &str| Refusal::NotSafe(why.to_owned());
        let at = self.at.clone().filter(|_| !self.anew).ok_or_else(|| not_now("the stream has not begun"))?;
        let batches = self.stamped(batches);
        let concerned: Vec<usize> = (0..self.sides.len())
            .filter(|index| self.sides.get(*index).is_some_and(|side| side.is_concerned(&batches)))
            .collect();
        let mut permits = Vec::with_capacity(concerned.len());
        for index in &concerned {
            let Some(side) = self.sides.get(*index) else { continue };
            let reads = side.subscription.copy.is_some() && !self.placeless;
            let takes = side.begun && !reads && !side.subscription.selection.object.is_empty();
            let to = side.subscription.to.clone().filter(|_| takes);
            let to =
                to.ok_or_else(|| not_now(&format!("sync '{}' does not take it now", side.subscription.who.sync)))?;
            let room = timeout_at(until, to.reserve_owned()).await.map_err(|_| not_now("a side is busy"))?;
            permits.push(room.map_err(|_| not_now("a sync has stopped"))?);
        }
        let next = Position { order: at.order + 1, cursor: at.cursor };
        if let Some(handed) = &mut self.handed {
            handed.add(next.clone());
        }
        self.at = Some(next.clone());
        self.notice(&batches);
        let mut sides = Vec::with_capacity(concerned.len());
        for (index, permit) in concerned.into_iter().zip(permits) {
            if let Some(side) = self.sides.get(index) {
                let message = FromStream::Changes { batches: side.share(&batches), at: next.clone(), kept: true };
                permit.send((side.subscription.who.side, message));
                sides.push(side.durable.clone());
            }
        }
        Ok(HandedOver { order: next.order, sides })
    }

    pub(super) fn stamped(&self, batches: Vec<ChangeBatch>) -> Vec<Arc<ChangeBatch>> {
        let stamp = |mut batch: ChangeBatch| {
            for row in &mut batch.rows {
                row.version.generation = self.generation;
            }
            Arc::new(batch)
        };
        batches.into_iter().map(stamp).collect()
    }

    /// Whether everything the source had a moment ago is in these changes or before them.
    fn has_caught_up(&mut self, changes: &Changes) -> bool {
        let brought_nothing = changes.batches.is_empty() && !changes.more;
        self.idle_calls = if brought_nothing { self.idle_calls.saturating_add(1) } else { 0 };
        match changes.lag_bytes {
            Some(0) => !changes.more,
            Some(_) => self.idle_calls >= IDLE_CALLS,
            None if self.is_log => brought_nothing,
            // A poll that looks back over what it had shown before never brings nothing.
            None => !changes.more,
        }
    }

    /// `passed`: nothing that the source had at that moment is left.
    async fn tell_caught_up(&mut self, session: &mut dyn Session, passed: Option<Instant>) -> Result<(), SessionError> {
        for index in 0..self.sides.len() {
            let Some(side) = self.sides.get_mut(index).filter(|side| side.begun) else {
                continue;
            };
            let begun = !std::mem::replace(&mut side.caught_up, true);
            let asked = side.asked.take_if(|(_, at)| passed.is_some_and(|passed| *at <= passed));
            if begun {
                self.give(session, index, FromStream::CaughtUp { asked: 0 }).await?;
            }
            if let Some((number, _)) = asked {
                self.give(session, index, FromStream::CaughtUp { asked: number }).await?;
            }
        }
        Ok(())
    }

    async fn hand_all(&mut self, session: &mut dyn Session, changes: Changes) -> Result<(), SessionError> {
        let order = self.at.as_ref().map_or(0, |at| at.order);
        let next = Position { order: order + 1, cursor: changes.cursor };
        let batches = self.stamped(changes.batches);
        if let Some(handed) = &mut self.handed {
            handed.add(next.clone());
        }
        self.at = Some(next.clone());
        self.notice(&batches);
        for index in 0..self.sides.len() {
            self.hand(session, index, &batches, &next).await?;
        }
        Ok(())
    }

    /// Gives one side its share of the changes.
    async fn hand(
        &mut self,
        session: &mut dyn Session,
        index: usize,
        batches: &[Arc<ChangeBatch>],
        at: &Position,
    ) -> Result<(), SessionError> {
        let Some(side) = self.sides.get(index) else {
            return Ok(());
        };
        let share = side.share(batches);
        self.give(session, index, FromStream::Changes { batches: share, at: at.clone(), kept: false }).await
    }

    /// Gives a message to a side, keeping the stream alive while the side is busy.
    async fn give(&mut self, session: &mut dyn Session, index: usize, message: FromStream) -> Result<(), SessionError> {
        let Some(side) = self.sides.get(index) else {
            return Ok(());
        };
        let Some(to) = side.subscription.to.clone() else {
            return Ok(());
        };
        let id = side.subscription.who.side;
        loop {
            match timeout(KEEP_ALIVE, to.reserve()).await {
                Ok(Ok(room)) => {
                    room.send((id, message));
                    return Ok(());
                }
                Ok(Err(_)) => {
                    if let Some(side) = self.sides.get_mut(index) {
                        side.subscription.to = None;
                    }
                    return Ok(());
                }
                Err(_) => self.keep_alive(session).await?,
            }
            if self.stopped() {
                return Ok(());
            }
        }
    }

    /// Nobody takes anything now: the source is only shown that it is not forgotten.
    async fn keep_alive(&mut self, session: &mut dyn Session) -> Result<(), SessionError> {
        if let Some(at) = self.at.clone() {
            let request = self.request(&at, 0);
            session.changes(&request).await?;
        }
        Ok(())
    }

    fn count(&self, changes: &Changes) {
        let rows: usize = changes.batches.iter().map(|batch| batch.rows.len()).sum();
        let mut status = self.status.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        status.changes += rows as u64;
        status.lag_bytes = changes.lag_bytes;
        status.lag_ms = changes.lag_ms;
    }

    pub(super) fn say(&self, state: &str, trouble: Option<&SessionError>) {
        if self.resting && trouble.is_none() {
            return;
        }
        let mut status = self.status.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if status.state != state {
            state.clone_into(&mut status.state);
        }
        if let Some(error) = trouble {
            status.trouble = error.message.clone();
            status.remedy = error.remedy.clone();
        } else if !status.trouble.is_empty() {
            status.trouble.clear();
            status.remedy.clear();
        }
    }
}
