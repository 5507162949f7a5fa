//! What sampled rows add to names and types, on rows made up for it: the same
//! people and their deals as two systems would hold them.

use lockstep_core::{
    propose::{ACCEPT_ABOVE, Decided, Described, Proposal, Reason, propose},
    schema::Object,
    value::Value,
};

use crate::schemas::object;

const ROWS: usize = 40;

const ONE: &str = "object Person | Person
key Id
Id || text
Email || text
Type || text
Home_Town__c || text
Expected || decimal
CallSeconds | Call duration | decimal
Stage || text
AccountId || text | -> Account";

const OTHER: &str = "object people | People
key id
id || int
email_addr || text
type || text
zz_ort || text
expected || decimal
call_duration || decimal
stage || text
account_id || int | -> accounts
owner_account_id || int | -> accounts";

fn text(text: impl AsRef<str>) -> Value {
    Value::text(text)
}

/// By column, in the object's order. `from`: the first person's number.
fn one(from: usize) -> Vec<Vec<Value>> {
    let column = |value: &dyn Fn(usize) -> Value| (from..from + ROWS).map(value).collect();
    vec![
        column(&|n| text(format!("003-{n}"))),
        column(&|n| text(format!("person{n}@example.org"))),
        column(&|n| text(["Customer", "Partner"][n % 2])),
        column(&|n| text(format!("Town {}", n * 7 % 23))),
        column(&|n| Value::Decimal(format!("{}.50", n * 13).into())),
        column(&|n| Value::Int(i64::try_from(n * 3 + 1).unwrap_or_default())),
        column(&|n| text(["Won", "Lost", "New"][n % 3])),
        column(&|n| text(format!("001-{}", n % 7))),
    ]
}

/// The same people in another order, some in another notation.
fn other() -> Vec<Vec<Value>> {
    let column = |value: &dyn Fn(usize) -> Value| (0..ROWS).rev().map(value).collect();
    let int = |n: usize| Value::Int(i64::try_from(n).unwrap_or_default());
    vec![
        column(&int),
        column(&|n| text(format!("Person{n}@Example.org"))),
        column(&|n| text(["private", "business", "other"][n / 3 % 3])),
        column(&|n| text(format!("town {}", n * 7 % 23))),
        column(&|n| int(n * 29 % 17)),
        column(&|n| int((n * 3 + 1) * 1000)),
        column(&|n| text(["3 - won", "4 - lost", "1 - new"][n % 3])),
        column(&|n| int(n % 7 + 50)),
        column(&|n| int(n * 5 % 3)),
    ]
}

fn proposals(samples: (&[Vec<Value>], &[Vec<Value>])) -> Vec<Proposal> {
    let (a, b): (Object, Object) = (object(ONE), object(OTHER));
    let sides = [
        Described { side: "a", object: &a, samples: samples.0 },
        Described { side: "b", object: &b, samples: samples.1 },
    ];
    propose(&sides, &Decided::default()).proposals
}

fn of<'p>(all: &'p [Proposal], column: &str) -> Option<(&'p str, f64, &'p [Reason])> {
    let found =
        all.iter().find(|proposal| proposal.columns.iter().any(|(side, name)| side == "a" && name == column))?;
    let (_, other) = found.columns.iter().find(|(side, _)| side == "b")?;
    Some((other, found.confidence, &found.reasons))
}

#[test]
fn rows_that_are_the_same_record_prove_a_pair_whatever_its_columns_are_called() {
    let all = proposals((&one(0), &other()));
    let (column, confidence, _) = of(&all, "Home_Town__c").expect("the towns");
    assert_eq!(column, "zz_ort");
    assert!(confidence >= ACCEPT_ABOVE, "{confidence}");
    let (column, confidence, _) = of(&all, "AccountId").expect("the accounts");
    assert_eq!(column, "account_id");
    assert!(confidence >= ACCEPT_ABOVE, "{confidence}");
}

#[test]
fn one_name_with_two_meanings_is_not_proposed_when_rows_differ() {
    let all = proposals((&one(0), &other()));
    assert_eq!(of(&all, "Type"), None);
    assert_eq!(of(&all, "Expected"), None);
}

#[test]
fn another_unit_and_other_words_are_put_to_a_person() {
    let all = proposals((&one(0), &other()));
    let (column, confidence, reasons) = of(&all, "CallSeconds").expect("the durations");
    assert_eq!(column, "call_duration");
    assert!(confidence < ACCEPT_ABOVE && reasons.contains(&Reason::OtherScale(1000)), "{reasons:?}");
    let (column, confidence, reasons) = of(&all, "Stage").expect("the stages");
    assert_eq!(column, "stage");
    assert!(confidence < ACCEPT_ABOVE && reasons.contains(&Reason::InOtherWords), "{reasons:?}");
}

#[test]
fn without_common_rows_a_name_that_says_little_is_asked_about() {
    for samples in [(Vec::new(), Vec::new()), (one(1000), other())] {
        let all = proposals((&samples.0, &samples.1));
        let (column, confidence, _) = of(&all, "Type").expect("the types");
        assert_eq!(column, "type");
        assert!(confidence < ACCEPT_ABOVE, "{confidence}");
        let (_, confidence, _) = of(&all, "Email").expect("the addresses");
        assert!(confidence >= ACCEPT_ABOVE, "{confidence}");
    }
}
