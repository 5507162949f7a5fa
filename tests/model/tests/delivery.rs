//! Every reachable state of the delivery protocol keeps the promise; without any
//! one of its rules, one that does not is found.

use lockstep_model::{Bounds, Protocol};
use stateright::{Checker, HasDiscoveries, Model};

/// What a run of the tests has time for; `LOCKSTEP_MODEL=deep` goes further.
fn bounds() -> Bounds {
    match std::env::var("LOCKSTEP_MODEL").as_deref() {
        Ok("deep") => Bounds { edits: 3, crashes: 1, lost: 1, epochs: 2 },
        _ => Bounds { edits: 2, crashes: 1, lost: 1, epochs: 2 },
    }
}

#[test]
fn no_order_of_events_loses_an_edit() {
    let checker = Protocol::sound(bounds()).checker().threads(1).spawn_bfs().join();
    checker.assert_properties();
    println!("{} states, {} of them different", checker.state_count(), checker.unique_state_count());
    assert!(checker.unique_state_count() > 10_000, "{}", checker.unique_state_count());
}

#[test]
fn each_rule_is_needed() {
    let sound = Protocol::sound(bounds());
    let without = [
        ("fencing", Protocol { fences: false, ..sound }),
        ("conditional writes", Protocol { conditional: false, ..sound }),
        ("commits before writes", Protocol { commits_first: false, ..sound }),
        ("cursors with their effects", Protocol { cursor_with_effects: false, ..sound }),
        ("order of versions", Protocol { ordered: false, ..sound }),
    ];
    for (rule, protocol) in without {
        let checker = protocol.checker().finish_when(HasDiscoveries::AnyFailures).threads(1).spawn_bfs().join();
        let always = ["a cursor passes", "a write was planned", "once quiet"];
        let found = checker.discoveries();
        assert!(
            found.keys().any(|name| always.iter().any(|begin| name.starts_with(begin))),
            "nothing is lost without {rule}: {:?}",
            found.keys()
        );
    }
}
