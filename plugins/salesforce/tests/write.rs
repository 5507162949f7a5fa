//! Writes against a stateful organisation: a competing writer is reported and
//! never overwritten unseen, a lost answer makes no duplicate, each refused row
//! stays alone.

mod native;

use anyhow::{Context, ensure};
use lockstep_sdk::model::{Cell, Outcome};
use lockstep_simulators::faults::{Fault, Rule};
use lockstep_simulators::salesforce::{Edit, Field, Options, Org, RowRefusal};
use native::{create, delete, org, session, session_with, text, told, update, write, write_one};
use serde_json::json;

const COLUMNS: [&str; 3] = ["LastName", "Email", "Phone"];

fn contact(org: &Org, name: &str) -> anyhow::Result<String> {
    org.create("Contact", json!({"LastName": name, "Email": "old@example.com"})).map_err(|e| anyhow::anyhow!("{e:?}"))
}

fn shown(org: &Org, id: &str, field: &str) -> String {
    org.row("Contact", id).and_then(|row| row[field].as_str().map(str::to_owned)).unwrap_or_default()
}

fn person(org: &Org, id: &str, values: serde_json::Value) -> anyhow::Result<()> {
    org.update("Contact", id, values).map_err(|e| anyhow::anyhow!("{e:?}"))
}

#[test]
fn an_update_is_written_where_the_row_holds_what_is_expected() -> anyhow::Result<()> {
    let org = org()?;
    let id = contact(&org, "Smith")?;
    let intent = update(
        &id,
        &[Cell::Absent, text(" New@example.com "), text("")],
        &[Cell::Absent, text("old@example.com"), Cell::Null],
    );
    let outcome = write_one(&mut session(&org)?, "Contact", &COLUMNS, intent)?;
    let Outcome::Applied(row) = outcome else { anyhow::bail!("{outcome:?}") };
    // As stored: trimmed, and empty text is null.
    ensure!(row.cells == [text("Smith"), text("New@example.com"), Cell::Null], "{row:?}");
    ensure!(row.version.is_empty());
    Ok(())
}

#[test]
fn a_row_that_holds_something_else_is_a_conflict_and_stays() -> anyhow::Result<()> {
    let org = org()?;
    let id = contact(&org, "Smith")?;
    let intent = update(
        &id,
        &[Cell::Absent, text("mine@example.com"), Cell::Absent],
        &[Cell::Absent, text("older@example.com"), Cell::Absent],
    );
    let outcome = write_one(&mut session(&org)?, "Contact", &COLUMNS, intent)?;
    let Outcome::Conflict(row) = outcome else { anyhow::bail!("{outcome:?}") };
    ensure!(row.cells[1] == text("old@example.com"));
    ensure!(shown(&org, &id, "Email") == "old@example.com");
    Ok(())
}

/// Waits until something is so, for five seconds at most.
fn until(what: &str, mut so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while !so() {
        ensure!(std::time::Instant::now() < deadline, "{what}: it did not come to that");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    Ok(())
}

/// Until the writer has read its rows.
fn until_read(org: &Org) -> anyhow::Result<()> {
    until("the rows are read", || org.traffic().count("GET", "/query") > 0)
}

/// Edits by a person between our read and our write, in every way they can fall.
fn race(settings: &str, rows: usize) -> anyhow::Result<(Org, Vec<String>, Vec<Outcome>)> {
    let org = org()?;
    let ids: Vec<String> = (0..rows).map(|at| contact(&org, &format!("N{at}"))).collect::<anyhow::Result<_>>()?;
    // Rows come to rest, so that nothing but the person's edit is fresh.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    // The write is held back at the server's door while the person edits.
    org.faults().inject(Rule::next("composite", Fault::Delay { ms: 1_000 }).method("POST"));
    org.faults().inject(Rule::next("sobjects/Contact/", Fault::Delay { ms: 1_000 }).method("PATCH"));
    let outcomes = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let intents = ids.iter().map(|id| {
                update(
                    id,
                    &[Cell::Absent, text("mine@example.com"), Cell::Absent],
                    &[Cell::Absent, text("old@example.com"), Cell::Absent],
                )
            });
            write(&mut session_with(&org, settings)?, "Contact", &COLUMNS, intents.collect())
        });
        until_read(&org)?;
        person(&org, &ids[0], json!({"Email": "person@example.com"}))?;
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?
    })?;
    Ok((org, ids, outcomes))
}

#[test]
fn a_competing_writer_between_read_and_write_is_reported_and_keeps_its_value() -> anyhow::Result<()> {
    for rows in [1, 30] {
        let (org, ids, outcomes) = race("", rows)?;
        let Outcome::Conflict(row) = &outcomes[0] else { anyhow::bail!("{rows} rows: {:?}", outcomes[0]) };
        ensure!(row.cells[1] == text("person@example.com"));
        ensure!(shown(&org, &ids[0], "Email") == "person@example.com");
        let rest = outcomes.iter().skip(1).all(|outcome| matches!(outcome, Outcome::Applied(_)));
        ensure!(rest, "{rows} rows: {outcomes:?}");
        ensure!(ids.iter().skip(1).all(|id| shown(&org, id, "Email") == "mine@example.com"));
    }
    Ok(())
}

#[test]
fn an_edit_in_the_same_second_as_our_read_is_not_overwritten() -> anyhow::Result<()> {
    // The row is modified in the very second in which it is read: the server's
    // precondition could not tell a second edit from the first.
    for round in 0..6 {
        let org = org()?;
        let id = contact(&org, "Smith")?;
        let outcome = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let intent = update(
                    &id,
                    &[Cell::Absent, text("mine@example.com"), Cell::Absent],
                    &[Cell::Absent, text("old@example.com"), Cell::Absent],
                );
                write_one(&mut session(&org)?, "Contact", &COLUMNS, intent)
            });
            std::thread::sleep(std::time::Duration::from_millis(30 * round));
            person(&org, &id, json!({"Email": "person@example.com"}))?;
            writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?
        })?;
        let email = shown(&org, &id, "Email");
        match outcome {
            Outcome::Conflict(row) => {
                ensure!(row.cells[1] == text("person@example.com") && email == "person@example.com")
            }
            // Written before the person's edit came, which then stands.
            Outcome::Applied(row) => ensure!(email == "person@example.com" && row.cells[1] == text("mine@example.com")),
            other => anyhow::bail!("round {round}: {other:?}"),
        }
    }
    Ok(())
}

#[test]
fn an_edit_of_another_field_meanwhile_does_not_stop_ours() -> anyhow::Result<()> {
    let org = org()?;
    let id = contact(&org, "Smith")?;
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    org.faults().inject(Rule::next("sobjects/Contact/", Fault::Delay { ms: 1_000 }).method("PATCH"));
    let outcome = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let intent = update(
                &id,
                &[Cell::Absent, text("mine@example.com"), Cell::Absent],
                &[Cell::Absent, text("old@example.com"), Cell::Absent],
            );
            write_one(&mut session(&org)?, "Contact", &COLUMNS, intent)
        });
        until_read(&org)?;
        person(&org, &id, json!({"Phone": "0731"}))?;
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?
    })?;
    let Outcome::Applied(row) = outcome else { anyhow::bail!("{outcome:?}") };
    ensure!(row.cells == [text("Smith"), text("mine@example.com"), text("0731")], "{row:?}");
    Ok(())
}

#[test]
fn what_somebody_wrote_right_after_us_is_not_taken_for_our_own_value() -> anyhow::Result<()> {
    let org = org()?;
    let id = contact(&org, "Smith")?;
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    // Our write is done at once, its answer is late, and the person edits meanwhile.
    org.faults().inject(Rule::next("sobjects/Contact/", Fault::LateAnswer { ms: 1_000 }).method("PATCH"));
    let outcome = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let intent = update(
                &id,
                &[Cell::Absent, text("mine@example.com"), Cell::Absent],
                &[Cell::Absent, text("old@example.com"), Cell::Absent],
            );
            write_one(&mut session(&org)?, "Contact", &COLUMNS, intent)
        });
        until("our value is there", || shown(&org, &id, "Email") == "mine@example.com")?;
        person(&org, &id, json!({"Email": "person@example.com"}))?;
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?
    })?;
    let Outcome::Applied(row) = outcome else { anyhow::bail!("{outcome:?}") };
    ensure!(row.cells[1] == text("mine@example.com"), "the person's edit must come as news: {row:?}");
    Ok(())
}

#[test]
fn a_lost_answer_is_unknown_and_a_second_try_writes_nothing_twice() -> anyhow::Result<()> {
    let org = org()?;
    let id = contact(&org, "Smith")?;
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    org.faults().inject(Rule::next("sobjects/Contact/", Fault::CutAfter).method("PATCH"));
    let mut session = session(&org)?;
    let intent = || {
        update(
            &id,
            &[Cell::Absent, text("mine@example.com"), Cell::Absent],
            &[Cell::Absent, text("old@example.com"), Cell::Absent],
        )
    };
    let first = write_one(&mut session, "Contact", &COLUMNS, intent())?;
    ensure!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    let patches = org.traffic().count("PATCH", "/sobjects/Contact/");
    let second = write_one(&mut session, "Contact", &COLUMNS, intent())?;
    ensure!(matches!(second, Outcome::Applied(_)), "{second:?}");
    ensure!(org.traffic().count("PATCH", "/sobjects/Contact/") == patches, "it was there already");
    Ok(())
}

fn keyed_org() -> anyhow::Result<Org> {
    let mut key = Field::text("Key__c", "Key", 40);
    key.unique = true;
    key.external_id = true;
    key.id_lookup = true;
    Ok(Org::start(Options { fields: vec![("Contact".into(), key)], ..Options::default() })?)
}

#[test]
fn a_create_whose_answer_was_lost_is_found_by_its_external_id() -> anyhow::Result<()> {
    let org = keyed_org()?;
    org.faults().inject(Rule::next("composite/sobjects", Fault::CutAfter).method("POST"));
    let mut session = session_with(&org, r#""external_ids":{"Contact":"Key__c"}"#)?;
    let intent = || create(&[text("Smith"), text("k-1")]);
    let first = write_one(&mut session, "Contact", &["LastName", "Key__c"], intent())?;
    ensure!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    let second = write_one(&mut session, "Contact", &["LastName", "Key__c"], intent())?;
    let Outcome::Duplicate(row) = second else { anyhow::bail!("{second:?}") };
    ensure!(row.cells == [text("Smith"), text("k-1")]);
    ensure!(org.count("Contact") == 1);
    Ok(())
}

#[test]
fn a_taken_unique_value_names_its_row_without_being_looked_up_first() -> anyhow::Result<()> {
    let org = keyed_org()?;
    let values = json!({"LastName": "First", "Key__c": "k-1"});
    let id = org.create("Contact", values).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let outcomes = write(
        &mut session(&org)?,
        "Contact",
        &["LastName", "Key__c"],
        vec![create(&[text("Second"), text("k-1")]), create(&[text("Third"), text("k-3")])],
    )?;
    let Outcome::Duplicate(row) = &outcomes[0] else { anyhow::bail!("{outcomes:?}") };
    ensure!(row.key == [text(&id)], "{row:?}");
    ensure!(matches!(outcomes[1], Outcome::Applied(_)), "{outcomes:?}");
    Ok(())
}

#[test]
fn each_refused_row_stays_alone() -> anyhow::Result<()> {
    let org = org()?;
    let outcomes = write(
        &mut session(&org)?,
        "Contact",
        &["LastName", "Email"],
        vec![
            create(&[text("Good"), text("good@example.com")]),
            create(&[text("Bad"), text("no mail address")]),
            create(&[Cell::Null, text("nameless@example.com")]),
            create(&[text(&"x".repeat(200)), Cell::Null]),
            create(&[text("Wrong"), Cell::Boolean(true)]),
        ],
    )?;
    let class = |at: usize| match &outcomes[at] {
        Outcome::Rejected(rejection) => rejection.class.clone(),
        other => format!("{other:?}"),
    };
    ensure!(matches!(outcomes[0], Outcome::Applied(_)), "{:?}", outcomes[0]);
    ensure!(
        (class(1), class(2), class(3)) == ("validation".into(), "not-null".into(), "too-long".into()),
        "{outcomes:?}"
    );
    ensure!(org.count("Contact") >= 1);
    Ok(())
}

#[test]
fn a_locked_row_is_tried_again_and_a_limit_is_passed_on() -> anyhow::Result<()> {
    let org = org()?;
    let id = contact(&org, "Smith")?;
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    org.refuse_rows(RowRefusal::lock(2));
    let intent = |to: &str, from: &str| {
        update(&id, &[Cell::Absent, text(to), Cell::Absent], &[Cell::Absent, text(from), Cell::Absent])
    };
    let mut session = session(&org)?;
    let outcome = write_one(&mut session, "Contact", &COLUMNS, intent("a@example.com", "old@example.com"))?;
    ensure!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
    let body = json!([{"message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]);
    let fault = Fault::Answer { status: 403, headers: Vec::new(), body };
    org.faults().inject(Rule::next("sobjects/Contact/", fault).method("PATCH"));
    let outcome = write_one(&mut session, "Contact", &COLUMNS, intent("b@example.com", "a@example.com"))?;
    ensure!(matches!(outcome, Outcome::Throttled(_)), "{outcome:?}");
    Ok(())
}

#[test]
fn a_delete_is_compared_before_and_looked_at_afterwards() -> anyhow::Result<()> {
    let org = org()?;
    let (kept, gone) = (contact(&org, "Kept")?, contact(&org, "Gone")?);
    let mut session = session(&org)?;
    let expected = |email: &str| [Cell::Absent, text(email), Cell::Absent];
    let outcomes = write(
        &mut session,
        "Contact",
        &COLUMNS,
        vec![delete(&kept, &expected("else@example.com")), delete(&gone, &expected("old@example.com"))],
    )?;
    ensure!(matches!(outcomes[0], Outcome::Conflict(_)) && matches!(outcomes[1], Outcome::Applied(_)), "{outcomes:?}");
    ensure!(org.row("Contact", &kept).is_some() && org.row("Contact", &gone).is_none());
    let again = write_one(&mut session, "Contact", &COLUMNS, delete(&gone, &expected("old@example.com")))?;
    ensure!(matches!(again, Outcome::Gone), "{again:?}");

    let raced = contact(&org, "Raced")?;
    org.traffic().forget();
    org.faults().inject(Rule::next("composite/sobjects", Fault::Delay { ms: 1_000 }).method("DELETE"));
    let outcome = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            write_one(&mut self::session(&org)?, "Contact", &COLUMNS, delete(&raced, &expected("old@example.com")))
        });
        until_read(&org)?;
        person(&org, &raced, json!({"Email": "person@example.com"}))?;
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?
    })?;
    let Outcome::Overwrote((_, foreign)) = outcome else { anyhow::bail!("{outcome:?}") };
    let foreign = foreign.first().context("a value")?;
    ensure!(foreign.column == "Email" && foreign.value == text("person@example.com"));
    Ok(())
}

#[test]
fn many_rows_are_written_in_few_requests() -> anyhow::Result<()> {
    let org = org()?;
    let edits: Vec<Edit> = (0..100)
        .map(|at| {
            let values = json!({"LastName": format!("N{at}"), "Email": "old@example.com"});
            Edit::Create { object: "Contact".into(), values: values.as_object().cloned().unwrap_or_default() }
        })
        .collect();
    let ids = org.edit(&edits).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let intents = |from: &str, to: &str| {
        let one = |id: &String| {
            update(id, &[Cell::Absent, text(to), Cell::Absent], &[Cell::Absent, text(from), Cell::Absent])
        };
        ids.iter().map(one).collect::<Vec<_>>()
    };
    let mut conditional = session(&org)?;
    conditional.discover(&["Contact".into()]).map_err(told)?;
    org.traffic().forget();
    let outcomes = write(&mut conditional, "Contact", &COLUMNS, intents("old@example.com", "new@example.com"))?;
    ensure!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))), "{outcomes:?}");
    // A read, four conditional requests of 25 rows with a read behind each.
    ensure!(org.traffic().total() <= 9, "{} requests", org.traffic().total());

    let mut collections = session_with(&org, r#""updates":"collections""#)?;
    collections.discover(&["Contact".into()]).map_err(told)?;
    org.traffic().forget();
    let outcomes = write(&mut collections, "Contact", &COLUMNS, intents("new@example.com", "newer@example.com"))?;
    ensure!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))), "{outcomes:?}");
    ensure!(org.traffic().total() <= 3, "{} requests", org.traffic().total());
    Ok(())
}
