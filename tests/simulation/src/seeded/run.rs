//! One seed, one run: the runtime lives, dies and lives again in a world that
//! goes on, until everything is calm; then the checker judges.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use lockstep_checker::{Explained, Kept, KeptState, SetAside, Verdict};
use lockstep_core::config::Config;
use lockstep_engine::{
    Connector, Engine, NoCode, Operations, Setup,
    operations::{Decision, Filter},
};
use lockstep_state::{Store, SyncPhase};
use tokio::time::Instant;

use super::{
    dice::Dice,
    explained::explained,
    people::People,
    place::{CALM, Place},
    scenario::{Event, Scenario},
    session::Link,
    table::{EMAIL, ID, Table},
    verdict::{self, Excuses},
    world::{World, WorldClock},
};

/// How long everything may take to come to rest.
const REST_MAX: Duration = Duration::from_secs(300);
/// Quiet so many looks in a row, a second apart.
const QUIET_LOOKS: u32 = 5;
/// And so long after that nothing more is written.
const STILL: Duration = Duration::from_secs(20);
/// How often the state's log is synced.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub seed: u64,
    /// What is wrong; none: nothing.
    pub verdict: Result<Verdict, String>,
    /// Equal when everything happened in the same way.
    pub digest: u64,
    /// Troubles in force when deeds were done: (trouble, deed).
    pub met: BTreeSet<(&'static str, &'static str)>,
    pub lives: u32,
}

impl Outcome {
    pub fn is_clean(&self) -> bool {
        self.verdict.as_ref().is_ok_and(Verdict::is_clean)
    }

    pub fn told(&self) -> String {
        match &self.verdict {
            Ok(verdict) => verdict.to_string(),
            Err(error) => error.clone(),
        }
    }
}

/// How a life ended.
enum End {
    Died,
    Rest(Vec<Kept>, Vec<Explained>),
    Stuck(String),
}

struct Run {
    scenario: Scenario,
    world: Arc<World>,
    config: Config,
    agenda: VecDeque<(u64, Event)>,
    store: Store,
    /// With the times they were made.
    snapshots: Vec<(i64, Store)>,
    restore: bool,
    /// The state as its log was last synced, where the power may go.
    synced: Option<Store>,
    power_goes: bool,
    dice: Dice,
    born: i64,
    excuses: Excuses,
    exported: Vec<Kept>,
    /// What the journals of states that were replaced tell of edits.
    set_aside: BTreeSet<SetAside>,
    troubles: BTreeMap<usize, &'static str>,
    met: BTreeSet<(&'static str, &'static str)>,
}

/// Runs one seed from its beginning to its verdict.
pub fn run(seed: u64, logs: bool) -> Outcome {
    play(Scenario::new(seed, logs), false)
}

/// `loud`: everything that happens is told on stderr.
pub fn play(scenario: Scenario, loud: bool) -> Outcome {
    let seed = scenario.seed;
    let mut run = match Run::new(scenario, loud) {
        Ok(run) => run,
        Err(error) => {
            return Outcome { seed, verdict: Err(error), digest: 0, met: BTreeSet::new(), lives: 0 };
        }
    };
    let mut lives = 0;
    let verdict = loop {
        lives += 1;
        match run.life() {
            Err(error) => break Err(error),
            Ok(End::Died) => {
                if let Err(error) = run.bury() {
                    break Err(error);
                }
            }
            Ok(End::Stuck(what)) => break Err(what),
            Ok(End::Rest(mut kept, explained)) => {
                kept.append(&mut run.exported);
                break verdict::judge(&run.world, kept, explained, run.set_aside, run.excuses);
            }
        }
    };
    Outcome { seed, verdict, digest: run.world.digest(), met: run.met, lives }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().map_err(|error| error.to_string())
}

impl Run {
    fn new(scenario: Scenario, loud: bool) -> Result<Self, String> {
        let mut dice = Dice::new(scenario.seed ^ 0x5EED);
        let identity = if scenario.shares_key { ID } else { EMAIL };
        let places = scenario
            .habits
            .iter()
            .enumerate()
            .map(|(side, habits)| {
                let first_key = 1_000_000 * (side as i64 + 1);
                let table = Table::new(Scenario::name(side), habits.clone(), identity, first_key);
                Arc::new(Place::new(table, dice.split()))
            })
            .collect();
        let world = World::new(places, loud);
        let config = Config::parse(&scenario.config()).map_err(|errors| format!("{errors:?}"))?;
        let store = Store::in_memory().map_err(|error| error.to_string())?;
        let mut run = Run {
            agenda: scenario.agenda.iter().cloned().collect(),
            world,
            config,
            store,
            snapshots: Vec::new(),
            restore: false,
            synced: None,
            power_goes: false,
            dice,
            born: 0,
            excuses: Excuses { held: scenario.conflict == "\"hold\"", ..Excuses::default() },
            exported: Vec::new(),
            set_aside: BTreeSet::new(),
            troubles: BTreeMap::new(),
            met: BTreeSet::new(),
            scenario,
        };
        for _ in 0..run.scenario.records {
            let side = run.dice.roll(run.scenario.habits.len() as u64) as usize;
            run.people(|people| people.act(&Event::Insert { side }));
        }
        Ok(run)
    }

    fn people<R>(&mut self, work: impl FnOnce(&mut People<'_>) -> R) -> R {
        let mut people =
            People { world: &self.world, scenario: &self.scenario, dice: self.dice.split(), born: self.born };
        let done = work(&mut people);
        self.born = people.born;
        done
    }

    fn identity(&self) -> &'static str {
        if self.scenario.shares_key { "id" } else { "email" }
    }

    fn engine(&self) -> Result<Engine, String> {
        let connectors = self
            .world
            .places
            .iter()
            .enumerate()
            .map(|(side, place)| {
                let link = Link { world: self.world.clone(), place: place.clone() };
                let connector: Arc<dyn Connector> = Arc::new(link);
                (Scenario::name(side).to_owned(), connector)
            })
            .collect();
        let clock = Arc::new(WorldClock(self.world.clone()));
        let setup =
            Setup { config: self.config.clone(), store: self.store.clone(), connectors, clock, code: Arc::new(NoCode) };
        Engine::open(setup).map_err(|error| error.to_string())
    }

    /// One life of the runtime, to its death or to the end of the run.
    fn life(&mut self) -> Result<End, String> {
        let runtime = runtime()?;
        self.sync()?;
        let engine = self.engine()?;
        let world = self.world.clone();
        let end = runtime.block_on(async {
            world.begin_life();
            let operations = engine.operations();
            let running = tokio::spawn(async move { engine.run(std::future::pending()).await });
            let lived = async {
                self.happen(&operations).await?;
                self.rest(&operations).await
            };
            let end = tokio::select! {
                biased;
                () = world.death.notified() => Ok(End::Died),
                end = lived => end,
            };
            running.abort();
            world.end_life();
            end
        });
        // Everything the runtime was doing ends here, wherever it was.
        drop(runtime);
        end
    }

    /// After a death: perhaps an older state is put back.
    fn bury(&mut self) -> Result<(), String> {
        self.excuses.forgotten = true;
        if std::mem::take(&mut self.power_goes)
            && let Some(synced) = self.synced.take()
        {
            self.lose_what_was_shown_since_the_sync();
            self.world.power_cuts.fetch_add(1, Ordering::Relaxed);
            self.store = synced;
            self.excuses.set_back = true;
            // Nothing was known of any record yet.
            self.excuses.reverted |= !self.knows_records()?;
        } else {
            self.forget_shown();
        }
        if std::mem::take(&mut self.restore) && !self.snapshots.is_empty() {
            self.export()?;
            self.excuses.reverted = true;
            self.excuses.set_back = true;
            let which = self.dice.roll(self.snapshots.len() as u64) as usize;
            let (made_us, snapshot) = self.snapshots.get(which).ok_or("no snapshot")?;
            self.world.places.iter().for_each(|place| place.shown().forget(*made_us));
            self.store = snapshot.fork().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What was shown a moment ago may not have been kept.
    fn forget_shown(&self) {
        self.keep_shown(self.world.now_us());
        self.lose_what_was_shown_since_the_sync();
    }

    fn keep_shown(&self, until_us: i64) {
        self.world.places.iter().for_each(|place| place.shown().keep_until(until_us));
    }

    fn lose_what_was_shown_since_the_sync(&self) {
        self.world.places.iter().for_each(|place| place.shown().lose_the_rest());
    }

    /// Whether the state has been through a first copy.
    fn knows_records(&self) -> Result<bool, String> {
        let told = |error: lockstep_state::StateError| error.to_string();
        let Some(sync) = self.store.sync_id("people").map_err(told)? else {
            return Ok(false);
        };
        Ok(self.store.sync_state(sync).map_err(told)?.phase == SyncPhase::Live)
    }

    /// What the state that is about to be replaced keeps.
    fn export(&mut self) -> Result<(), String> {
        let weathers: Vec<_> = self.world.places.iter().map(|place| *place.weather()).collect();
        self.calm();
        let runtime = runtime()?;
        let engine = self.engine()?;
        let world = self.world.clone();
        let identity = self.identity();
        let kept = runtime.block_on(async {
            world.begin_life();
            let known = engine.operations().status().await;
            let ran = known.is_ok_and(|status| status.syncs.iter().all(|sync| sync.phase != "new"));
            let kept = if ran { verdict::kept(&engine.operations(), identity).await } else { Ok(Vec::new()) };
            let absorbed = if ran { verdict::absorbed(&engine.operations()).await } else { Ok(BTreeSet::new()) };
            world.end_life();
            kept.and_then(|kept| Ok((kept, absorbed?)))
        })?;
        let (kept, mut absorbed) = kept;
        self.set_aside.append(&mut absorbed);
        // Nothing waits any more in a state that is gone.
        self.exported.extend(kept.into_iter().map(|one| Kept { state: KeptState::Decided, ..one }));
        for (place, weather) in self.world.places.iter().zip(weathers) {
            *place.weather() = weather;
        }
        Ok(())
    }

    fn calm(&mut self) {
        for place in &self.world.places {
            *place.weather() = CALM;
        }
        self.troubles.clear();
    }

    /// Lets happen what is on the agenda, each at its time.
    async fn happen(&mut self, operations: &Operations) -> Result<(), String> {
        while let Some((at_ms, event)) = self.agenda.front().cloned() {
            let wait_us = at_ms as i64 * 1_000 - self.world.age_us();
            if wait_us > 0 {
                self.pass(Duration::from_micros(wait_us.cast_unsigned())).await?;
            }
            self.agenda.pop_front();
            self.world.note("agenda", event.name());
            self.world.tell(|| format!("-- {event:?}"));
            if event.is_deed() {
                self.met.extend(self.troubles.values().map(|trouble| (*trouble, event.name())));
                self.met.insert(("none", event.name()));
                self.people(|people| people.act(&event));
            } else {
                self.trouble(operations, &event).await?;
            }
        }
        Ok(())
    }

    /// Time passes; the state's log is synced every so often.
    async fn pass(&mut self, time: Duration) -> Result<(), String> {
        let mut left = time;
        while self.scenario.loses_power() && left > SYNC_EVERY {
            tokio::time::sleep(SYNC_EVERY).await;
            left -= SYNC_EVERY;
            self.sync()?;
        }
        tokio::time::sleep(left).await;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), String> {
        if self.scenario.loses_power() {
            self.synced = Some(self.store.sync_point().map_err(|error| error.to_string())?);
            self.keep_shown(self.world.now_us());
        }
        Ok(())
    }

    async fn trouble(&mut self, operations: &Operations, event: &Event) -> Result<(), String> {
        let place = |side: &usize| self.world.places.get(*side).cloned();
        match event {
            Event::Stall { side, for_ms } => {
                if let Some(place) = place(side) {
                    place.weather().stalled_until_us = self.world.now_us() + *for_ms as i64 * 1_000;
                }
                self.troubles.insert(*side, "stall");
            }
            Event::Faults { side, percent } => {
                if let Some(place) = place(side) {
                    place.weather().faults_percent = *percent;
                }
                self.excuses.forgotten = true;
                self.troubles.insert(*side, "faults");
            }
            Event::Slow { side, latency_max_ms } => {
                if let Some(place) = place(side) {
                    place.weather().latency_max_ms = *latency_max_ms;
                }
                self.troubles.insert(*side, "slow");
            }
            Event::Calm { side } => {
                if let Some(place) = place(side) {
                    *place.weather() = CALM;
                }
                self.troubles.remove(side);
            }
            Event::Forget { side } => {
                if let Some(place) = place(side) {
                    place.forget(self.world.now_us());
                }
                self.excuses.forgotten = true;
                self.troubles.insert(10 + *side, "forget");
            }
            Event::Snapshot => {
                let snapshot = self.store.fork().map_err(|error| error.to_string())?;
                self.snapshots.push((self.world.now_us(), snapshot));
            }
            Event::Crash { steps } => {
                self.world.die_in(*steps);
                self.troubles.insert(20, "crash");
            }
            Event::Restore { steps } => {
                self.restore = true;
                self.world.die_in(*steps);
                self.troubles.insert(20, "restore");
            }
            Event::PowerCut { steps } => {
                self.power_goes = true;
                self.world.die_in(*steps);
                self.troubles.insert(20, "power-cut");
            }
            Event::Jump { side: Some(side), by_ms } => {
                if let Some(place) = place(side) {
                    place.table().habits.skew_us += by_ms * 1_000;
                }
                self.troubles.insert(23, "jump");
            }
            Event::Jump { side: None, by_ms } => {
                self.world.jump(by_ms * 1_000);
                self.troubles.insert(23, "jump");
            }
            Event::Rules { conflict, deletes } => {
                self.scenario.conflict = conflict;
                self.scenario.deletes = deletes;
                self.config = Config::parse(&self.scenario.config()).map_err(|errors| format!("{errors:?}"))?;
                self.excuses.held |= *conflict == "\"hold\"";
                self.world.die_in(0);
                self.troubles.insert(24, "rules");
            }
            _ => self.operate(operations, event).await,
        }
        Ok(())
    }

    /// What operators do; that it is refused, or not possible now, is no defect.
    async fn operate(&mut self, operations: &Operations, event: &Event) {
        let all = Filter { limit: 3, ..Filter::default() };
        let side = |side: usize| Some(Scenario::name(side));
        self.excuses.operated = true;
        self.excuses.reverted |= *event == Event::Revert;
        if matches!(event, Event::Pause { .. }) {
            self.forget_shown();
            self.world.paused.store(true, Ordering::Relaxed);
        }
        let name = event.name();
        let others = self.troubles.values().filter(|trouble| **trouble != name);
        self.met.extend(others.map(|trouble| (*trouble, name)));
        self.met.insert(("none", name));
        let work = async {
            match event {
                Event::Pause { side: at } => drop(operations.pause("people", at.and_then(side), "op").await),
                Event::Resume => resume(operations, self.scenario.habits.len()).await,
                Event::Resolve => {
                    let decision = Decision::Side("a".to_owned());
                    drop(operations.resolve("people", &all, &decision, "op", false).await);
                }
                Event::Retry => drop(operations.retry("people", &all, "op", false).await),
                Event::Revert => drop(operations.revert("people", &all, "op", false).await),
                Event::Replay => drop(operations.replay("people", &all, "op", false).await),
                Event::Compare { side: at } => {
                    drop(operations.backfill("people", Scenario::name(*at)).await);
                }
                _ => {}
            }
        };
        // A sync that is starting answers later than an operator waits.
        let _ = tokio::time::timeout(Duration::from_secs(5), work).await;
        match event {
            Event::Pause { .. } => drop(self.troubles.insert(21, "pause")),
            Event::Resume => {
                self.world.paused.store(false, Ordering::Relaxed);
                self.troubles.remove(&21);
            }
            _ => drop(self.troubles.insert(22, name)),
        }
    }

    /// Everything is well again; waits until nothing is left to do, and sees that it stays so.
    async fn rest(&mut self, operations: &Operations) -> Result<End, String> {
        self.calm();
        // What dies from now on is the process only.
        self.store.sync_always();
        self.power_goes = false;
        self.world.paused.store(false, Ordering::Relaxed);
        let until = Instant::now() + REST_MAX;
        let mut looks = 0;
        while looks < QUIET_LOOKS {
            if Instant::now() > until {
                let status = operations.status().await.map_err(|error| error.to_string())?;
                return Ok(End::Stuck(format!("it did not come to rest: {:?}", status.syncs)));
            }
            resume(operations, self.scenario.habits.len()).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now_us = self.world.now_us();
            let told = self.world.places.iter().all(|place| place.has_told_all(now_us));
            let quiet =
                told && operations.status().await.is_ok_and(|status| status.syncs.iter().all(|sync| sync.quiet));
            looks = if quiet { looks + 1 } else { 0 };
        }
        let before = self.writes();
        tokio::time::sleep(STILL).await;
        let after = self.writes();
        if after != before {
            return Ok(End::Stuck(format!("{} writes after everything was quiet", after - before)));
        }
        let kept = verdict::kept(operations, self.identity()).await?;
        self.tell_journal(operations).await;
        Ok(End::Rest(kept, explained(operations, &self.world).await))
    }

    async fn tell_journal(&self, operations: &Operations) {
        let all = Filter { limit: verdict::LISTED_MAX, ..Filter::default() };
        let entries = operations.journal("people", &all).await.unwrap_or_default();
        for entry in entries.iter().rev() {
            self.world.tell(|| format!("journal {entry:?}"));
        }
    }

    fn writes(&self) -> u64 {
        self.world.places.iter().map(|place| place.table().runtime_writes).sum()
    }
}

/// Ends every pause.
async fn resume(operations: &Operations, sides: usize) {
    let Ok(status) = operations.status().await else { return };
    for sync in &status.syncs {
        if sync.phase == "paused" {
            let _ = operations.resume("people", None, "op").await;
        }
        for side in sync.sides.iter().filter(|side| side.paused).take(sides) {
            let _ = operations.resume("people", Some(&side.name), "op").await;
        }
    }
}
