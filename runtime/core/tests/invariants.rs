//! The invariants of docs/semantics.md, over random histories of simulated systems.
#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    journal::What,
    record::{FieldId, SideId},
    spec::{DeletePolicy, Group, Policy, SyncSpec},
};
use proptest::prelude::*;
use world::{sides::Habit, spec, sync::World};

#[derive(Clone, Debug)]
enum Step {
    Insert { side: usize, mail: u8 },
    Edit { side: usize, row: usize, field: usize },
    Remove { side: usize, row: usize },
    Deliver { side: usize, count: usize },
    Send { side: usize, which: usize },
    Settle { which: usize },
    Lose { which: usize },
    Crash,
    Replay { side: usize, back: usize },
    Snapshot,
    Restore { which: usize },
    Slip { side: usize, field: usize },
    Again { side: usize, which: usize, mail: u8 },
    Rekey { side: usize, row: usize },
    Decide { which: usize, side: usize },
    Revert { which: usize },
    Anew { which: usize },
    Retry { which: usize },
    Refuse { side: usize, refused: bool },
}

fn calm() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..3usize, 0..6u8).prop_map(|(side, mail)| Step::Insert { side, mail }),
        6 => (0..3usize, 0..4usize, 1..3usize).prop_map(|(side, row, field)| Step::Edit { side, row, field }),
        6 => (0..3usize, 1..4usize).prop_map(|(side, count)| Step::Deliver { side, count }),
        6 => (0..3usize, 0..4usize).prop_map(|(side, which)| Step::Send { side, which }),
        5 => (0..4usize).prop_map(|which| Step::Settle { which }),
    ]
}

/// One row, one field, two sides: every interleaving of few things.
fn tight() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2usize).prop_map(|side| Step::Edit { side, row: 0, field: 1 }),
        1 => (0..2usize).prop_map(|side| Step::Remove { side, row: 0 }),
        4 => (0..2usize).prop_map(|side| Step::Deliver { side, count: 1 }),
        4 => (0..2usize).prop_map(|side| Step::Send { side, which: 0 }),
        3 => Just(Step::Settle { which: 0 }),
        1 => Just(Step::Lose { which: 0 }),
        1 => Just(Step::Crash),
        1 => (0..2usize, 1..4usize).prop_map(|(side, back)| Step::Replay { side, back }),
        1 => Just(Step::Snapshot),
        1 => (0..2usize).prop_map(|which| Step::Restore { which }),
    ]
}

fn with_deletes() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => calm(),
        1 => (0..3usize, 0..4usize).prop_map(|(side, row)| Step::Remove { side, row }),
    ]
}

fn rough() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => with_deletes(),
        2 => (0..4usize).prop_map(|which| Step::Lose { which }),
        1 => Just(Step::Crash),
        1 => (0..3usize, 1..10usize).prop_map(|(side, back)| Step::Replay { side, back }),
        2 => (0..3usize, 1..3usize).prop_map(|(side, field)| Step::Slip { side, field }),
    ]
}

fn with_restores() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => rough(),
        1 => Just(Step::Snapshot),
        1 => (0..3usize).prop_map(|which| Step::Restore { which }),
    ]
}

fn everything() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => with_restores(),
        2 => (0..3usize, 0..4usize, 0..6u8).prop_map(|(side, which, mail)| Step::Again { side, which, mail }),
        2 => (0..3usize, 0..4usize).prop_map(|(side, row)| Step::Rekey { side, row }),
        2 => (0..4usize, 0..3usize).prop_map(|(which, side)| Step::Decide { which, side }),
        1 => (0..100usize).prop_map(|which| Step::Revert { which }),
        1 => (0..100usize).prop_map(|which| Step::Anew { which }),
        1 => (0..4usize).prop_map(|which| Step::Retry { which }),
        1 => (0..3usize, any::<bool>()).prop_map(|(side, refused)| Step::Refuse { side, refused }),
    ]
}

fn run(world: &mut World, steps: &[Step]) {
    world.insert(0, "m0");
    world.insert(1, "m1");
    run_on(world, steps);
}

fn run_on(world: &mut World, steps: &[Step]) {
    let sides = world.systems.len();
    for step in steps {
        match *step {
            Step::Insert { side, mail } => {
                world.insert(side % sides, &format!("m{mail}"));
            }
            Step::Edit { side, row, field } => world.edit(side % sides, row, field, None),
            Step::Remove { side, row } => world.remove(side % sides, row),
            Step::Deliver { side, count } => {
                for _ in 0..count {
                    world.deliver(side % sides);
                }
            }
            Step::Send { side, which } => {
                world.send(side % sides, which);
            }
            Step::Settle { which } => {
                world.settle(which);
            }
            Step::Lose { which } => world.lose(which),
            Step::Crash => world.crash(),
            Step::Again { side, which, mail } => world.insert_again(side % sides, which, &format!("m{mail}")),
            Step::Rekey { side, row } => world.rekey(side % sides, row),
            Step::Decide { which, side } => world.decide(which, side % sides),
            Step::Revert { which } => world.revert(which, false),
            Step::Anew { which } => world.revert(which, true),
            Step::Retry { which } => world.retry(which),
            Step::Refuse { side, refused } => world.systems[side % sides].refuses = refused.then_some('7'),
            Step::Replay { side, back } => world.replay(side % sides, back),
            Step::Snapshot => world.snapshot(),
            Step::Restore { which } => world.restore(which),
            Step::Slip { side, field } => {
                let value = lockstep_core::value::Value::text(format!("slip{}", world.edits));
                world.systems[side % sides].slip = Some((field + 1, value));
            }
        }
    }
    for system in &mut world.systems {
        system.slip = None;
    }
}

fn habits() -> impl Strategy<Value = Vec<Habit>> {
    let habit = prop_oneof![
        3 => Just(Habit::Atomic),
        1 => Just(Habit::Normalising),
        1 => Just(Habit::ReadCheckWrite),
    ];
    prop::collection::vec(habit, 2..=3)
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Prefer(vec![SideId(0), SideId(1), SideId(2)])),
        Just(Policy::Prefer(vec![SideId(1), SideId(0), SideId(2)])),
        Just(Policy::Latest { otherwise: Box::new(Policy::Prefer(vec![SideId(0)])) }),
        Just(Policy::Latest { otherwise: Box::new(Policy::Hold) }),
        Just(Policy::Hold),
        Just(Policy::Max),
        Just(Policy::Min),
    ]
}

fn deletes() -> impl Strategy<Value = DeletePolicy> {
    prop_oneof![Just(DeletePolicy::UpdateWins), Just(DeletePolicy::DeleteWins), Just(DeletePolicy::Hold),]
}

prop_compose! {
    fn any_spec(sides: u8)(conflict in policy(), initial in policy(), deletes in deletes(), grouped in any::<bool>()) -> SyncSpec {
        let mut spec = spec(sides, &["f0", "f1", "f2"]);
        spec.conflict = conflict;
        spec.initial = initial;
        spec.deletes = deletes;
        spec.bounces_max = 250;
        if grouped {
            spec.groups = vec![Group { name: "pair".into(), fields: vec![FieldId(1), FieldId(2)] }];
            for field in &mut spec.fields[1..] {
                field.as_mut().unwrap().group = Some(0);
            }
        }
        spec
    }
}

fn settled(world: &mut World) {
    world.quiesce();
    world.check_convergence();
    world.check_conservation();
    let before = world.writes();
    world.quiesce();
    assert_eq!(world.writes(), before, "it is not quiet");
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_all_sides_agree_when_all_goes_well(
        spec in any_spec(3), habits in habits(), steps in prop::collection::vec(calm(), 0..80)
    ) {
        let mut world = World::new(cut(spec, &habits), &habits);
        run(&mut world, &steps);
        settled(&mut world);
    }

    #[test]
    fn nothing_is_lost_and_all_sides_agree_with_deletes(
        spec in any_spec(3), habits in habits(), steps in prop::collection::vec(with_deletes(), 0..80)
    ) {
        let mut world = World::new(cut(spec, &habits), &habits);
        run(&mut world, &steps);
        settled(&mut world);
    }

    #[test]
    fn nothing_is_lost_through_crashes_lost_outcomes_and_replays(
        spec in any_spec(3), habits in habits(), steps in prop::collection::vec(rough(), 0..120)
    ) {
        let mut world = World::new(cut(spec, &habits), &habits);
        run(&mut world, &steps);
        settled(&mut world);
    }

    #[test]
    fn an_older_state_is_safe_to_start_from(
        spec in any_spec(3), habits in habits(), steps in prop::collection::vec(with_restores(), 0..120)
    ) {
        let mut world = World::new(cut(spec, &habits), &habits);
        run(&mut world, &steps);
        settled(&mut world);
    }

    #[test]
    fn nothing_is_lost_between_two_editors_of_one_field(
        spec in any_spec(2), habit in habits(), steps in prop::collection::vec(tight(), 0..40)
    ) {
        let mut world = World::new(cut(spec, &habit[..2]), &habit[..2]);
        world.insert(0, "m0");
        world.quiesce();
        run_on(&mut world, &steps);
        settled(&mut world);
    }

    #[test]
    fn nothing_is_lost_whatever_people_and_operators_do(
        spec in any_spec(3), habits in habits(), steps in prop::collection::vec(everything(), 0..120)
    ) {
        let mut world = World::new(cut(spec, &habits), &habits);
        run(&mut world, &steps);
        settled(&mut world);
    }

    #[test]
    fn values_that_come_and_go_still_converge(
        spec in any_spec(3), steps in prop::collection::vec((rough(), 0..3u8), 0..100)
    ) {
        let mut world = World::new(spec, &[Habit::Atomic; 3]);
        world.insert(0, "m0");
        world.quiesce();
        for (step, value) in steps {
            match step {
                Step::Edit { side, row, field } => {
                    let value = lockstep_core::value::Value::text(["x", "y", "z"][usize::from(value)]);
                    world.edit(side, row, field, Some(value));
                }
                other => run_on(&mut world, &[other]),
            }
        }
        world.quiesce();
        world.check_convergence();
    }

    #[test]
    fn edits_cause_at_most_one_write_per_other_side(
        spec in any_spec(3), steps in prop::collection::vec(with_deletes(), 0..80)
    ) {
        let mut world = World::new(spec, &[Habit::Atomic; 3]);
        run(&mut world, &steps);
        settled(&mut world);
        prop_assert!(world.writes() <= world.edits * 2, "{} writes for {} edits", world.writes(), world.edits);
    }

    #[test]
    fn the_same_inputs_give_the_same_state_byte_for_byte(
        spec in any_spec(3), habits in habits(), steps in prop::collection::vec(rough(), 0..60)
    ) {
        let spec = cut(spec, &habits);
        let (mut one, mut two) = (World::new(spec.clone(), &habits), World::new(spec, &habits));
        run(&mut one, &steps);
        run(&mut two, &steps);
        prop_assert_eq!(one.store, two.store);
        prop_assert_eq!(one.journal, two.journal);
    }

    #[test]
    fn replaying_streams_alone_raises_no_conflict(
        steps in prop::collection::vec(calm(), 0..80), side in 0..3usize, back in 1..40usize
    ) {
        let mut world = World::new(spec(3, &["f0", "f1", "f2"]), &[Habit::Atomic; 3]);
        run(&mut world, &steps);
        settled(&mut world);
        let (writes, conflicts) = (world.writes(), conflicts(&world));
        world.replay(side, back);
        settled(&mut world);
        prop_assert_eq!((world.writes(), self::conflicts(&world)), (writes, conflicts));
    }
}

fn conflicts(world: &World) -> usize {
    world.journal.iter().filter(|entry| matches!(entry.what, What::Conflict { .. })).count()
}

fn cut(mut spec: SyncSpec, habits: &[Habit]) -> SyncSpec {
    spec.sides.truncate(habits.len());
    spec
}
