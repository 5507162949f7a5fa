//! What has to hold in every state that can be reached, and what has to be
//! reachable, or nothing was looked at.

use stateright::Property;

use super::protocol::{Protocol, SIDES, Token, World};

pub fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("a cursor passes no edit that is not accounted for", |_, world: &World| {
            (0..SIDES).all(|side| {
                let passed = world.systems[side].log.iter().take(usize::from(world.stored.cursors[side]));
                passed.filter(|token| **token != 0).all(|token| world.is_accounted(*token))
            })
        }),
        Property::always("a write was planned by a commit before it", |_, world: &World| {
            let flights = world.owners.iter().flat_map(|owner| owner.flights.iter().flatten());
            flights.into_iter().all(|flight| world.planned.contains(&flight.value))
        }),
        Property::always("once quiet, all sides agree", |_, world: &World| {
            !world.is_quiet() || world.systems.iter().all(|system| system.value == world.stored.canonical)
        }),
        Property::always("once quiet, no edit is lost", |_, world: &World| {
            !world.is_quiet() || (1..=world.edits.len()).all(|token| world.is_accounted(token as Token))
        }),
        Property::sometimes("edits meet", |_, world: &World| !world.stored.journal.is_empty()),
        Property::sometimes("an owner is fenced off", |_, world: &World| world.fenced > 0),
        Property::sometimes("an answer is lost and all come to rest", |protocol, world: &World| {
            world.lost > 0 && world.is_quiet() && world.edits.len() as u8 == protocol.bounds.edits
        }),
        Property::sometimes("a process dies and all come to rest", |protocol, world: &World| {
            world.crashes > 0 && world.is_quiet() && world.edits.len() as u8 == protocol.bounds.edits
        }),
    ]
}
