//! A sync's turns one by one, with answers in an order that a running one seldom
//! meets. Each rule here was once broken on purpose, and nothing else noticed.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use async_trait::async_trait;
use lockstep_core::{
    cast::Cast,
    change::{ChangeBatch, ChangeKind, ChangeRow, Cursor, Row, Selection, Version},
    key::Key,
    plan::{self, Needs, Presumed, Sent},
    record::{FieldId, Record, RecordId, SideId},
    schema::ConnectorSpec,
    spec::{DeletePolicy, FieldSpec, Policy, SideField, SideSpec, SyncSpec},
    value::Value,
    write::Outcome,
};
use lockstep_state::{Store, SyncPhase};
use tokio::sync::{broadcast, watch};

use super::{Actor, Core, Followers, Parts, Route, SharedStatus, side::SideRun};
use crate::{
    Connector, Role, Session, SessionError, SessionErrorKind, SystemClock,
    connection::{ConnectionHandle, Position},
    port::FetchRequest,
    writer::{Answer, Asked},
};

const A: SideId = SideId(0);
const B: SideId = SideId(1);
const FIRST: RecordId = RecordId(1);
const COLUMNS: [&str; 3] = ["id", "mail", "note"];

/// No session of it ever opens: what it would answer is staged by the tests.
struct Away;

#[async_trait]
impl Connector for Away {
    async fn open(&self, _role: Role) -> Result<Box<dyn Session>, SessionError> {
        Err(SessionError::new(SessionErrorKind::Unavailable, "away"))
    }
}

fn connector_spec(changes: &str) -> ConnectorSpec {
    ConnectorSpec {
        name: "away".to_owned(),
        version: "0.0.0".to_owned(),
        changes: changes.to_owned(),
        precondition: "atomic".to_owned(),
        abilities: vec!["delete".to_owned()],
        config_schema: "{}".to_owned(),
        cursor_version: 1,
        permissions: Vec::new(),
        credentials: Vec::new(),
        auth_schemes: Vec::new(),
    }
}

fn columns() -> Vec<String> {
    COLUMNS.map(str::to_owned).to_vec()
}

/// Two sides with a key of their own, matched by `mail`.
fn spec() -> SyncSpec {
    let here = |column| SideField {
        column,
        cast: Cast::Identity,
        reads: true,
        writes_create: true,
        writes_update: true,
        required: false,
    };
    let side = |id: SideId, name: &str| SideSpec {
        id,
        name: name.into(),
        object: "things".into(),
        columns: columns().into(),
        key: vec![0],
        fields: vec![Some(here(1)), Some(here(2))],
        creates: true,
        updates: true,
        deletes: true,
        inserts_from: true,
        refuses_twins: true,
    };
    let field = |id: u16, name: &str| FieldSpec {
        id: FieldId(id),
        name: name.into(),
        conflict: None,
        initial: None,
        reference: None,
        group: None,
        sensitive: false,
        from: None,
        default: None,
    };
    SyncSpec {
        name: "things".into(),
        rules: 1,
        sides: vec![Some(side(A, "a")), Some(side(B, "b"))],
        fields: vec![Some(field(0, "mail")), Some(field(1, "note"))],
        groups: Vec::new(),
        match_on: vec![vec![FieldId(0)]],
        conflict: Policy::Prefer(vec![A, B]),
        initial: Policy::Prefer(vec![A, B]),
        deletes: DeletePolicy::UpdateWins,
        skew_tolerance_ms: 2_000,
        bounces_max: 200,
        filter: None,
    }
}

fn key(id: i64) -> Key {
    Key::new(vec![Value::Int(id)])
}

/// `order` 0: nobody can say how it is ordered.
fn row(id: i64, order: u64, note: &str) -> Row {
    let cells = [Value::Int(id), Value::text("m"), Value::text(note)].map(Some);
    let version = match order {
        0 => Version::default(),
        order => Version { generation: 1, order: order.to_be_bytes().as_slice().into() },
    };
    Row { key: key(id), cells: cells.to_vec(), version, at: None }
}

/// An actor that does only what it is told to.
struct Desk {
    actor: Actor,
    store: Store,
    _stop: watch::Sender<bool>,
}

impl Desk {
    fn new(changes: &str) -> Self {
        let store = Store::in_memory().unwrap();
        let claim = store.claim("things", 1).unwrap();
        store.register(claim.state.sync, &["a", "b"], &["mail", "note"]).unwrap();
        let core = Core::new(Arc::new(spec()), store.clone(), claim, Arc::new(SystemClock));
        let (stop, stopped) = watch::channel(false);
        let route = |name: &str| {
            let connector: Arc<dyn Connector> = Arc::new(Away);
            let (connection, _) = ConnectionHandle::spawn(name.into(), connector.clone(), 1, stopped.clone());
            Route { connection, connector, spec: connector_spec(changes) }
        };
        let parts = Parts {
            core,
            routes: [(A, route("a")), (B, route("b"))].into(),
            storm: None,
            status: SharedStatus::default(),
            followers: Followers { entries: broadcast::channel(1).0, children: Default::default(), referred: false },
            stop: stopped.clone(),
        };
        let (actor, _) = Actor::new(parts);
        Desk { actor, store, _stop: stop }
    }

    /// Live, with one record at both sides: row 1 at `a`, row 11 at `b`, in order 1.
    async fn linked(changes: &str) -> Self {
        let mut desk = Desk::new(changes);
        desk.actor.core.phase = SyncPhase::Live;
        desk.tell(A, row(1, 1, "old"), 1).await;
        desk.send(B);
        desk.answer_write(B, Outcome::Applied(row(11, 1, "old")));
        desk.turn().await;
        desk
    }

    fn run(&mut self, side: SideId) -> &mut SideRun {
        self.actor.sides.get_mut(&side).unwrap()
    }

    async fn turn(&mut self) {
        self.actor.turn().await.unwrap();
        self.acknowledge();
    }

    /// The commits that were made are known to be.
    fn acknowledge(&mut self) {
        while let Ok(made) = self.actor.commits.try_recv() {
            self.actor.acknowledged(made).unwrap();
        }
    }

    fn stage(&mut self, side: SideId, row: Row, order: u64) {
        let ticket = self.run(side).watermark.enter(Position { order, cursor: Cursor::default() });
        let batch = ChangeBatch {
            object: "things".into(),
            kind: ChangeKind::Upsert,
            columns: columns().into(),
            rows: vec![ChangeRow { key: row.key, cells: row.cells, version: row.version, at: row.at }],
            origin: "".into(),
        };
        self.actor.staged.batches.push_back((side, ticket, Arc::new(batch)));
        self.actor.staged.batch_rows += 1;
    }

    /// The stream tells that a row is gone.
    async fn tell_gone(&mut self, side: SideId, row: Row, order: u64) {
        self.stage(side, row, order);
        let (_, _, batch) = self.actor.staged.batches.back_mut().unwrap();
        Arc::make_mut(batch).kind = ChangeKind::Delete;
        self.turn().await;
    }

    /// The stream tells of a row, up to the position of this order.
    async fn tell(&mut self, side: SideId, row: Row, order: u64) {
        self.stage(side, row, order);
        self.turn().await;
    }

    fn record(&mut self) -> Record {
        let (set, _) = self.actor.core.gather(&Needs::default(), &[FIRST]).unwrap();
        set.get(FIRST).unwrap().clone()
    }

    fn note(&mut self) -> Value {
        self.record().field(FieldId(1)).unwrap().value.clone()
    }

    fn sent(&mut self, side: SideId) -> Sent {
        let (set, refs) = self.actor.core.gather(&Needs::default(), &[FIRST]).unwrap();
        plan::intent(&self.actor.core.spec, &refs, set.get(FIRST).unwrap(), side).unwrap()
    }

    /// What the side lacks is in flight.
    fn send(&mut self, side: SideId) {
        self.run(side).in_flight.insert(FIRST);
    }

    fn answer_write(&mut self, side: SideId, outcome: Outcome) {
        let sent = vec![self.sent(side)];
        self.actor.staged.answers.push_back((side, Answer::Written { sent, outcomes: vec![outcome] }));
    }

    /// A row that was asked for, and how it was found.
    fn answer_read(&mut self, side: SideId, id: i64, asked: Asked, found: Option<Row>) {
        let request = FetchRequest {
            selection: Selection { object: "things".to_owned(), columns: columns() },
            by: vec!["id".to_owned()],
            keys: vec![key(id)],
        };
        let found = found.into_iter().map(|row| lockstep_core::change::Found { index: 0, row }).collect();
        let answer = Answer::Fetched { request, asked: vec![asked], found: Ok(found) };
        self.actor.staged.answers.push_back((side, answer));
    }

    async fn show_page(&mut self, side: SideId, row: Row) {
        self.run(side).reading = Some(0);
        self.actor.staged.pages.push_back((side, vec![row], Arc::from([])));
        self.turn().await;
    }
}

fn news() -> Asked {
    Asked::News { tickets: Vec::new() }
}

#[tokio::test]
async fn a_row_that_changed_while_it_was_read_is_read_again_where_nobody_can_say_which_is_newer() {
    let mut desk = Desk::linked("log").await;
    desk.run(A).readings.begin(&key(1), 0);
    desk.tell(A, row(1, 5, "later"), 2).await;
    desk.answer_read(A, 1, news(), Some(row(1, 0, "earlier")));
    desk.turn().await;
    assert_eq!(desk.note(), Value::text("later"));
    assert!(desk.run(A).is_wanted(&key(1)));
}

#[tokio::test]
async fn a_row_that_was_read_before_a_write_does_not_pass_for_newer_than_that() {
    let mut desk = Desk::linked("poll").await;
    desk.tell(A, row(1, 2, "ours"), 2).await;
    desk.send(B);
    desk.run(B).readings.begin(&key(11), 0);
    desk.answer_read(B, 11, news(), Some(row(11, 0, "old")));
    desk.answer_write(B, Outcome::Applied(row(11, 0, "ours")));
    desk.turn().await;
    desk.turn().await;
    assert_eq!(desk.note(), Value::text("ours"));
    assert!(desk.run(B).in_flight.is_empty());
}

#[tokio::test]
async fn a_page_that_shows_another_value_than_a_write_left_is_read_again() {
    let mut desk = Desk::linked("poll").await;
    desk.tell(A, row(1, 2, "ours"), 2).await;
    desk.send(B);
    desk.answer_write(B, Outcome::Applied(row(11, 0, "ours")));
    desk.turn().await;
    desk.show_page(B, row(11, 0, "old")).await;
    assert_eq!(desk.note(), Value::text("ours"));
    assert!(desk.run(B).is_wanted(&key(11)));
}

#[tokio::test]
async fn a_page_that_shows_a_row_with_a_write_in_flight_waits_for_that() {
    let mut desk = Desk::linked("log").await;
    desk.tell(A, row(1, 2, "ours"), 2).await;
    desk.send(B);
    desk.show_page(B, row(11, 3, "theirs")).await;
    assert_eq!(desk.record().link(B).unwrap().observed(FieldId(1)), Some(&Value::text("old")));
    assert!(desk.run(B).is_wanted(&key(11)));
}

#[tokio::test]
async fn a_row_of_which_something_was_told_between_two_looks_is_looked_for_anew() {
    let mut desk = Desk::linked("log").await;
    desk.run(A).readings.begin(&key(1), 0);
    desk.answer_read(A, 1, news(), None);
    desk.turn().await;
    desk.tell(A, row(1, 5, "edited"), 2).await;
    desk.answer_read(A, 1, Asked::Missing, None);
    desk.turn().await;
    assert!(desk.record().link(A).unwrap().is_live(), "more may be told of it");
    assert!(!desk.run(A).doubts.is_empty());
    desk.answer_read(A, 1, Asked::Missing, None);
    desk.turn().await;
    assert!(desk.record().link(A).unwrap().is_live(), "a log that told no end may have forgotten a new key");
    desk.answer_read(A, 1, Asked::Moved { record: FIRST, key: key(1) }, None);
    desk.turn().await;
    assert!(!desk.record().link(A).unwrap().is_live());
    assert!(desk.run(A).doubts.is_empty());
}

#[tokio::test]
async fn a_log_tells_of_a_row_before_its_end_so_that_an_unknown_one_was_not_made_by_us() {
    for (changes, is_thin, made) in
        [("log", false, false), ("log", true, true), ("poll", false, true), ("poll", true, true)]
    {
        let mut desk = Desk::linked(changes).await;
        desk.run(B).unheard.insert(FIRST);
        let presumed = desk.run(B).may_have_made(FIRST, is_thin);
        assert_eq!(matches!(presumed, Some(Presumed::Sent)), made, "{changes}, thin: {is_thin}");
    }
}

#[tokio::test]
async fn nothing_is_written_of_what_is_not_committed_yet() {
    let mut desk = Desk::linked("log").await;
    desk.stage(A, row(1, 2, "new"), 2);
    desk.actor.turn().await.unwrap();
    // As left over from before.
    desk.run(B).queue.push(FIRST);
    desk.actor.dispatch().unwrap();
    assert!(desk.run(B).in_flight.is_empty(), "a power cut could take what was planned, and not the write");
    desk.acknowledge();
    desk.actor.dispatch().unwrap();
    assert!(desk.run(B).in_flight.contains(&FIRST));
}

#[tokio::test]
async fn the_sweep_waits_until_what_the_first_copy_added_can_be_found() {
    let mut desk = Desk::new("log");
    desk.actor.sides.values_mut().for_each(|run| run.attached = true);
    desk.run(A).reading = Some(0);
    desk.actor.staged.pages.push_back((A, vec![row(1, 1, "old")], Arc::from([])));
    desk.actor.turn().await.unwrap();
    let first = SyncPhase::Sweep { after: RecordId(0) };
    for _ in 0..2 {
        desk.actor.sweep().unwrap();
        assert_eq!(desk.actor.core.phase, first);
    }
    desk.acknowledge();
    desk.actor.sweep().unwrap();
    assert_eq!(desk.actor.core.phase, SyncPhase::Sweep { after: FIRST });
    desk.acknowledge();
    assert!(desk.run(B).queue.has_ready(), "it was found there, and lacks a row");
}

#[tokio::test]
async fn a_source_is_told_to_forget_only_what_a_power_cut_cannot_take() {
    let mut desk = Desk::linked("log").await;
    desk.store.sync_point().unwrap();
    desk.tell(A, row(1, 2, "new"), 7).await;
    desk.actor.tick().unwrap();
    assert_eq!(desk.run(A).durable.order(), 1);
    desk.store.sync_always();
    desk.actor.tick().unwrap();
    assert_eq!(desk.run(A).durable.order(), 7);
}

#[tokio::test]
async fn a_row_made_anew_waits_for_what_waits_of_the_one_before_it() {
    let mut desk = Desk::linked("log").await;
    desk.send(B);
    desk.tell_gone(B, row(11, 2, "old"), 2).await;
    desk.tell(B, row(12, 3, "anew"), 3).await;
    assert_eq!(desk.run(B).parked[&FIRST].len(), 2, "its end waits for the write in flight");
    assert_eq!(desk.run(B).moves_with(&key(12)), Some(FIRST), "and so does what is told of it later");
}

#[tokio::test]
async fn a_row_made_anew_is_read_after_the_one_before_it_where_that_is_to_be_read() {
    let mut desk = Desk::linked("log").await;
    desk.run(B).want(key(11), Vec::new());
    desk.tell(B, row(12, 2, "anew"), 2).await;
    assert!(desk.run(B).is_wanted(&key(12)), "what is read may be the end of it");
    let (set, _) = desk.actor.core.gather(&plan::needs_keys(&spec(), B, [&key(12)]), &[]).unwrap();
    assert_eq!(set.by_key(B, &key(12)), None);
}

#[tokio::test]
async fn a_log_that_forgot_changes_may_not_have_told_of_a_row() {
    let mut desk = Desk::linked("log").await;
    desk.run(B).suspect_below = FIRST.0 + 1;
    assert_eq!(desk.run(B).may_have_made(FIRST, false), None, "a log tells of a row before it tells of its end");
    desk.run(B).forgot = true;
    assert_eq!(desk.run(B).may_have_made(FIRST, false), Some(Presumed::Sent));
}
