//! What one seed decides before anything runs: the systems, the rules, and what
//! happens when.

use super::{dice::Dice, habits::Habits};

/// Something that happens in the world, apart from the runtime's own work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Edit {
        side: usize,
    },
    Insert {
        side: usize,
    },
    /// The same record appears at two sides at once.
    Twins {
        side: usize,
        other: usize,
    },
    Delete {
        side: usize,
    },
    /// Somebody edits a row and deletes it a moment later.
    EditAndDelete {
        side: usize,
    },
    /// Two people edit the same field of a record at two sides.
    Clash {
        side: usize,
        other: usize,
    },
    Stall {
        side: usize,
        for_ms: u64,
    },
    Faults {
        side: usize,
        percent: u64,
    },
    Slow {
        side: usize,
        latency_max_ms: u64,
    },
    Calm {
        side: usize,
    },
    Forget {
        side: usize,
    },
    Pause {
        side: Option<usize>,
    },
    Resume,
    Resolve,
    Retry,
    Revert,
    Replay,
    Compare {
        side: usize,
    },
    Snapshot,
    /// The runtime dies so many steps later...
    Crash {
        steps: u64,
    },
    /// ...and an older state is put back.
    Restore {
        steps: u64,
    },
    /// The machine loses its power so many steps later: what was committed since
    /// the log was last synced is gone.
    PowerCut {
        steps: u64,
    },
    /// A row gets another key.
    Rekey {
        side: usize,
    },
    /// The next record that the runtime makes there, somebody makes there too, after
    /// the runtime has looked whether it is there.
    Rival {
        side: usize,
    },
    /// A clock jumps: a side's, or (none) the runtime's own.
    Jump {
        side: Option<usize>,
        by_ms: i64,
    },
    /// The runtime is started anew with other rules in its file.
    Rules {
        conflict: &'static str,
        deletes: &'static str,
    },
}

/// What people and operators do, by [`Event::name`].
pub const DEEDS: [&str; 14] = [
    "edit",
    "insert",
    "twins",
    "delete",
    "edit-delete",
    "clash",
    "pause",
    "resolve",
    "retry",
    "revert",
    "replay",
    "compare",
    "rekey",
    "rival",
];
/// What goes wrong meanwhile, or went wrong before.
pub const TROUBLES: [&str; 10] =
    ["stall", "faults", "slow", "forget", "pause", "crash", "restore", "power-cut", "jump", "rules"];

impl Event {
    /// The sides it is about.
    pub fn sides(&self) -> impl Iterator<Item = usize> {
        let (one, other) = match self {
            Event::Edit { side }
            | Event::Insert { side }
            | Event::Delete { side }
            | Event::EditAndDelete { side }
            | Event::Stall { side, .. }
            | Event::Faults { side, .. }
            | Event::Slow { side, .. }
            | Event::Calm { side }
            | Event::Forget { side }
            | Event::Compare { side }
            | Event::Rekey { side }
            | Event::Rival { side } => (Some(*side), None),
            Event::Twins { side, other } | Event::Clash { side, other } => (Some(*side), Some(*other)),
            Event::Pause { side } | Event::Jump { side, .. } => (*side, None),
            Event::Resume
            | Event::Resolve
            | Event::Retry
            | Event::Revert
            | Event::Replay
            | Event::Snapshot
            | Event::Crash { .. }
            | Event::Restore { .. }
            | Event::PowerCut { .. }
            | Event::Rules { .. } => (None, None),
        };
        one.into_iter().chain(other)
    }

    /// For counting what was met together with what.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Edit { .. } => "edit",
            Event::Insert { .. } => "insert",
            Event::Twins { .. } => "twins",
            Event::Delete { .. } => "delete",
            Event::EditAndDelete { .. } => "edit-delete",
            Event::Clash { .. } => "clash",
            Event::Stall { .. } => "stall",
            Event::Faults { .. } => "faults",
            Event::Slow { .. } => "slow",
            Event::Calm { .. } => "calm",
            Event::Forget { .. } => "forget",
            Event::Pause { .. } => "pause",
            Event::Resume => "resume",
            Event::Resolve => "resolve",
            Event::Retry => "retry",
            Event::Revert => "revert",
            Event::Replay => "replay",
            Event::Compare { .. } => "compare",
            Event::Snapshot => "snapshot",
            Event::Crash { .. } => "crash",
            Event::Restore { .. } => "restore",
            Event::PowerCut { .. } => "power-cut",
            Event::Rekey { .. } => "rekey",
            Event::Rival { .. } => "rival",
            Event::Jump { .. } => "jump",
            Event::Rules { .. } => "rules",
        }
    }

    pub fn is_deed(&self) -> bool {
        matches!(
            self,
            Event::Edit { .. }
                | Event::Insert { .. }
                | Event::Twins { .. }
                | Event::Delete { .. }
                | Event::EditAndDelete { .. }
                | Event::Clash { .. }
                | Event::Rekey { .. }
                | Event::Rival { .. }
        )
    }
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub habits: Vec<Habits>,
    /// The key is a mapped field: the same everywhere.
    pub shares_key: bool,
    pub conflict: &'static str,
    pub deletes: &'static str,
    /// Records there before anything runs.
    pub records: usize,
    /// When (in milliseconds since the world began) and what.
    pub agenda: Vec<(u64, Event)>,
}

const CONFLICTS: [&str; 4] =
    ["{ prefer = \"a\" }", "{ prefer = \"b\" }", "{ latest = true, else = { prefer = \"a\" } }", "\"hold\""];
const DELETES: [&str; 3] = ["update-wins", "delete-wins", "hold"];
const NAMES: [&str; 3] = ["a", "b", "c"];
/// People and faults are busy for so long.
const BUSY_MS: u64 = 25_000;

impl Scenario {
    /// `logs`: only systems that tell everything in order and write conditionally.
    pub fn new(seed: u64, logs: bool) -> Self {
        let mut dice = Dice::new(seed);
        let sides = if dice.percent(30) { 3 } else { 2 };
        let habits: Vec<Habits> = (0..sides).map(|_| Habits::any(&mut dice, logs)).collect();
        let shares_key = dice.percent(50);
        let conflict = dice.pick(&CONFLICTS).copied().unwrap_or("\"hold\"");
        let deletes = dice.pick(&DELETES).copied().unwrap_or("update-wins");
        let records = 2 + dice.roll(5) as usize;
        let troubled = dice.percent(80);
        let count = 15 + dice.roll(30);
        let mut agenda: Vec<(u64, Event)> =
            (0..count).map(|_| (dice.roll(BUSY_MS), event(&mut dice, sides, troubled))).collect();
        agenda.sort();
        Scenario { seed, habits, shares_key, conflict, deletes, records, agenda }
    }

    /// The same, and more happens: power cuts, clocks that jump, keys that change,
    /// rules that change. Leaves what a seed means without it as it is.
    pub fn harsh(seed: u64, logs: bool) -> Self {
        let mut scenario = Scenario::new(seed, logs);
        let mut dice = Dice::new(seed ^ 0x0048_4152_5348);
        let sides = scenario.habits.len();
        let count = 3 + dice.roll(8);
        scenario.agenda.extend((0..count).map(|_| (dice.roll(BUSY_MS), harsh_event(&mut dice, sides))));
        scenario.agenda.sort();
        scenario
    }

    /// The same, and records are made twice in one moment: more of them, and by rivals.
    /// An older state does not know which row of two the runtime made, and what is told
    /// after a pause is told too late: none is put back, and nothing paused.
    pub fn rivals(mut self) -> Self {
        self.agenda.retain(|(_, event)| !{
            matches!(event, Event::Restore { .. } | Event::PowerCut { .. } | Event::Pause { .. })
        });
        let mut dice = Dice::new(self.seed ^ 0x5249_5641_4C53);
        let sides = self.habits.len() as u64;
        for _ in 0..4 + dice.roll(8) {
            let (at_ms, side) = (dice.roll(BUSY_MS), dice.roll(sides) as usize);
            self.agenda.push((at_ms, Event::Rival { side }));
            let from = (side + 1 + dice.roll(sides - 1) as usize) % sides as usize;
            self.agenda.push((at_ms + dice.roll(300), Event::Insert { side: from }));
        }
        self.agenda.sort();
        self
    }

    /// Whether the state has to be copied as often as its log would be synced.
    pub fn loses_power(&self) -> bool {
        self.agenda.iter().any(|(_, event)| matches!(event, Event::PowerCut { .. }))
    }

    pub fn name(side: usize) -> &'static str {
        NAMES.get(side).copied().unwrap_or("?")
    }

    /// The file.
    pub fn config(&self) -> String {
        let names = || (0..self.habits.len()).map(Scenario::name);
        let everywhere = |what: &str| {
            let each: Vec<String> = names().map(|name| format!("{name} = \"{what}\"")).collect();
            each.join(", ")
        };
        let connections: String =
            names().map(|name| format!("[connections.{name}]\nconnector = \"simulated\"\n")).collect();
        let matched = if self.shares_key { "id" } else { "email" };
        let mut text = format!(
            "{connections}\n[syncs.people]\nsides = {{ {} }}\nmatch = [\"{matched}\"]\nconflict = {}\n\
             deletes = \"{}\"\ndelete_storm = false\nbounces_max = 100\n\n[syncs.people.fields]\n",
            everywhere("people"),
            self.conflict,
            self.deletes
        );
        let key = self.shares_key.then_some("id");
        for field in key.into_iter().chain(["email", "name", "phone", "city", "note"]) {
            text += &format!("{field} = {{ {} }}\n", everywhere(field));
        }
        text
    }
}

fn event(dice: &mut Dice, sides: usize, troubled: bool) -> Event {
    let side = dice.roll(sides as u64) as usize;
    let other = (side + 1 + dice.roll(sides as u64 - 1) as usize) % sides;
    let deed = match dice.roll(100) {
        0..=44 => Event::Edit { side },
        45..=61 => Event::Clash { side, other },
        62..=75 => Event::Insert { side },
        76..=81 => Event::Twins { side, other },
        82..=91 => Event::Delete { side },
        _ => Event::EditAndDelete { side },
    };
    if !troubled || dice.percent(65) {
        return deed;
    }
    match dice.roll(19) {
        0 | 1 => Event::Stall { side, for_ms: 200 + dice.roll(6_000) },
        2 | 3 => Event::Faults { side, percent: 5 + dice.roll(40) },
        4 => Event::Slow { side, latency_max_ms: 50 + dice.roll(1_500) },
        5 | 6 => Event::Calm { side },
        7 => Event::Forget { side },
        8 => Event::Pause { side: dice.percent(50).then_some(side) },
        9 | 10 => Event::Resume,
        11 => Event::Resolve,
        12 => Event::Retry,
        13 => Event::Revert,
        14 => Event::Compare { side },
        15 => Event::Snapshot,
        16 => Event::Restore { steps: dice.roll(40) },
        17 => Event::Replay,
        _ => Event::Crash { steps: dice.roll(60) },
    }
}

fn harsh_event(dice: &mut Dice, sides: usize) -> Event {
    let side = dice.roll(sides as u64) as usize;
    let other = (side + 1 + dice.roll(sides as u64 - 1) as usize) % sides;
    match dice.roll(12) {
        0 | 1 => Event::PowerCut { steps: dice.roll(60) },
        2..=4 => Event::Rekey { side },
        5 | 6 => {
            let by_ms = dice.roll(240_000) as i64 - 120_000;
            Event::Jump { side: dice.percent(60).then_some(side), by_ms }
        }
        7 => Event::Rules {
            conflict: dice.pick(&CONFLICTS).copied().unwrap_or("\"hold\""),
            deletes: dice.pick(&DELETES).copied().unwrap_or("hold"),
        },
        8 | 9 => Event::EditAndDelete { side },
        _ => Event::Clash { side, other },
    }
}
