//! Bugs for the engine: what waits, what is delivered when, how far a cursor goes.

use super::{Mutant, bug};

const WATERMARK: &str = "runtime/engine/src/sync/watermark.rs";
const SIDE: &str = "runtime/engine/src/sync/side.rs";
const FETCHED: &str = "runtime/engine/src/sync/fetched.rs";
const UNCERTAIN: &str = "runtime/engine/src/sync/uncertain.rs";
const TURN: &str = "runtime/engine/src/sync/turn.rs";
const TOLD: &str = "runtime/engine/src/sync/told.rs";
const OUTCOME: &str = "runtime/engine/src/sync/outcome.rs";
const FOLLOW: &str = "runtime/engine/src/sync/follow.rs";
const TWINS: &str = "runtime/engine/src/sync/twins.rs";
const MADE: &str = "runtime/engine/src/sync/made.rs";
const DELIVER: &str = "runtime/engine/src/sync/deliver.rs";
const PHASE: &str = "runtime/engine/src/sync/phase.rs";
const GUARD: &str = "runtime/engine/src/sync/guard.rs";
const ACTOR: &str = "runtime/engine/src/sync/actor.rs";
const HINT: &str = "runtime/engine/src/sync/hint.rs";
const DOUBT: &str = "runtime/engine/src/sync/doubt.rs";
const CACHE: &str = "runtime/engine/src/sync/cache.rs";
const COMPARE: &str = "runtime/engine/src/sync/compare.rs";

pub const BUGS: &[Mutant] = &[
    bug(WATERMARK, "fn advance(", "open.waiting + open.doubted == 0", "open.waiting == 0"),
    bug(WATERMARK, "fn advance(", "open.waiting + open.doubted == 0", "true"),
    bug(WATERMARK, "fn is_past(", "open.waiting == 0", "true"),
    bug(WATERMARK, "fn hold(", "open.waiting += 1", "()"),
    bug(SIDE, "fn blocks(", "self.in_flight.contains(&record)", "false"),
    bug(SIDE, "fn creating_group(", "group.or(self.suspects_open.then_some(0))", "None"),
    bug(SIDE, "fn moves_with(", "self.parked_moves.get(key).copied()", "None"),
    bug(SIDE, "fn withholds_creates(", "self.backlog != Backlog::Absorbed && !self.suspects_open", "false"),
    bug(SIDE, "fn want(", "known.tickets.extend(tickets)", "drop(tickets)"),
    bug(TOLD, "fn waits_behind(", "behind.has(set, run.id, key)", "false"),
    bug(FETCHED, "fn absorb_news(", "unordered && (reading.overtaken || in_flight)", "false"),
    bug(OUTCOME, "fn settle(", "*outcome == Outcome::Gone && is_doubtful(set, run, sent)", "false"),
    bug(
        FETCHED,
        "fn absorb_second_look(",
        "planner.absorb_told_last(set, run.id, &batch, 0)",
        "lockstep_core::plan::Absorbed::Done",
    ),
    bug(FETCHED, "fn absorb_second_look(", "**link != doubt.known", "false"),
    bug(TOLD, "fn absorb_page(", "run.blocks(record) || unsure", "false"),
    bug(TURN, "fn take_turn(", "read_first.contains(&side)", "false"),
    bug(FETCHED, "fn take_as_made(", "set.by_key(run.id, &row.key).is_none()", "true"),
    bug(FOLLOW, "impl Counted", "self.0.contains(&(side, key.clone()))", "false"),
    bug(TURN, "async fn turn(", "self.wanted_again(&set, &refs, &delta, &follow)", "Vec::new()"),
    bug(OUTCOME, "fn settle(", "run.settled(sent.record, &mut follow.freed)", "()"),
    bug(FETCHED, "fn absorb_news(", "planner.keep_glimpse(set, run.id, &batch, 0)", "drop(batch)"),
    bug(FETCHED, "fn news_waits(", "awaits_another(planner, set, run, (key, tickets, rows))", "false"),
    bug(TOLD, "fn waits_for_write(", "keep_while_parked(planner, set, run, &one.alone(), follow)", "()"),
    bug(TOLD, "let may_be_one =", "planner.told_match(set, run.id, one.place(), in_flight).is_some()", "true"),
    bug(
        TOLD,
        "if one.kind() == ChangeKind::Delete {",
        "planner.presume_made(set, run.id, key, |record| run.may_have_made(record, false))",
        "false",
    ),
    bug(
        FETCHED,
        "fn absorb_news(",
        "planner.presume_made(set, run.id, key, |record| run.may_have_made(record, is_thin))",
        "false",
    ),
    bug(SIDE, "fn may_have_made(", "!is_log", "true"),
    bug(UNCERTAIN, "fn has(", "!self.records.is_empty() && self.records.contains_key(&record)", "false"),
    bug(DELIVER, "fn give_writes(", "self.core.cache.is_uncommitted(record)", "false"),
    bug(DELIVER, "fn give_writes(", "run.in_flight.contains(&record)", "false"),
    bug(DELIVER, "fn look_up_suspects(", "sent.record.0 < run.suspect_below || !refuses_twins", "false"),
    bug(DELIVER, "fn give_writes(", "sent.intent.action == Action::Create && run.withholds_creates()", "false"),
    bug(PHASE, "SyncPhase::Sweep { after } =>", "flight.seq <= self.sweep_behind", "false"),
    bug(PHASE, "self.commit(delta, besides, flight);\n                if gap {", "self.compare(id)", "()"),
    bug(GUARD, "let counts =", "in_window > limits.count || (counts && share)", "false"),
    bug(ACTOR, "fn acknowledged(", "self.enqueue(&flight.marks)", "()"),
    bug(ACTOR, "fn tick(", "*seq <= on_disk", "true"),
    bug(HINT, "fn add(", "tells_an_end(&batch)", "false"),
    bug(
        DOUBT,
        "fn restart(",
        "self.fresh.extend(passing.into_iter().chain(asked).flatten())",
        "drop((passing, asked))",
    ),
    bug(CACHE, "fn committed(", "self.committed = self.committed.max(seq)", "()"),
    bug(COMPARE, "async fn run(", "self.missing(&seen, &mut compared)?", "()"),
    bug(COMPARE, "fn is_as_known(", "shown.is_none() || shown == known", "true"),
    bug(TWINS, "fn look_for_twins(", "spec.side(self.id).is_none_or(|side| side.refuses_twins)", "true"),
    bug(TWINS, "fn look_for_made(", "set.by_key(self.id, key) == Some(sent.record)", "false"),
    bug(TWINS, "fn is_made_meanwhile(", "!self.creating.is_empty()", "false"),
    bug(PHASE, "Notice::Made => {", "!resume_look(&self.core, run, &key)?", "true"),
    bug(FOLLOW, "fn forget_parked(", "!run.doubts.concern(key)", "true"),
    bug(
        DELIVER,
        "fn give_writes(",
        "sent.intent.action == Action::Create && run.give_up_uncertain(*record, &mut self.staged.freed)",
        "false",
    ),
    bug(FETCHED, "fn absorb_fetched(", "heed_known(planner.spec, set, run, &rows, follow)", "()"),
    bug(
        FETCHED,
        "fn take_as_made(",
        "ours.is_none() && planner.lives_elsewhere(set, run.id, sent.record, row)",
        "false",
    ),
    bug(FETCHED, "fn absorb_news(", "hint::shows_all(batch, &run.selection)", "true"),
    bug(TOLD, "fn stranger_waits(", "!run.parked.is_empty()", "false"),
    bug(TOLD, "fn absorb_one(", "follows_news(planner, set, run, one)", "false"),
    bug(SIDE, "fn may_have_made(", "self.forgot", "false"),
    bug(HINT, "fn unname(", "self.unnamed.insert(key.clone(), self.told)", "None::<u64>"),
    bug(MADE, "fn passed(", "*until <= time", "true"),
    bug(
        TURN,
        "fn wanted_again(",
        "Some(Mark { record: *record, side: *side, action })",
        "action.map(|action| Mark { record: *record, side: *side, action: Some(action) })",
    ),
    bug(DELIVER, "fn give_writes(", "plan::affirm(&spec, record, id, fields, sent)", "sent"),
];
