//! Code in the mapping and in the merge: what it is given, what its answers become,
//! and that nothing is lost when it gives none.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_types, reason = "what the oracle was asked is kept behind a lock")]

mod world;

use std::sync::{Arc, Mutex};

use lockstep_core::{
    cast::{Cast, CastError, Notation},
    code::{Code, Dispute, Judge, JudgeSlot, Parameter, Ruling, Transform, TransformAbout, TransformSlot},
    config::Config,
    journal::What,
    mapping::{Ids, MappingError, Objects, compile, names},
    record::{FieldId, SideId},
    schema::{Column, ColumnType, Kind, Object},
    spec::{Group, Policy, SyncSpec},
    value::Value,
};
use world::{
    bench::{A, B, Bench, FIRST},
    spec,
};

/// Answers as it was told to, and keeps what it was asked.
struct Oracle {
    ruling: Result<Ruling, String>,
    asked: Mutex<Vec<String>>,
}

impl Code for Oracle {
    fn digest(&self) -> &str {
        "0123456789abcdef"
    }
}

impl Judge for Oracle {
    fn decide(&self, dispute: &Dispute<'_>) -> Result<Ruling, String> {
        self.asked.lock().unwrap().push(format!("{dispute:?}"));
        self.ruling.clone()
    }
}

fn oracle(ruling: Result<Ruling, String>) -> Arc<Oracle> {
    Arc::new(Oracle { ruling, asked: Mutex::default() })
}

fn by(oracle: &Arc<Oracle>) -> Policy {
    Policy::Custom(JudgeSlot { path: "rules/oracle.wasm".to_owned(), code: Some(oracle.clone()) })
}

/// Field `a` was changed at both sides at once, to `x` and then to `y`.
fn contested(spec: SyncSpec) -> (Bench, Vec<What>) {
    let mut bench = Bench::new(spec);
    bench.tell(A, 1, 1, &["old", "n"]);
    bench.applied(FIRST, B, 11, 1, &["old", "n"]);
    bench.tell(A, 1, 2, &["x", "n"]);
    let (_, delta) = bench.tell(B, 11, 2, &["y", "n"]);
    (bench, delta.journal.into_iter().map(|entry| entry.what).collect())
}

fn under(policy: Policy) -> SyncSpec {
    SyncSpec { conflict: policy, ..spec(2, &["a", "b"]) }
}

fn rule_of(journal: &[What]) -> String {
    let found = journal.iter().find_map(|what| match what {
        What::Conflict { resolutions, .. } => resolutions.first().map(|one| one.rule.to_string()),
        _ => None,
    });
    found.unwrap_or_else(|| format!("{journal:?}"))
}

#[test]
fn it_is_told_who_set_what_and_the_whole_record_and_its_ruling_is_journaled_by_name() {
    let oracle = oracle(Ok(Ruling::Incoming));
    let (bench, journal) = contested(under(by(&oracle)));
    assert_eq!(bench.state(FIRST, 0).value, Value::text("y"));
    let asked = oracle.asked.lock().unwrap().join("\n");
    for told in ["\"old\"", "\"x\"", "\"y\"", "\"n\"", &world::name(0), &world::name(1)] {
        assert!(asked.contains(told), "{told} in {asked}");
    }
    assert!(rule_of(&journal).contains("custom rules/oracle.wasm (sha256:0123456789ab)"), "{}", rule_of(&journal));
}

#[test]
fn a_value_it_makes_is_taken_if_it_is_of_the_same_type() {
    let (bench, _) = contested(under(by(&oracle(Ok(Ruling::Merged(Value::text("x+y")))))));
    assert_eq!(bench.state(FIRST, 0).value, Value::text("x+y"));
    let (bench, _) = contested(under(by(&oracle(Ok(Ruling::Merged(Value::Int(1)))))));
    assert_eq!(bench.state(FIRST, 0).hold.as_ref().unwrap().contenders.len(), 2);
}

#[test]
fn what_it_does_not_decide_is_held_with_both_values_and_its_reason() {
    let rulings = [Err("it failed".to_owned()), Ok(Ruling::Hold("it failed".to_owned()))];
    for ruling in rulings {
        for policy in [by(&oracle(ruling.clone())), Policy::Latest { otherwise: Box::new(by(&oracle(ruling))) }] {
            let (bench, journal) = contested(SyncSpec { skew_tolerance_ms: u32::MAX, ..under(policy) });
            let hold = bench.state(FIRST, 0).hold.clone().unwrap();
            let values: Vec<&Value> = hold.contenders.iter().map(|one| &one.value).collect();
            assert_eq!(values, [&Value::text("x"), &Value::text("y")]);
            assert!(format!("{journal:?}").contains("it failed"), "{journal:?}");
        }
    }
}

#[test]
fn a_group_is_never_merged_into_a_value_of_neither() {
    let mut spec = under(by(&oracle(Ok(Ruling::Merged(Value::text("x+y"))))));
    spec.groups = vec![Group { name: "both".into(), fields: vec![FieldId(0), FieldId(1)] }];
    for field in spec.fields.iter_mut().flatten() {
        field.group = Some(0);
    }
    let (bench, _) = contested(spec);
    assert!(bench.state(FIRST, 0).hold.is_some());
}

#[test]
fn a_component_that_is_not_loaded_holds_and_decides_nothing() {
    let (bench, _) = contested(under(Policy::Custom(JudgeSlot::named("rules/oracle.wasm"))));
    assert!(bench.state(FIRST, 0).hold.is_some());
}

/// Reads text the other way round; `bad` as nothing, and writes `odd` as something else.
struct Reverse {
    about: TransformAbout,
}

impl Code for Reverse {
    fn digest(&self) -> &str {
        "fedcba9876543210"
    }
}

impl Transform for Reverse {
    fn about(&self) -> &TransformAbout {
        &self.about
    }

    fn read(&self, values: &[&Value]) -> Result<Value, String> {
        match values {
            [Value::Text(text)] if &**text == "bad" => Err("it does not like it".to_owned()),
            [Value::Text(text)] if &**text == "seven" => Ok(Value::Int(7)),
            [Value::Text(text)] => Ok(Value::text(text.chars().rev().collect::<String>())),
            other => Err(format!("it got {} values", other.len())),
        }
    }

    fn write(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Text(text) if &**text == "odd" => Ok(Value::text("even")),
            value => self.read(&[value]),
        }
    }
}

fn reverse(writes: bool) -> TransformSlot {
    let takes = vec![Parameter { name: "text".to_owned(), kinds: vec![Kind::Text] }];
    let about = TransformAbout {
        name: "reverse".to_owned(),
        version: "1".to_owned(),
        takes,
        gives: ColumnType { length: Some(5), ..ColumnType::of(Kind::Text) },
        writes,
    };
    TransformSlot { path: "rules/reverse.wasm".to_owned(), code: Some(Arc::new(Reverse { about })) }
}

#[test]
fn a_column_is_read_and_written_its_way_and_never_written_so_that_it_reads_otherwise() {
    let text = ColumnType::of(Kind::Text);
    let cast = Cast::noted(&Notation::Transform(reverse(true)), &text, &text).unwrap().cast;
    assert_eq!(cast.lift(&Value::text("abc")), Ok(Value::text("cba")));
    assert_eq!(cast.project(&Value::text("cba")), Ok(Value::text("abc")));
    assert_eq!((cast.lift(&Value::Null), cast.lift(&Value::text(" "))), (Ok(Value::Null), Ok(Value::Null)));
    assert_eq!(cast.lift(&Value::text("bad")), Err(CastError::Refused { words: "it does not like it".to_owned() }));
    assert!(matches!(cast.project(&Value::text("odd")), Err(CastError::WouldLose { .. })));
    assert!(cast.lift(&Value::text("too long")).is_err(), "longer than it says it gives");
    // Another type than it says is converted without loss, or refused.
    assert_eq!(cast.lift(&Value::text("seven")), Ok(Value::text("7")));
}

const FIELDS: &str = "[syncs.people]\nsides = { a = \"people\", b = \"people\" }\nmatch = []\n[syncs.people.fields]\n\
    name = { a = \"name\", b = \"name\" }\nage = { a = \"age\", b = \"age\" }\n";

fn compiled(fields: &str, writes: bool) -> Result<SyncSpec, Vec<MappingError>> {
    let text = format!(
        "[connections.a]\nconnector = \"postgres\"\n[connections.b]\nconnector = \"postgres\"\n{FIELDS}{fields}"
    );
    let config = Config::parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let mut sync = config.sync("people").unwrap().clone();
    let (transforms, judges) = sync.code();
    assert!(judges.is_empty());
    transforms.into_iter().for_each(|slot| slot.code = reverse(writes).code);
    let column = |name: &str, kind| Column::new(name, ColumnType::of(kind));
    let object = Object {
        name: "people".to_owned(),
        label: String::new(),
        columns: vec![
            column("id", Kind::Int),
            column("name", Kind::Text),
            column("age", Kind::Int),
            column("shown", Kind::Text),
        ],
        key: vec!["id".to_owned()],
        unique_keys: Vec::new(),
        rows_estimate: None,
        obstacle: String::new(),
    };
    let objects: Objects = ["a", "b"].map(|side| (side.to_owned(), object.clone())).into();
    let names = names(&sync, &objects);
    let ids = Ids {
        sides: names.sides.into_iter().zip((0..).map(SideId)).collect(),
        fields: names.fields.into_iter().zip((0..).map(FieldId)).collect(),
    };
    compile(&sync, &objects, &ids, 1).map(|compiled| compiled.spec)
}

#[test]
fn whether_it_fits_is_said_before_anything_runs() {
    let from = |of: &str| format!("shown = {{ b = \"shown\", from = {{ transform = \"r.wasm\", of = [{of}] }} }}\n");
    assert!(compiled(&from("\"name\""), true).is_ok());
    for (fields, code, says) in [
        (from("\"name\", \"age\""), "LS-MAP-020", "takes 1 values (text), not 2"),
        (from("\"age\""), "LS-MAP-020", "field `age` is int"),
        (from("\"shown\""), "LS-MAP-020", "`shown` is no field"),
        (
            "shown = { a = \"shown\", b = { column = \"age\", as = { transform = \"r.wasm\" } } }\n".to_owned(),
            "LS-MAP-017",
            "another kind",
        ),
    ] {
        let fields = if code == "LS-MAP-017" { fields.replace("column = \"age\"", "column = \"id\"") } else { fields };
        let errors = compiled(&fields, true).unwrap_err();
        let told = format!("{} {}", errors[0].message, errors[0].help);
        assert!(errors[0].code == code && told.contains(says), "{errors:?}");
    }
    let both_ways = "shown = { a = \"shown\", b = { column = \"shown\", as = { transform = \"r.wasm\" } } }\n";
    assert!(compiled(both_ways, true).is_ok());
    assert_eq!(compiled(both_ways, false).unwrap_err()[0].code, "LS-MAP-005", "it cannot write");
}
