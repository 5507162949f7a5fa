//! Writes against a simulated account, with people who act at the worst moment.

mod native;

use anyhow::{Context, Result};
use lockstep_hubspot::session::Session;
use lockstep_sdk::model::{
    Cell, Error, FetchRequest, FieldOverwrite, Found, Intent, Outcome, Row, Selection, WriteRequest,
};
use lockstep_simulators::hubspot::{Account, Act, Interjection, Options, When};

fn account() -> Result<Account> {
    let account = Account::start(Options::default())?;
    account.set(|settings| settings.limits_enforced = false);
    Ok(account)
}

fn told<T>(answer: std::result::Result<T, Error>) -> Result<T> {
    answer.map_err(|error| anyhow::anyhow!("{}: {}", error.code, error.message))
}

fn text(value: &str) -> Cell {
    Cell::Text(value.into())
}

fn request(object: &str, columns: &[&str], intents: Vec<Intent>) -> WriteRequest {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    WriteRequest { object: object.into(), returning: columns.clone(), columns, intents }
}

fn write(session: &mut Session, object: &str, columns: &[&str], intents: Vec<Intent>) -> Result<Vec<Outcome>> {
    let count = intents.len();
    let outcomes = told(session.write(&request(object, columns, intents)))?;
    assert_eq!(outcomes.len(), count);
    Ok(outcomes)
}

fn one(session: &mut Session, columns: &[&str], intent: Intent) -> Result<Outcome> {
    write(session, "contacts", columns, vec![intent])?.pop().context("an outcome")
}

fn create(cells: Vec<Cell>) -> Intent {
    Intent { action: "create".into(), key: Vec::new(), cells, expected: Vec::new() }
}

fn update(id: u64, cells: Vec<Cell>, expected: Vec<Cell>) -> Intent {
    Intent { action: "update".into(), key: vec![text(&id.to_string())], cells, expected }
}

fn delete(id: u64, expected: Vec<Cell>) -> Intent {
    Intent { action: "delete".into(), key: vec![text(&id.to_string())], cells: Vec::new(), expected }
}

fn city(id: u64, from: &str, to: &str) -> Intent {
    update(id, vec![text(to)], vec![text(from)])
}

fn applied(outcome: Outcome) -> Result<Row> {
    match outcome {
        Outcome::Applied(row) => Ok(row),
        other => anyhow::bail!("{other:?}"),
    }
}

fn overwrote(outcome: Outcome) -> Result<(Row, Vec<FieldOverwrite>)> {
    match outcome {
        Outcome::Overwrote(both) => Ok(both),
        other => anyhow::bail!("{other:?}"),
    }
}

/// A person sets the city around a request whose path has this in it.
fn meddle(account: &Account, when: When, path: &str, id: u64, value: &str) {
    account.interject(Interjection {
        method: "POST".into(),
        path: path.into(),
        when,
        skip: 0,
        act: Act::Edit { object: "contacts".into(), id, values: [("city".to_owned(), value.to_owned())].into() },
    });
}

fn fetch(session: &mut Session, id: u64) -> Result<Vec<Found>> {
    told(session.fetch(&FetchRequest {
        selection: Selection { object: "contacts".into(), columns: vec!["city".into()] },
        by: vec!["hs_object_id".into()],
        keys: vec![vec![text(&id.to_string())]],
    }))
}

fn city_of(account: &Account, id: u64) -> Option<String> {
    account.get("contacts", id)?.get("city").cloned()
}

#[test]
fn an_update_is_stored_and_comes_back_as_it_is_kept() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    let intent = update(id, vec![text("  B@X.Example "), Cell::Null], vec![text("a@x.example"), text("Ghent")]);
    let row = applied(one(&mut session, &["email", "city"], intent)?)?;
    assert_eq!(row.cells, [text("b@x.example"), Cell::Null]);
    assert_eq!(row.version.len(), 16);
    assert_eq!(account.get("contacts", id).context("there")?.get("email").map(String::as_str), Some("b@x.example"));
    let before = account.history("contacts", id, "email").len();
    // The same again: nothing is written.
    let same = update(id, vec![text("b@x.example"), Cell::Null], vec![text("b@x.example"), Cell::Null]);
    applied(one(&mut session, &["email", "city"], same)?)?;
    assert_eq!(account.history("contacts", id, "email").len(), before);
    Ok(())
}

#[test]
fn a_newer_value_is_a_conflict_and_stays() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    account.edit("contacts", id, &[("city", "Bruges")])?;
    let outcome = one(&mut session, &["city"], city(id, "Ghent", "Ypres"))?;
    let Outcome::Conflict(row) = outcome else { anyhow::bail!("{outcome:?}") };
    assert_eq!(row.cells, [text("Bruges")]);
    assert_eq!(city_of(&account, id).as_deref(), Some("Bruges"));
    Ok(())
}

#[test]
fn an_edit_between_look_and_write_is_reported() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    meddle(&account, When::Before, "batch/update", id, "Bruges");
    let (row, fields) = overwrote(one(&mut session, &["city"], city(id, "Ghent", "Ypres"))?)?;
    assert_eq!(row.cells, [text("Ypres")]);
    let field = fields.first().context("a field")?;
    assert_eq!((field.column.as_str(), &field.value), ("city", &text("Bruges")));
    assert!(field.at.is_some() && field.by.contains("1071"), "{field:?}");
    Ok(())
}

#[test]
fn an_edit_after_the_write_is_left_to_the_stream() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    meddle(&account, When::After, "batch/update", id, "Bruges");
    let row = applied(one(&mut session, &["city"], city(id, "Ghent", "Ypres"))?)?;
    assert_eq!(row.cells, [text("Ypres")], "ours as stored, not the newer value");
    let found = fetch(&mut session, id)?;
    let later = &found.first().context("there")?.row;
    assert_eq!(later.cells, [text("Bruges")]);
    assert!(later.version > row.version, "the newer value is news");
    Ok(())
}

#[test]
fn an_edit_of_what_was_held_already_is_not_taken_for_what_was_stored() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("city", "Berlin"), ("phone", "1")])?;
    let mut session = native::session(&account);
    // The city is there already, as after a write whose answer was lost; somebody
    // sets it while the rest is written.
    meddle(&account, When::After, "batch/update", id, "Oslo");
    let both = update(id, vec![text("Berlin"), text("2")], vec![text("Rome"), text("1")]);
    let row = applied(one(&mut session, &["city", "phone"], both)?)?;
    assert_eq!(row.cells, [text("Berlin"), text("2")]);
    let seen = fetch(&mut session, id)?;
    let seen = &seen.first().context("found")?.row;
    assert_eq!(seen.cells.first(), Some(&text("Oslo")));
    assert!(seen.version > row.version, "the edit is newer than the answer");
    Ok(())
}

#[test]
fn edits_on_both_sides_of_the_write_are_told_apart() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    meddle(&account, When::Before, "batch/update", id, "Bruges");
    meddle(&account, When::After, "batch/update", id, "Liege");
    let (row, fields) = overwrote(one(&mut session, &["city"], city(id, "Ghent", "Ypres"))?)?;
    assert_eq!(row.cells, [text("Ypres")]);
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Bruges")));
    Ok(())
}

#[test]
fn a_crash_between_write_and_answer_hides_no_overwritten_value() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])?;
    let mut lost = native::session(&account);
    meddle(&account, When::Before, "batch/update", id, "Bruges");
    // The answer is thrown away, with everything the session knew.
    one(&mut lost, &["city"], city(id, "Ghent", "Ypres"))?;
    drop(lost);
    let mut session = native::session(&account);
    // A read must not let it look like agreement.
    let found = fetch(&mut session, id)?;
    assert_eq!(found.first().context("there")?.row.cells, [Cell::Absent]);
    let (row, fields) = overwrote(one(&mut session, &["city"], city(id, "Ghent", "Ypres"))?)?;
    assert_eq!(row.cells, [text("Ypres")]);
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Bruges")));
    Ok(())
}

#[test]
fn the_agreed_value_may_move_on_after_a_lost_answer() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])?;
    let mut lost = native::session(&account);
    meddle(&account, When::Before, "batch/update", id, "Bruges");
    one(&mut lost, &["city"], city(id, "Ghent", "Ypres"))?;
    let mut session = native::session(&account);
    let (row, fields) = overwrote(one(&mut session, &["city"], city(id, "Ghent", "Namur"))?)?;
    assert_eq!(row.cells, [text("Namur")]);
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Bruges")));
    assert_eq!(city_of(&account, id).as_deref(), Some("Namur"));
    Ok(())
}

#[test]
fn one_bad_row_leaves_the_others_alone() -> Result<()> {
    let account = account()?;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(account.create("contacts", &[("email", &format!("p{number}@x.example"))])?);
    }
    let mut session = native::session(&account);
    let intents = ids.iter().enumerate().map(|(number, id)| {
        let new = if number == 3 { "not an address".to_owned() } else { format!("q{number}@x.example") };
        update(*id, vec![text(&new)], vec![text(&format!("p{number}@x.example"))])
    });
    let mut intents: Vec<Intent> = intents.collect();
    intents.push(update(999_999, vec![text("x@x.example")], vec![text("y@x.example")]));
    let outcomes = write(&mut session, "contacts", &["email"], intents)?;
    for (number, outcome) in outcomes.iter().enumerate() {
        match (number, outcome) {
            (3, Outcome::Rejected(rejection)) => {
                assert_eq!(
                    (rejection.class.as_str(), rejection.columns.as_slice()),
                    ("validation", ["email".to_owned()].as_slice())
                );
            }
            (7, Outcome::Gone) | (0..=2 | 4..=6, Outcome::Applied(_)) => {}
            other => anyhow::bail!("{other:?}"),
        }
    }
    Ok(())
}

#[test]
fn creates_find_what_is_there_and_make_the_rest() -> Result<()> {
    let account = account()?;
    let there = account.create("contacts", &[("email", "there@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    let row = |email: &str, city: &str| create(vec![text(email), text(city)]);
    let intents = vec![
        row("new@x.example", "Ypres"),
        row("There@x.example", "Namur"),
        row("bad", "Mons"),
        row("also@x.example", "Mons"),
    ];
    let outcomes = write(&mut session, "contacts", &["email", "city"], intents)?;
    assert!(
        matches!(outcomes.first(), Some(Outcome::Applied(row)) if row.cells == [text("new@x.example"), text("Ypres")])
    );
    let Some(Outcome::Duplicate(duplicate)) = outcomes.get(1) else { anyhow::bail!("{outcomes:?}") };
    assert_eq!(duplicate.key, [text(&there.to_string())]);
    assert_eq!(duplicate.cells, [text("there@x.example"), text("Ghent")]);
    assert!(matches!(outcomes.get(2), Some(Outcome::Rejected(_))), "{outcomes:?}");
    assert!(matches!(outcomes.get(3), Some(Outcome::Applied(_))));
    assert_eq!(account.all("contacts").len(), 3);
    assert_eq!(city_of(&account, there).as_deref(), Some("Ghent"), "nothing of it was overwritten");
    // Again, as after a crash: nothing is made twice.
    let outcomes = write(&mut session, "contacts", &["email", "city"], vec![row("new@x.example", "Ypres")])?;
    assert!(matches!(outcomes.first(), Some(Outcome::Duplicate(_))));
    Ok(())
}

#[test]
fn what_somebody_sets_right_after_a_create_is_not_taken_for_its_default() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    // Ids are evenly spaced; the edit comes before the look at the new record.
    let first = account.create("contacts", &[("email", "first@x.example")])?;
    let second = account.create("contacts", &[("email", "second@x.example")])?;
    let next = second + (second - first);
    account.interject(Interjection {
        method: "POST".into(),
        path: "batch/create".into(),
        when: When::After,
        skip: 0,
        act: Act::Edit {
            object: "contacts".into(),
            id: next,
            values: [("city".to_owned(), "Bruges".to_owned())].into(),
        },
    });
    let intent = create(vec![text("a@x.example"), Cell::Null]);
    let row = applied(one(&mut session, &["email", "city"], intent)?)?;
    assert_eq!(row.key, [text(&next.to_string())]);
    assert_eq!(row.cells, [text("a@x.example"), Cell::Null]);
    let found = fetch(&mut session, next)?;
    let later = &found.first().context("there")?.row;
    assert_eq!(later.cells, [text("Bruges")]);
    assert!(later.version > row.version);
    Ok(())
}

#[test]
fn a_record_made_meanwhile_is_the_duplicate() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    account.interject(Interjection {
        method: "POST".into(),
        path: "batch/create".into(),
        when: When::Before,
        skip: 0,
        act: Act::Create {
            object: "contacts".into(),
            values: [("email".to_owned(), "a@x.example".to_owned()), ("city".to_owned(), "Ghent".to_owned())].into(),
        },
    });
    let outcome = one(&mut session, &["email", "city"], create(vec![text("a@x.example"), text("Ypres")]))?;
    let Outcome::Duplicate(row) = outcome else { anyhow::bail!("{outcome:?}") };
    assert_eq!(row.cells.get(1), Some(&text("Ghent")));
    assert_eq!(account.all("contacts").len(), 1);
    Ok(())
}

#[test]
fn a_delete_looks_first_and_reports_what_was_edited_meanwhile() -> Result<()> {
    let account = account()?;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(account.create("contacts", &[("email", &format!("p{number}@x.example")), ("city", "Ghent")])?);
    }
    let [plain, edited, raced] = ids.as_slice() else { anyhow::bail!("three") };
    account.edit("contacts", *edited, &[("city", "Bruges")])?;
    meddle(&account, When::Before, "batch/archive", *raced, "Ypres");
    let mut session = native::session(&account);
    let intents = ids.iter().map(|id| delete(*id, vec![text("Ghent")])).collect();
    let outcomes = write(&mut session, "contacts", &["city"], intents)?;
    assert!(matches!(outcomes.first(), Some(Outcome::Applied(_))), "{outcomes:?}");
    assert!(matches!(outcomes.get(1), Some(Outcome::Conflict(_))), "{outcomes:?}");
    let (_, fields) = overwrote(outcomes.get(2).cloned().context("three")?)?;
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Ypres")));
    assert!(account.is_archived("contacts", *plain) && !account.is_archived("contacts", *edited));
    let outcome = one(&mut session, &["city"], delete(*plain, vec![text("Ghent")]))?;
    assert_eq!(outcome, Outcome::Gone);
    Ok(())
}

#[test]
fn what_an_archived_record_holds_that_nobody_has_heard_of_is_told_before_it_is_gone() -> Result<()> {
    let account = account()?;
    let ids = [1, 2].map(|n| account.create("contacts", &[("email", &format!("p{n}@x.example")), ("city", "Ghent")]));
    let [edited, overwritten] = ids;
    let (edited, overwritten) = (edited?, overwritten?);
    account.edit("contacts", edited, &[("city", "Bruges")])?;
    let mut session = native::session(&account);
    // Its outcome is not heard; somebody deletes the record, having seen what was written.
    meddle(&account, When::Before, "batch/update", overwritten, "Ypres");
    one(&mut session, &["city"], city(overwritten, "Ghent", "Lier"))?;
    for id in [edited, overwritten] {
        account.archive("contacts", id)?;
    }
    for (id, unheard) in [(edited, "Bruges"), (overwritten, "Ypres")] {
        for intent in [city(id, "Ghent", "Lier"), delete(id, vec![text("Ghent")])] {
            let outcome = one(&mut session, &["city"], intent)?;
            let Outcome::Conflict(row) = outcome else { anyhow::bail!("{outcome:?}") };
            assert_eq!(row.cells, [text(unheard)]);
        }
        assert_eq!(one(&mut session, &["city"], city(id, unheard, "Lier"))?, Outcome::Gone);
    }
    Ok(())
}

#[test]
fn an_update_of_a_record_that_is_archived_before_it_is_looked_at_again_tells_what_it_overwrote() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "p@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    meddle(&account, When::Before, "batch/update", id, "Ypres");
    account.interject(Interjection {
        method: "POST".into(),
        path: "batch/update".into(),
        when: When::After,
        skip: 0,
        act: Act::Archive { object: "contacts".into(), id },
    });
    let (row, fields) = overwrote(one(&mut session, &["city"], city(id, "Ghent", "Lier"))?)?;
    assert_eq!(row.cells, [text("Lier")]);
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Ypres")));
    Ok(())
}

#[test]
fn many_rows_go_in_few_requests() -> Result<()> {
    let account = account()?;
    let mut intents = Vec::new();
    for number in 0..120 {
        let id = account.create("contacts", &[("email", &format!("p{number}@x.example")), ("city", "Ghent")])?;
        intents.push(city(id, "Ghent", "Ypres"));
    }
    let mut session = native::session(&account);
    let before = account.calls().0;
    let outcomes = write(&mut session, "contacts", &["city"], intents)?;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))));
    let calls = account.calls().0 - before;
    assert!(calls <= 10, "{calls} requests for 120 rows");
    Ok(())
}
