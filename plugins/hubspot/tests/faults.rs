//! Writes when answers are lost, limits are reached and HubSpot is not well.

mod native;

use anyhow::{Context, Result};
use lockstep_hubspot::session::Session;
use lockstep_sdk::model::{Cell, Error, Intent, Outcome, WriteRequest};
use lockstep_simulators::hubspot::{
    Account, Act, Interjection, Options, When, burst_exceeded, daily_exceeded, gateway_timeout, search_exceeded,
    server_error, unavailable,
};
use lockstep_simulators::{Fault, Rule};

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

fn write(session: &mut Session, object: &str, columns: &[&str], intent: Intent) -> Result<Outcome> {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let request = WriteRequest { object: object.into(), returning: columns.clone(), columns, intents: vec![intent] };
    told(session.write(&request))?.pop().context("an outcome")
}

fn city(id: u64, from: &str, to: &str) -> Intent {
    Intent {
        action: "update".into(),
        key: vec![text(&id.to_string())],
        cells: vec![text(to)],
        expected: vec![text(from)],
    }
}

fn create(cells: Vec<Cell>) -> Intent {
    Intent { action: "create".into(), key: Vec::new(), cells, expected: Vec::new() }
}

fn ghent(account: &Account) -> Result<u64> {
    account.create("contacts", &[("email", "a@x.example"), ("city", "Ghent")])
}

fn bruges_before(account: &Account, path: &str, id: u64) {
    account.interject(Interjection {
        method: "POST".into(),
        path: path.into(),
        when: When::Before,
        skip: 0,
        act: Act::Edit { object: "contacts".into(), id, values: [("city".to_owned(), "Bruges".to_owned())].into() },
    });
}

#[test]
fn a_write_whose_answer_is_cut_off_is_found_in_the_history() -> Result<()> {
    let account = account()?;
    let id = ghent(&account)?;
    let mut session = native::session(&account);
    bruges_before(&account, "batch/update", id);
    account.stage().faults.inject(Rule::next("batch/update", Fault::CutAfter));
    let outcome = write(&mut session, "contacts", &["city"], city(id, "Ghent", "Ypres"))?;
    let Outcome::Overwrote((row, fields)) = outcome else { anyhow::bail!("{outcome:?}") };
    assert_eq!(row.cells, [text("Ypres")]);
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Bruges")));
    Ok(())
}

#[test]
fn a_write_that_never_arrived_is_in_doubt_and_done_the_next_time() -> Result<()> {
    let account = account()?;
    let id = ghent(&account)?;
    let mut session = native::session(&account);
    for fault in [Fault::CutBefore, server_error(), gateway_timeout()] {
        account.stage().faults.inject(Rule::next("batch/update", fault));
        let outcome = write(&mut session, "contacts", &["city"], city(id, "Ghent", "Ypres"))?;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    }
    let outcome = write(&mut session, "contacts", &["city"], city(id, "Ghent", "Ypres"))?;
    assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
    Ok(())
}

#[test]
fn a_history_that_cannot_be_read_leaves_the_write_in_doubt_and_the_next_one_tells() -> Result<()> {
    let account = account()?;
    let id = ghent(&account)?;
    let mut session = native::session(&account);
    bruges_before(&account, "batch/update", id);
    // The look before passes; every look after fails, with all their repetitions.
    account.stage().faults.inject(Rule::next("batch/read", unavailable()).skip(1).times(12));
    let outcome = write(&mut session, "contacts", &["city"], city(id, "Ghent", "Ypres"))?;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    let outcome = write(&mut session, "contacts", &["city"], city(id, "Ghent", "Ypres"))?;
    let Outcome::Overwrote((_, fields)) = outcome else { anyhow::bail!("{outcome:?}") };
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Bruges")));
    Ok(())
}

#[test]
fn a_limit_is_waited_out_or_told() -> Result<()> {
    let account = account()?;
    let id = ghent(&account)?;
    let mut session = native::session(&account);
    account.stage().faults.inject(Rule::next("batch/update", search_exceeded()));
    let outcome = write(&mut session, "contacts", &["city"], city(id, "Ghent", "Ypres"))?;
    assert!(matches!(outcome, Outcome::Applied(_)), "a second is waited out: {outcome:?}");
    account.stage().faults.inject(Rule::next("batch/update", burst_exceeded()));
    let outcome = write(&mut session, "contacts", &["city"], city(id, "Ypres", "Namur"))?;
    assert!(matches!(outcome, Outcome::Throttled(wait) if wait >= 1_000), "{outcome:?}");
    account.stage().faults.inject(Rule::next("batch/read", daily_exceeded()));
    let request = WriteRequest {
        object: "contacts".into(),
        columns: vec!["city".into()],
        returning: vec!["city".into()],
        intents: vec![city(id, "Ypres", "Namur")],
    };
    let error = session.write(&request).expect_err("nothing could be looked at");
    assert_eq!(error.code, "throttled");
    assert!(error.retry_after_ms.is_some_and(|wait| wait > 60_000), "the day is spent");
    Ok(())
}

#[test]
fn a_create_whose_answer_is_lost_is_found_by_its_unique_property() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    account.stage().faults.inject(Rule::next("batch/create", Fault::CutAfter));
    let intent = || create(vec![text("new@x.example"), text("Ghent")]);
    let outcome = write(&mut session, "contacts", &["email", "city"], intent())?;
    assert!(matches!(outcome, Outcome::Duplicate(_)), "{outcome:?}");
    assert_eq!(account.all("contacts").len(), 1);
    account.stage().faults.inject(Rule::next("batch/create", Fault::CutBefore));
    let outcome =
        write(&mut session, "contacts", &["email", "city"], create(vec![text("b@x.example"), text("Ghent")]))?;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    Ok(())
}

#[test]
fn a_create_without_a_unique_property_is_not_believed_missing_at_once() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    account.stage().faults.inject(Rule::next("batch/create", Fault::CutAfter));
    let outcome = write(&mut session, "deals", &["dealname"], create(vec![text("Big one")]))?;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    let fetch = lockstep_sdk::model::FetchRequest {
        selection: lockstep_sdk::model::Selection { object: "deals".into(), columns: vec!["dealname".into()] },
        by: vec!["dealname".into()],
        keys: vec![vec![text("Big one")]],
    };
    // The index lags two seconds: first nothing is believed, then it is found.
    let error = session.fetch(&fetch).expect_err("not yet");
    assert_eq!(error.code, "retry");
    std::thread::sleep(std::time::Duration::from_millis(2_300));
    assert_eq!(told(session.fetch(&fetch))?.len(), 1);
    Ok(())
}

#[test]
fn an_archive_whose_answer_is_lost_is_seen_to_be_done() -> Result<()> {
    let account = account()?;
    let id = ghent(&account)?;
    let mut session = native::session(&account);
    bruges_before(&account, "batch/archive", id);
    account.stage().faults.inject(Rule::next("batch/archive", Fault::CutAfter));
    let intent = Intent {
        action: "delete".into(),
        key: vec![text(&id.to_string())],
        cells: Vec::new(),
        expected: vec![text("Ghent")],
    };
    let outcome = write(&mut session, "contacts", &["city"], intent)?;
    let Outcome::Overwrote((_, fields)) = outcome else { anyhow::bail!("{outcome:?}") };
    assert_eq!(fields.first().map(|field| &field.value), Some(&text("Bruges")));
    Ok(())
}
