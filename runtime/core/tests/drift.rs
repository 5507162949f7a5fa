//! Columns that change underneath a mapping: only what depends on them stops.

use lockstep_core::{
    config::Config,
    mapping::{ColumnNews, Ids, Objects, Partly, compile_around, differences, names},
    record::{FieldId, SideId},
    schema::{Column, ColumnType, Kind, Object},
};

fn column(name: &str, kind: Kind) -> Column {
    let length = (kind == Kind::Int).then_some(64);
    let native = format!("{kind:?}").to_lowercase();
    let (precision, scale, values, element) = (None, None, Vec::new(), None);
    Column {
        label: name.into(),
        nullable: name != "id",
        has_default: name == "id",
        updateable: name != "id",
        ..Column::new(name, ColumnType { kind, native, length, precision, scale, values, element })
    }
}

fn object(columns: &[(&str, Kind)]) -> Object {
    let columns = [("id", Kind::Int)].iter().chain(columns).map(|(name, kind)| column(name, *kind)).collect();
    Object {
        name: "people".into(),
        label: "people".into(),
        columns,
        key: vec!["id".into()],
        unique_keys: Vec::new(),
        rows_estimate: None,
        obstacle: String::new(),
    }
}

const ALL: [(&str, Kind); 4] =
    [("email", Kind::Text), ("phone", Kind::Int), ("street", Kind::Text), ("city", Kind::Text)];

fn whole() -> Objects {
    [("a".to_owned(), object(&ALL)), ("b".to_owned(), object(&ALL))].into()
}

const EXPLICIT: &str = "match = [[\"email\"], [\"phone\"]]\ngroups = { address = [\"street\", \"city\"] }\n\
                        [syncs.people.fields]\nemail = \"email\"\nphone = \"phone\"\nstreet = \"street\"\ncity = \"city\"";
const SAME_NAME: &str = "match = [\"email\"]\nfields = \"same-name\"";

/// The fields in force and those set aside with their reasons, or the errors' codes.
fn around(sync: &str, now: &Objects) -> Result<(Vec<String>, Vec<String>), Vec<&'static str>> {
    let text = format!(
        "[connections.a]\nconnector = \"x\"\n[connections.b]\nconnector = \"x\"\n\
         [syncs.people]\nsides = {{ a = \"people\", b = \"people\" }}\n{sync}\n"
    );
    let config = Config::parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let sync = config.sync("people").expect("the sync");
    let names = names(sync, &whole());
    let ids = Ids {
        sides: names.sides.into_iter().zip((0..).map(SideId)).collect(),
        fields: names.fields.into_iter().zip((0..).map(FieldId)).collect(),
    };
    match compile_around(sync, &whole(), now, &ids, 1) {
        Err(errors) => Err(errors.iter().map(|error| error.code).collect()),
        Ok(Partly { compiled, aside }) => {
            let fields = compiled.spec.fields().map(|field| field.name.to_string()).collect();
            Ok((fields, aside.into_iter().map(|one| format!("{}: {}", one.field, one.reason)).collect()))
        }
    }
}

fn now(change: impl FnOnce(&mut Object)) -> Objects {
    let mut objects = whole();
    change(objects.get_mut("a").expect("side a"));
    objects
}

fn without(name: &str) -> Objects {
    now(|a| a.columns.retain(|column| column.name != name))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn nothing_changed_and_nothing_is_set_aside() {
    let told = around(EXPLICIT, &whole());
    assert_eq!(told, Ok((owned(&["email", "phone", "street", "city"]), Vec::new())));
}

#[test]
fn a_column_that_is_gone_takes_only_its_field_along() {
    let expected = owned(&["phone: column `phone` at `a` is gone"]);
    assert_eq!(around(EXPLICIT, &without("phone")), Ok((owned(&["email", "street", "city"]), expected.clone())));
    let told = around(SAME_NAME, &without("phone"));
    assert_eq!(told, Ok((owned(&["id", "email", "street", "city"]), expected)), "it does not go silently either");
}

#[test]
fn what_is_decided_as_one_value_is_set_aside_as_one() {
    let (fields, aside) = around(EXPLICIT, &without("city")).expect("the rest holds");
    assert_eq!(fields, ["email", "phone"]);
    assert_eq!(aside.len(), 2, "{aside:?}");
    assert!(aside[1].starts_with("street: it is decided together with field `city`"), "{aside:?}");
}

#[test]
fn a_type_that_no_longer_goes_together_sets_its_field_aside_and_one_that_does_is_taken() {
    let retyped = |kind| {
        now(|a| {
            let phone = a.columns.iter_mut().find(|column| column.name == "phone").expect("phone");
            phone.column_type = column("phone", kind).column_type;
        })
    };
    let (fields, aside) = around(EXPLICIT, &retyped(Kind::Text)).expect("it fits");
    assert_eq!((fields.len(), aside.len()), (4, 0), "{aside:?}");
    let (fields, aside) = around(EXPLICIT, &retyped(Kind::Uuid)).expect("the rest holds");
    assert_eq!((fields, aside.len()), (owned(&["email", "street", "city"]), 1));
    assert!(aside[0].contains("phone"), "{aside:?}");
}

#[test]
fn without_any_way_to_match_new_rows_would_be_made_twice_so_all_of_it_stops() {
    assert_eq!(around(SAME_NAME, &without("email")).expect_err("nothing to match by").len(), 1);
    let (fields, _) = around(EXPLICIT, &without("email")).expect("matched by the other set");
    assert_eq!(fields, ["phone", "street", "city"]);
}

#[test]
fn a_new_column_that_must_be_filled_refuses_rows_and_does_not_stop_the_sync() {
    let objects = now(|a| a.columns.push(Column { nullable: false, ..column("code", Kind::Text) }));
    let (fields, aside) = around(EXPLICIT, &objects).expect("the rest holds");
    assert_eq!((fields.len(), aside.len()), (4, 0));
}

#[test]
fn what_no_change_explains_is_an_error_still() {
    let typo = EXPLICIT.replace("phone = \"phone\"", "phone = \"fone\"");
    assert!(around(&typo, &whole()).is_err());
    let gone: Objects = whole().into_iter().filter(|(side, _)| side == "b").collect();
    assert_eq!(around(EXPLICIT, &gone), Err(vec!["LS-MAP-001"]));
}

#[test]
fn differences_tell_what_was_added_removed_and_altered() {
    let before = object(&ALL);
    let mut after =
        object(&[("email", Kind::Bytes), ("street", Kind::Text), ("city", Kind::Text), ("mobile", Kind::Text)]);
    after.columns[2].nullable = false;
    let told: Vec<(String, ColumnNews, String)> =
        differences(&before, &after).into_iter().map(|change| (change.column, change.news, change.now)).collect();
    let expected = [
        ("email", ColumnNews::Altered, "bytes"),
        ("phone", ColumnNews::Removed, ""),
        ("street", ColumnNews::Altered, "text, not null, without default"),
        ("mobile", ColumnNews::Added, "text"),
    ];
    assert_eq!(told, expected.map(|(column, news, now)| (column.to_owned(), news, now.to_owned())));
    assert_eq!(differences(&before, &before), []);
}
