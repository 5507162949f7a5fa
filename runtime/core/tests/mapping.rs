//! A sync against the objects its systems really have.

use lockstep_core::{
    cast::Cast,
    config::Config,
    mapping::{Compiled, Ids, MappingError, Objects, compile, names},
    record::{FieldId, SideId},
    schema::{Column, ColumnType, Kind, Object},
    spec::Policy,
    value::Value,
};

fn column(name: &str, kind: Kind) -> Column {
    Column { label: name.into(), ..Column::new(name, ColumnType::of(kind)) }
}

fn with(column: Column, change: impl FnOnce(&mut Column)) -> Column {
    let mut column = column;
    change(&mut column);
    column
}

fn object(name: &str, columns: Vec<Column>) -> Object {
    let id = with(column("id", Kind::Int), |id| {
        id.nullable = false;
        id.has_default = true;
        id.updateable = false;
    });
    Object {
        name: name.into(),
        label: name.into(),
        columns: [vec![id], columns].concat(),
        key: vec!["id".into()],
        unique_keys: Vec::new(),
        rows_estimate: None,
        obstacle: String::new(),
    }
}

/// `a` is the first side's object, `b` the second's.
fn objects(a: Vec<Column>, b: Vec<Column>) -> Objects {
    [("a".to_owned(), object("people", a)), ("b".to_owned(), object("persons", b))].into()
}

fn config(sync: &str) -> Config {
    let text = format!(
        "[connections.a]\nconnector = \"postgres\"\n[connections.b]\nconnector = \"postgres\"\n\
         [syncs.parents]\nsides = {{ a = \"parents\", b = \"parents\" }}\nmatch = []\nfields = \"same-name\"\n\
         [syncs.people]\nsides = {{ a = \"people\", b = \"persons\" }}\n{sync}\n"
    );
    Config::parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn ids(sync: &lockstep_core::config::Sync, objects: &Objects) -> Ids {
    let names = names(sync, objects);
    Ids {
        sides: names.sides.into_iter().zip((0..).map(SideId)).collect(),
        fields: names.fields.into_iter().zip((0..).map(FieldId)).collect(),
    }
}

fn run(sync: &str, objects: &Objects) -> Result<Compiled, Vec<MappingError>> {
    let config = config(sync);
    let sync = config.sync("people").expect("the sync");
    compile(sync, objects, &ids(sync, objects), 3)
}

fn compiled(sync: &str, objects: &Objects) -> Compiled {
    run(sync, objects).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// `code message → help` of each error.
fn errors(sync: &str, objects: &Objects) -> Vec<String> {
    match run(sync, objects) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|e| format!("{} {} → {}", e.code, e.message, e.help)).collect(),
    }
}

fn names_match() -> Objects {
    objects(
        vec![column("email", Kind::Text), column("name", Kind::Text)],
        vec![column("Email", Kind::Text), column("full_name", Kind::Text)],
    )
}

const PLAIN: &str = "match = [\"email\"]\n[syncs.people.fields]\nemail = { a = \"email\", b = \"Email\" }\nname = { a = \"name\", b = \"full_name\" }";

#[test]
fn a_plain_mapping_compiles_with_keys_first_and_identity_casts() {
    let compiled = compiled(PLAIN, &names_match());
    let spec = &compiled.spec;
    assert_eq!((&*spec.name, spec.rules), ("people", 3));
    let b = spec.side(SideId(1)).unwrap();
    assert_eq!((&*b.name, &*b.object), ("b", "persons"));
    assert_eq!(&b.columns[..], ["id", "Email", "full_name"]);
    assert_eq!(b.key, [0]);
    let name = b.field(FieldId(1)).unwrap();
    assert_eq!(name.column, 2);
    assert_eq!(name.cast, Cast::Identity);
    assert!(name.reads && name.writes_create && name.writes_update && !name.required);
    assert_eq!(spec.match_on, [[FieldId(0)]]);
    assert_eq!((&spec.conflict, &spec.initial), (&Policy::Hold, &Policy::Hold));
    assert_eq!(compiled.notes, []);
}

#[test]
fn numbers_given_before_leave_gaps() {
    let config = config(PLAIN);
    let sync = config.sync("people").unwrap();
    let mut ids = ids(sync, &names_match());
    ids.sides.insert("b".into(), SideId(4));
    ids.fields.insert("email".into(), FieldId(9));
    let spec = compile(sync, &names_match(), &ids, 1).unwrap().spec;
    assert_eq!(spec.sides().map(|side| side.id.0).collect::<Vec<_>>(), [0, 4]);
    assert_eq!(spec.fields().map(|field| field.id.0).collect::<Vec<_>>(), [1, 9]);
    assert!(spec.side(SideId(4)).unwrap().field(FieldId(9)).is_some());
    assert!(spec.side(SideId(2)).is_none() && spec.field(FieldId(0)).is_none());
}

#[test]
fn a_name_that_was_never_numbered_is_an_error() {
    let config = config(PLAIN);
    let found = compile(config.sync("people").unwrap(), &names_match(), &Ids::default(), 1).unwrap_err();
    assert!(found.iter().any(|error| error.code == "LS-MAP-014"), "{found:#?}");
}

#[test]
fn what_does_not_exist_is_named_with_a_suggestion() {
    let mut there = names_match();
    let text = PLAIN.replace("full_name\"", "fullname\"").replace("[\"email\"]", "[]");
    assert_eq!(
        errors(&text, &there),
        ["LS-MAP-003 `persons` at `b` has no column `fullname` → did you mean `full_name`?"]
    );
    there.get_mut("a").unwrap().key.clear();
    there.remove("b");
    assert_eq!(
        errors(PLAIN, &there),
        [
            "LS-MAP-002 `people` at `a` has no key: its rows cannot be told apart → give it a primary key",
            "LS-MAP-001 connection `b` has no object `persons` → look at what it has with `lockstep discover`; the user may lack the right to see it",
        ]
    );
}

#[test]
fn what_follows_from_an_object_that_does_not_exist_is_not_told() {
    let mut there = names_match();
    there.remove("b");
    let (before, _) = PLAIN.split_once("[syncs.people.fields]").unwrap();
    let found = errors(&format!("{before}fields = \"same-name\"\n"), &there);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("LS-MAP-001 connection `b` has no object `persons`"), "{found:#?}");
}

#[test]
fn a_key_column_that_cannot_be_read_is_an_error() {
    let mut there = names_match();
    there.get_mut("a").unwrap().key.push("tenant".into());
    assert!(errors(PLAIN, &there)[0].starts_with("LS-MAP-010 key column `tenant` of `people` at `a`"));
}

#[test]
fn an_error_points_at_the_column_in_the_file() {
    let found = run(&PLAIN.replace("full_name\"", "nothing\""), &names_match()).unwrap_err();
    let text = "[syncs.people.fields]\nemail = …\nname = { a = \"name\", b = ";
    assert_eq!(found[0].at.column, text.lines().last().unwrap().chars().count() + 1);
    assert_eq!((found[0].side.as_deref(), found[0].field.as_deref()), (Some("b"), Some("name")));
}

/// One field `v`, with these types at the two sides.
fn typed(a: ColumnType, b: ColumnType) -> Objects {
    objects(
        vec![with(column("v", Kind::Text), |v| v.column_type = a)],
        vec![with(column("v", Kind::Text), |v| v.column_type = b)],
    )
}

const ONE: &str = "match = []\nfields = { v = \"v\" }";

#[test]
fn the_canonical_type_holds_what_every_side_holds() {
    let numeric = |precision, scale| ColumnType {
        precision: Some(precision),
        scale: Some(scale),
        ..ColumnType::of(Kind::Decimal)
    };
    let text = |length| ColumnType { length: Some(length), ..ColumnType::of(Kind::Text) };
    let int = |bits| ColumnType { length: Some(bits), ..ColumnType::of(Kind::Int) };
    let list = |element| ColumnType { element: Some(element), ..ColumnType::of(Kind::List) };
    let listed = |values: &[&str]| ColumnType {
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        ..ColumnType::of(Kind::Enum)
    };
    for (a, b, canonical) in [
        (text(10), text(80), text(80)),
        (text(10), ColumnType::of(Kind::Text), ColumnType::of(Kind::Text)),
        (int(16), int(64), int(64)),
        (int(32), numeric(12, 0), numeric(12, 0)),
        (ColumnType::of(Kind::Bool), int(16), int(16)),
        (ColumnType::of(Kind::Uuid), text(36), ColumnType::of(Kind::Text)),
        (ColumnType::of(Kind::Timestamp), ColumnType::of(Kind::LocalTimestamp), ColumnType::of(Kind::Timestamp)),
        (listed(&["a", "b"]), listed(&["b", "c"]), listed(&["a", "b", "c"])),
        (listed(&["a"]), text(9), ColumnType::of(Kind::Text)),
        (list(Kind::Text), text(200), list(Kind::Text)),
        (list(Kind::Int), ColumnType::of(Kind::Json), ColumnType::of(Kind::Json)),
        (ColumnType::of(Kind::Date), ColumnType::of(Kind::Json), ColumnType::of(Kind::Json)),
    ] {
        for (a, b) in [(&a, &b), (&b, &a)] {
            let compiled = compiled(ONE, &typed(a.clone(), b.clone()));
            let mut found = compiled.types[0].1.clone();
            found.values.sort();
            assert_eq!(found, canonical, "{a:?} {b:?}");
        }
    }
}

#[test]
fn types_that_do_not_go_together_are_refused() {
    for (a, b) in [
        (Kind::Time, Kind::Timestamp),
        (Kind::Bytes, Kind::Int),
        (Kind::Uuid, Kind::Int),
        (Kind::Date, Kind::Bool),
        (Kind::Bytes, Kind::List),
    ] {
        let found = errors(ONE, &typed(ColumnType::of(a), ColumnType::of(b)));
        assert!(found[0].starts_with("LS-MAP-005 the columns of field `v` do not go together: a is "), "{found:?}");
    }
}

#[test]
fn a_lossy_cast_is_refused_until_it_is_allowed() {
    let there = typed(ColumnType::of(Kind::Timestamp), ColumnType::of(Kind::Date));
    assert_eq!(
        errors(ONE, &there),
        [
            "LS-MAP-006 field `v` would lose the time of day, in date, column `v` at `b` → widen the column, or allow it with `lossy = true` on the field"
        ]
    );
    let allowed = compiled("match = []\nfields = { v = { a = \"v\", b = \"v\", lossy = true } }", &there);
    assert!(allowed.notes[0].message.contains("loses the time of day"), "{:?}", allowed.notes);
    let cast = &allowed.spec.side(SideId(1)).unwrap().field(FieldId(0)).unwrap().cast;
    let noon = Value::Timestamp(lockstep_core::value::Timestamp(12 * 3_600_000_000));
    assert_eq!(cast.project(&noon), Ok(Value::Date(0)));
}

#[test]
fn a_loss_on_a_way_that_no_value_takes_does_not_matter() {
    let there = typed(ColumnType::of(Kind::Timestamp), ColumnType::of(Kind::Date));
    let back = "match = []\nfields = { v = { a = \"v\", b = \"v\", one_way = \"b\" } }";
    assert_eq!(errors(back, &there), Vec::<String>::new());
    let forth = back.replace("one_way = \"b\"", "one_way = \"a\"");
    assert!(errors(&forth, &there)[0].starts_with("LS-MAP-006"));
}

#[test]
fn values_that_may_not_fit_are_noted() {
    let short = ColumnType { length: Some(10), ..ColumnType::of(Kind::Text) };
    let notes = compiled(ONE, &typed(ColumnType::of(Kind::Text), short)).notes;
    assert_eq!(notes.len(), 1);
    assert_eq!(
        notes[0].message,
        "field `v` at `b`: longer values do not fit into text(10); such values wait until someone acts"
    );
}

#[test]
fn times_without_a_zone_are_noted_to_be_taken_as_utc() {
    let notes = compiled(ONE, &typed(ColumnType::of(Kind::LocalTimestamp), ColumnType::of(Kind::Timestamp))).notes;
    assert_eq!(notes[0].message, "field `v`: times without a zone at `a` are taken as UTC");
    assert_eq!(
        compiled(ONE, &typed(ColumnType::of(Kind::LocalTimestamp), ColumnType::of(Kind::LocalTimestamp))).notes,
        []
    );
}

#[test]
fn one_way_fields_are_read_at_the_source_and_written_elsewhere() {
    let text = PLAIN.replace("b = \"full_name\"", "b = \"full_name\", one_way = \"a\"");
    let spec = compiled(&text, &names_match()).spec;
    let place = |side| spec.side(SideId(side)).unwrap().field(FieldId(1)).unwrap();
    assert!(place(0).reads && !place(0).writes_create && !place(0).writes_update);
    assert!(!place(1).reads && place(1).writes_create && place(1).writes_update);
}

#[test]
fn computed_and_read_only_columns_are_never_written() {
    let mut there = names_match();
    let email = &mut there.get_mut("a").unwrap().columns[1];
    email.computed = true;
    let compiled = compiled(PLAIN, &there);
    let place = compiled.spec.side(SideId(0)).unwrap().field(FieldId(0)).unwrap();
    assert!(place.reads && !place.writes_create && !place.writes_update);
    assert!(compiled.notes[0].message.starts_with("`email` cannot be updated at `a`"));
    there.get_mut("b").unwrap().columns[1].createable = false;
    there.get_mut("b").unwrap().columns[1].updateable = false;
    assert!(errors(PLAIN, &there)[0].starts_with("LS-MAP-008 field `email` can be written at no side"));
}

#[test]
fn a_side_switched_off_is_not_written() {
    let config = config(PLAIN);
    let mut sync = config.sync("people").unwrap().clone();
    sync.sides[0].creates = false;
    sync.sides[0].updates = false;
    let compiled = compile(&sync, &names_match(), &ids(&sync, &names_match()), 1).unwrap();
    let a = compiled.spec.side(SideId(0)).unwrap();
    assert!(!a.creates && !a.updates && a.deletes && a.inserts_from);
    assert!(a.fields.iter().flatten().all(|field| !field.writes_create && !field.writes_update));
}

#[test]
fn a_required_column_without_a_value_is_an_error_where_rows_are_created() {
    let mut there = names_match();
    there.get_mut("b").unwrap().columns.push(with(column("country", Kind::Text), |c| c.nullable = false));
    assert_eq!(
        errors(PLAIN, &there),
        [
            "LS-MAP-009 `persons` at `b` needs a value in `country` for every new row, and no field maps it → map `country` to a field, give it a default, or set `creates = false` on side `b`"
        ]
    );
    let config = config(PLAIN);
    let mut sync = config.sync("people").unwrap().clone();
    sync.sides[1].creates = false;
    assert!(compile(&sync, &there, &ids(&sync, &there), 1).is_ok());
    let mapped = format!("{PLAIN}\ncountry = {{ a = \"name\", b = \"country\" }}")
        .replace("name = { a = \"name\", b = \"full_name\" }\n", "");
    let spec = compiled(&mapped, &there).spec;
    assert!(spec.side(SideId(1)).unwrap().field(FieldId(1)).unwrap().required);
}

#[test]
fn a_column_belongs_to_one_field() {
    let text = format!("{PLAIN}\nalias = {{ a = \"name\", b = \"Email\" }}");
    let found = errors(&text, &names_match());
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("LS-MAP-004 column `name` at `a` belongs to field `name` already"));
}

#[test]
fn policies_that_do_not_fit_the_type_are_refused() {
    for (policy, kind, fits) in [
        ("union", Kind::List, true),
        ("union", Kind::Int, false),
        ("max", Kind::Timestamp, true),
        ("max", Kind::Json, false),
        ("sum-deltas", Kind::Decimal, true),
        ("sum-deltas", Kind::Text, false),
        ("append", Kind::Text, true),
        ("append", Kind::Date, false),
    ] {
        let text = format!("match = []\nfields = {{ v = {{ a = \"v\", b = \"v\", conflict = \"{policy}\" }} }}");
        let found = errors(&text, &typed(ColumnType::of(kind), ColumnType::of(kind)));
        assert_eq!(found.is_empty(), fits, "{policy} {kind:?} {found:?}");
        assert!(fits || found[0].starts_with("LS-MAP-013"), "{found:?}");
    }
    let found = errors(&format!("conflict = \"sum-deltas\"\n{PLAIN}"), &names_match());
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn the_initial_rule_follows_the_conflict_rule_where_it_can() {
    let there = names_match();
    let spec = compiled(&format!("conflict = {{ prefer = \"b\" }}\n{PLAIN}"), &there).spec;
    assert_eq!(spec.initial, Policy::Prefer(vec![SideId(1)]));
    let text = PLAIN.replace("b = \"full_name\"", "b = \"full_name\", conflict = \"append\"");
    let spec = compiled(&text, &there).spec;
    let name = spec.field(FieldId(1)).unwrap();
    assert_eq!((name.conflict.clone(), name.initial.clone()), (Some(Policy::Append), Some(Policy::Hold)));
    let spec = compiled(&format!("initial = {{ prefer = \"a\" }}\n{text}"), &there).spec;
    assert_eq!(spec.field(FieldId(1)).unwrap().initial, None);
}

#[test]
fn groups_hold_their_fields_and_one_rule() {
    let there = names_match();
    let text = format!("groups = {{ who = [\"name\", \"email\"] }}\n{PLAIN}");
    let spec = compiled(&text, &there).spec;
    assert_eq!(spec.groups[0].fields, [FieldId(1), FieldId(0)]);
    assert_eq!(spec.field(FieldId(0)).unwrap().group, Some(0));
    let split = text.replace("b = \"full_name\"", "b = \"full_name\", conflict = { prefer = \"a\" }");
    assert!(errors(&split, &there)[0].starts_with("LS-MAP-015 the fields of group `who` have different"));
    let made = format!("conflict = \"append\"\n{text}");
    assert!(errors(&made, &there)[0].starts_with("LS-MAP-015 `append` makes a new value"));
}

#[test]
fn match_fields_have_to_be_able_to_match() {
    let text = PLAIN.replace("b = \"Email\"", "b = \"Email\", one_way = \"a\"");
    assert!(errors(&text, &names_match())[0].starts_with("LS-MAP-012 records cannot find each other by field `email`"));
    let json = ONE.replace("[]", "[\"v\"]");
    assert!(errors(&json, &typed(ColumnType::of(Kind::Json), ColumnType::of(Kind::Json)))[0].starts_with("LS-MAP-012"));
}

#[test]
fn references_are_left_to_the_planner() {
    let there = objects(vec![column("parent", Kind::Int)], vec![column("parent_id", Kind::Uuid)]);
    let text = "match = []\nfields = { parent = { a = \"parent\", b = \"parent_id\", ref = \"parents\" } }";
    let compiled = compiled(text, &there);
    let place = compiled.spec.side(SideId(1)).unwrap().field(FieldId(0)).unwrap();
    assert_eq!(place.cast, Cast::Reference);
    assert_eq!(compiled.spec.field(FieldId(0)).unwrap().reference.as_deref(), Some("parents"));
    assert_eq!(compiled.types, []);
    let there = objects(vec![column("parent", Kind::Json)], vec![column("parent_id", Kind::Uuid)]);
    assert!(errors(text, &there)[0].starts_with("LS-MAP-016 column `parent` at `a` is json"));
}

#[test]
fn columns_of_equal_names_become_fields() {
    let there = objects(
        vec![
            column("First_Name", Kind::Text),
            column("Rating__c", Kind::Int),
            column("only_a", Kind::Text),
            column("note", Kind::Text),
        ],
        vec![
            column("firstname", Kind::Text),
            column("rating", Kind::Int),
            column("only_b", Kind::Text),
            column("note", Kind::Text),
        ],
    );
    let config = config(
        "match = [\"first_name\"]\nfields = { \"*\" = \"same-name\", note = false, rating = { conflict = \"max\" }, only = { a = \"only_a\", b = \"only_b\" } }",
    );
    let sync = config.sync("people").unwrap();
    let names = names(sync, &there);
    assert_eq!(names.sides, ["a", "b"]);
    assert_eq!(names.fields, ["rating", "only", "id", "first_name"]);
    let compiled = compile(sync, &there, &ids(sync, &there), 1).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let b = compiled.spec.side(SideId(1)).unwrap();
    assert_eq!(&b.columns[..], ["id", "rating", "only_b", "firstname"]);
    assert_eq!(compiled.spec.field(FieldId(0)).unwrap().conflict, Some(Policy::Max));
}

#[test]
fn a_name_that_two_columns_could_claim_is_not_guessed() {
    let there = objects(
        vec![
            column("zip_code", Kind::Text),
            column("ZipCode", Kind::Text),
            column("x_y", Kind::Text),
            column("X_Y", Kind::Text),
        ],
        vec![column("zip_code", Kind::Text), column("xy", Kind::Text)],
    );
    let config = config("match = []\nfields = \"same-name\"");
    let names = names(config.sync("people").unwrap(), &there);
    assert_eq!(names.fields, ["id", "zip_code"]);
}

#[test]
fn a_field_without_a_namesake_is_an_error() {
    let text = "match = []\nfields = { \"*\" = \"same-name\", colour = { conflict = \"hold\" } }";
    let found = errors(text, &names_match());
    assert!(
        found[0].starts_with("LS-MAP-003 fewer than two sides have a column named like field `colour`"),
        "{found:?}"
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = format!("groups = {{ g = [\"email\", \"name\"] }}\n{PLAIN}\nnick = {{ a = \"nick\", b = \"alias\" }}");
    let mut there = names_match();
    there.get_mut("b").unwrap().columns.push(with(column("country", Kind::Text), |c| c.nullable = false));
    there.get_mut("b").unwrap().columns[1].column_type = ColumnType::of(Kind::Bytes);
    there.get_mut("a").unwrap().columns[1].column_type = ColumnType::of(Kind::Int);
    let codes: Vec<&str> = run(&text, &there).unwrap_err().iter().map(|error| error.code).collect();
    assert_eq!(codes, ["LS-MAP-009", "LS-MAP-005", "LS-MAP-003", "LS-MAP-003"]);
}
