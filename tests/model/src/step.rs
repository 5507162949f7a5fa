//! What can happen next, and what the world is like after it.

use stateright::{Model, Property};

use super::{
    properties,
    protocol::{Flight, Owner, Protocol, SIDES, Stage, Stored, Token, World},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Edit {
        side: usize,
    },
    /// An owner takes the next change of a side's stream.
    Take {
        owner: usize,
        side: usize,
    },
    /// What it planned is committed, or refused: then it ends.
    Commit {
        owner: usize,
    },
    Send {
        owner: usize,
        side: usize,
    },
    /// The request arrives at the system.
    Arrive {
        owner: usize,
        side: usize,
    },
    LoseRequest {
        owner: usize,
        side: usize,
    },
    LoseAnswer {
        owner: usize,
        side: usize,
    },
    /// The answer, or the row read after one was lost, is settled.
    Settle {
        owner: usize,
        side: usize,
    },
    Crash {
        owner: usize,
    },
    /// Another process takes the state over.
    Start,
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let mut world = World::default();
        world.planned.insert(0);
        vec![world]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if (world.edits.len() as u8) < self.bounds.edits {
            steps.extend((0..SIDES).map(|side| Step::Edit { side }));
        }
        if world.stored.epoch < self.bounds.epochs && world.owners.len() < 2 {
            steps.push(Step::Start);
        }
        for (owner, state) in world.owners.iter().enumerate() {
            self.steps_of(world, owner, state, steps);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        match step {
            Step::Edit { side } => {
                let system = &mut next.systems[side];
                next.edits.push((side, system.value));
                system.put(next.edits.len() as Token);
            }
            Step::Start => {
                next.stored.epoch += 1;
                let owner = Owner { memory: next.stored.clone(), committed: true, flights: Default::default() };
                next.owners.push(owner);
            }
            Step::Crash { owner } => {
                next.crashes += 1;
                next.owners.remove(owner);
            }
            Step::Take { owner, side } => self.take(&mut next, owner, side),
            Step::Commit { owner } => self.commit(&mut next, owner),
            Step::Send { owner, side } => {
                let state = &mut next.owners[owner];
                let (value, expected) = (state.memory.canonical, state.memory.observed[side]);
                state.flights[side] = Some(Flight { value, expected, stage: Stage::Sent });
            }
            Step::Arrive { owner, side } => self.arrive(&mut next, owner, side)?,
            Step::LoseRequest { owner, side } => {
                next.lost += 1;
                next.owners[owner].flights[side].as_mut()?.stage = Stage::Unknown;
            }
            Step::LoseAnswer { owner, side } => {
                next.lost += 1;
                self.arrive(&mut next, owner, side)?;
                next.owners[owner].flights[side].as_mut()?.stage = Stage::Unknown;
            }
            Step::Settle { owner, side } => self.settle(&mut next, owner, side)?,
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Protocol {
    fn steps_of(&self, world: &World, owner: usize, state: &Owner, steps: &mut Vec<Step>) {
        if world.crashes < self.bounds.crashes {
            steps.push(Step::Crash { owner });
        }
        if !state.committed {
            steps.push(Step::Commit { owner });
        }
        for side in 0..SIDES {
            let flight = &state.flights[side];
            let waits = self.parks && flight.is_some();
            if state.committed && !waits && state.memory.cursors[side] < world.systems[side].version() {
                steps.push(Step::Take { owner, side });
            }
            let may_send = state.committed || !self.commits_first;
            match flight {
                None if may_send && state.memory.canonical != state.memory.observed[side] => {
                    steps.push(Step::Send { owner, side });
                }
                None => {}
                Some(Flight { stage: Stage::Sent, .. }) => {
                    steps.push(Step::Arrive { owner, side });
                    if world.lost < self.bounds.lost {
                        steps.push(Step::LoseRequest { owner, side });
                        steps.push(Step::LoseAnswer { owner, side });
                    }
                }
                Some(_) if state.committed => steps.push(Step::Settle { owner, side }),
                Some(_) => {}
            }
        }
    }

    fn take(&self, world: &mut World, owner: usize, side: usize) {
        let state = &mut world.owners[owner];
        let place = state.memory.cursors[side];
        let Some(value) = world.systems[side].log.get(usize::from(place)).copied() else {
            return;
        };
        state.memory.cursors[side] = place + 1;
        if !self.cursor_with_effects && state.memory.epoch == world.stored.epoch {
            world.stored.cursors[side] = place + 1;
        }
        self.absorb(&mut state.memory, side, value, place + 1);
        state.committed = false;
    }

    fn commit(&self, world: &mut World, owner: usize) {
        let state = &mut world.owners[owner];
        let Stored { epoch, seq, .. } = state.memory;
        if self.fences && (epoch, seq) != (world.stored.epoch, world.stored.seq) {
            world.fenced += 1;
            world.owners.remove(owner);
            return;
        }
        state.memory.seq += 1;
        state.committed = true;
        world.stored = state.memory.clone();
        world.planned.insert(world.stored.canonical);
    }

    fn arrive(&self, world: &mut World, owner: usize, side: usize) -> Option<()> {
        let flight = world.owners[owner].flights[side].as_mut()?;
        let system = &mut world.systems[side];
        if !self.conditional || system.value == flight.expected {
            system.put(flight.value);
        }
        flight.stage = Stage::Answered { held: system.value, version: system.version() };
        Some(())
    }

    fn settle(&self, world: &mut World, owner: usize, side: usize) -> Option<()> {
        let state = &mut world.owners[owner];
        let flight = state.flights[side].take()?;
        let (held, version) = match flight.stage {
            Stage::Answered { held, version } => (held, version),
            Stage::Unknown | Stage::Sent => (world.systems[side].value, world.systems[side].version()),
        };
        // Applied: that is what the side shows now, and no news.
        if held == flight.value && version > state.memory.versions[side] {
            state.memory.observed[side] = held;
            state.memory.versions[side] = version;
        } else {
            self.absorb(&mut state.memory, side, held, version);
        }
        state.committed = false;
        Some(())
    }
}
