//! Code for one field or one rule: that it is a function of its arguments, and that
//! nothing it does reaches further than its own call.

use std::{sync::Arc, time::Instant};

use lockstep_core::{
    code::{Claimant, Contested, Dispute, Judge, Ruling, Transform},
    schema::Kind,
    value::{Timestamp, Value},
};
use lockstep_host::{HostError, LoadLimits};

use crate::guests;

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(guests::path(name)).expect("a component")
}

async fn maker() -> Arc<dyn Transform> {
    guests::host().transform(bytes("maker"), &LoadLimits::default()).await.expect("a transform")
}

async fn judge() -> Arc<dyn Judge> {
    guests::host().policy(bytes("judge"), &LoadLimits::default()).await.expect("a policy")
}

fn read(maker: &dyn Transform, text: &str) -> Result<Value, String> {
    maker.read(&[&Value::text(text)])
}

#[tokio::test]
async fn it_says_what_it_takes_and_gives_and_makes_values_both_ways() {
    let maker = maker().await;
    let about = maker.about();
    assert_eq!((about.name.as_str(), about.gives.kind, about.writes), ("maker", Kind::Text, true));
    assert_eq!(about.takes.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["text"]);
    assert!(about.takes[0].fits(Kind::Text) && !about.takes[0].fits(Kind::Int));
    assert_eq!(read(&*maker, "äbc"), Ok(Value::text("cbä")));
    assert_eq!(maker.write(&Value::text("cbä")), Ok(Value::text("äbc")));
    assert_eq!(maker.digest(), lockstep_host::digest_of(&bytes("maker")));
}

#[tokio::test]
async fn the_same_arguments_give_the_same_whatever_came_before() {
    let (one, other) = (maker().await, maker().await);
    for asked in ["again", "random", "time"] {
        let first = read(&*one, asked).expect(asked);
        assert_eq!(read(&*one, asked).as_ref(), Ok(&first), "{asked}");
        assert_eq!(read(&*other, asked).as_ref(), Ok(&first), "{asked}");
        // Other words for the same, so that no answer is remembered.
        for n in 0..3 {
            assert_eq!(read(&*one, &format!("{asked} {n}")).as_ref(), Ok(&first), "{asked}");
        }
    }
    assert_eq!(read(&*one, "again, now"), Ok(Value::text("0")), "each call has an instance of its own");
    assert_eq!(read(&*one, "time, now"), Ok(Value::text("0 0")), "no time passes");
}

#[tokio::test]
async fn a_call_that_does_not_end_takes_too_much_or_breaks_off_says_so_and_the_next_one_is_answered() {
    let maker = maker().await;
    for (asked, why) in [
        ("spin", "it computed longer than a call may"),
        ("grow", "it failed: "),
        ("trap", "it failed: "),
        ("much", "it gave a value of 2097152 bytes"),
        ("no", "it does not want this one"),
    ] {
        let begun = Instant::now();
        let told = read(&*maker, asked).expect_err(asked);
        assert!(told.starts_with(why), "{asked}: {told}");
        assert!(begun.elapsed().as_secs() < 5, "{asked} took {:?}", begun.elapsed());
        assert_eq!(read(&*maker, "ok"), Ok(Value::text("ko")), "after {asked}");
    }
}

#[tokio::test]
async fn code_that_keeps_failing_is_left_alone_for_a_while() {
    let maker = maker().await;
    for _ in 0..20 {
        assert!(read(&*maker, "spin").is_err());
    }
    // Asked, it would have answered.
    let told = read(&*maker, "ok").expect_err("it is parked");
    assert!(told.contains("calls in a row failed"), "{told}");
}

fn ruling(judge: &dyn Judge, incumbent: &str, incoming: &str) -> Result<Ruling, String> {
    let (incumbent, incoming) = (Value::text(incumbent), Value::text(incoming));
    judge.decide(&Dispute {
        sync: "people",
        incumbent: Claimant { side: "a", at: Timestamp(1) },
        incoming: Claimant { side: "b", at: Timestamp(2) },
        fields: vec![Contested { field: "name", base: None, incumbent: &incumbent, incoming: &incoming }],
        record: vec![("name", &incumbent), ("city", &Value::Null)],
    })
}

#[tokio::test]
async fn a_policy_decides_merges_asks_a_person_or_fails_with_its_reason() {
    let judge = judge().await;
    assert_eq!(ruling(&*judge, "short", "longer"), Ok(Ruling::Incoming));
    assert_eq!(ruling(&*judge, "longer", "short"), Ok(Ruling::Incumbent));
    assert_eq!(ruling(&*judge, "merge! b", "a"), Ok(Ruling::Merged(Value::text("a+merge! b"))));
    assert_eq!(ruling(&*judge, "hold!", "x"), Ok(Ruling::Hold("a and b disagree".to_owned())));
    assert_eq!(ruling(&*judge, "no!", "x"), Err("it was told not to".to_owned()));
}

#[tokio::test]
async fn what_is_made_for_another_world_is_refused_by_name() {
    let host = guests::host();
    let limits = LoadLimits::default();
    let refused = host.policy(bytes("maker"), &limits).await.err().expect("no policy");
    assert!(matches!(&refused, HostError::ContractVersion { found, .. } if found.contains("policy")), "{refused}");
    let refused = host.transform(bytes("echo"), &limits).await.err().expect("no transform");
    assert!(matches!(&refused, HostError::ForeignImport { .. } | HostError::ContractVersion { .. }), "{refused}");
    let small = LoadLimits { component_bytes_max: 100, ..limits };
    assert!(matches!(host.transform(bytes("maker"), &small).await, Err(HostError::TooLarge { .. })));
}
