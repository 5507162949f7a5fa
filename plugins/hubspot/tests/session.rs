//! The session against a simulated account: reading, following, finding.

mod native;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use lockstep_hubspot::session::Session;
use lockstep_sdk::model::{
    Cell, ChangesAnswer, ChangesRequest, EnsureRequest, Error, FetchRequest, Found, PageRequest, Selection,
    WantedColumn,
};
use lockstep_simulators::hubspot::{Account, Options};

fn account() -> Result<Account> {
    let account = Account::start(Options::default())?;
    account.set(|settings| settings.limits_enforced = false);
    Ok(account)
}

fn told<T>(answer: std::result::Result<T, Error>) -> Result<T> {
    answer.map_err(|error| anyhow::anyhow!("{}: {}", error.code, error.message))
}

fn selection(object: &str, columns: &[&str]) -> Selection {
    Selection { object: object.into(), columns: columns.iter().map(|name| (*name).to_owned()).collect() }
}

fn text(value: &str) -> Cell {
    Cell::Text(value.into())
}

fn changes(session: &mut Session, selections: &[Selection], after: &[u8], wait_ms: u32) -> Result<ChangesAnswer> {
    told(session.changes(&ChangesRequest {
        selections: selections.to_vec(),
        after: after.to_vec(),
        durable: Vec::new(),
        max_records: 1_000,
        max_bytes: 1 << 20,
        wait_ms,
    }))
}

fn fetch(session: &mut Session, selection: &Selection, by: &str, keys: &[&str]) -> Result<Vec<Found>> {
    told(session.fetch(&FetchRequest {
        selection: selection.clone(),
        by: vec![by.into()],
        keys: keys.iter().map(|key| vec![text(key)]).collect(),
    }))
}

/// Ids named until `wanted` are among them, and the cursor after.
fn follow(
    session: &mut Session,
    selections: &[Selection],
    after: &mut Vec<u8>,
    wanted: &[u64],
) -> Result<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    for _ in 0..60 {
        let answer = changes(session, selections, after, 200)?;
        *after = answer.cursor;
        for batch in answer.batches {
            if batch.kind == "upsert" {
                // What an archived record held decides nothing: it is in no order.
                assert!(batch.rows.iter().all(|row| row.version.is_empty()));
                continue;
            }
            assert_eq!(batch.kind, "invalidate");
            for row in batch.rows {
                if let Some(Cell::Text(id)) = row.key.first() {
                    named.insert(id.clone());
                }
            }
        }
        if wanted.iter().all(|id| named.contains(&id.to_string())) {
            return Ok(named);
        }
    }
    anyhow::bail!("named only {named:?} of {wanted:?}")
}

#[test]
fn properties_are_described() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    let objects = told(session.discover(&[]))?;
    let names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["contacts", "companies", "deals", "tickets"]);
    let contacts = objects.first().context("contacts")?;
    let column = |name: &str| contacts.columns.iter().find(|column| column.name == name).context("a column");
    assert_eq!(contacts.key, ["hs_object_id"]);
    assert!(column("email")?.unique && column("email")?.updateable);
    assert!(!column("lastmodifieddate")?.updateable);
    assert_eq!(column("lastmodifieddate")?.type_.kind, "timestamp");
    assert_eq!(column("lifecyclestage")?.type_.kind, "enum");
    let reference = column("associatedcompanyid")?.references.as_ref().context("a reference")?;
    assert_eq!(reference.object, "companies");
    let error = session.discover(&["nothing".into()]).expect_err("there is no such type");
    assert_eq!(error.code, "not-found");
    Ok(())
}

#[test]
fn a_full_read_pages_and_goes_on_where_it_stopped() -> Result<()> {
    let account = account()?;
    for number in 0..250 {
        let (email, city) = (format!("p{number}@read.example"), format!("city {number}"));
        account.create("contacts", &[("email", &email), ("city", &city)])?;
    }
    let selection = selection("contacts", &["email", "city", "lastname"]);
    let mut after = Vec::new();
    let mut seen = BTreeSet::new();
    loop {
        // Another session each time: the token is all there is to know.
        let mut session = native::session(&account);
        let request = PageRequest { selection: selection.clone(), after, max_rows: 90, max_bytes: 1 << 20 };
        let page = told(session.read(&request))?;
        for row in &page.rows {
            assert!(seen.insert(format!("{:?}", row.key)), "a row twice");
            assert_eq!(row.cells.get(2), Some(&Cell::Null));
            assert!(row.version.is_empty() && row.at.is_some());
        }
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 250);
    Ok(())
}

#[test]
fn edits_creations_and_deletes_are_named_whatever_the_index_does() -> Result<()> {
    let account = account()?;
    account.set(|settings| settings.search_lag_ms = 1_500);
    let old = account.create("contacts", &[("email", "old@x.example")])?;
    let gone = account.create("contacts", &[("email", "gone@x.example")])?;
    let mut session = native::session(&account);
    let selections = [selection("contacts", &["email"]), selection("companies", &["name"])];
    let mut after = told(session.start(&selections))?.cursor;
    account.edit("contacts", old, &[("city", "Ghent")])?;
    let new = account.create("contacts", &[("email", "new@x.example")])?;
    let company = account.create("companies", &[("name", "Acme")])?;
    account.archive("contacts", gone)?;
    follow(&mut session, &selections, &mut after, &[old, new, company, gone])?;
    let found = fetch(
        &mut session,
        selections.first().context("one")?,
        "hs_object_id",
        &[&old.to_string(), &gone.to_string(), &new.to_string()],
    )?;
    let indexes: Vec<u32> = found.iter().map(|found| found.index).collect();
    assert_eq!(indexes, [0, 2]);
    // A session that begins again at the cursor misses nothing and may repeat.
    let mut again = native::session(&account);
    account.edit("contacts", new, &[("city", "Bruges")])?;
    follow(&mut again, &selections, &mut after, &[new])?;
    account.restore("contacts", gone)?;
    let found = fetch(&mut again, selections.first().context("one")?, "hs_object_id", &[&gone.to_string()])?;
    assert_eq!(found.len(), 1);
    Ok(())
}

#[test]
fn what_an_archived_record_held_at_its_end_is_told_though_nobody_read_it() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "gone@x.example"), ("city", "Ghent")])?;
    let mut session = native::session(&account);
    let selections = [selection("contacts", &["email", "city"])];
    let mut after = told(session.start(&selections))?.cursor;
    account.edit("contacts", id, &[("city", "Bruges")])?;
    account.archive("contacts", id)?;
    for _ in 0..60 {
        let answer = changes(&mut session, &selections, &after, 200)?;
        after = answer.cursor;
        let Some(told) = answer.batches.iter().position(|batch| batch.kind == "upsert") else { continue };
        let cells = answer.batches.get(told).and_then(|batch| batch.rows.first()).map(|row| row.cells.clone());
        assert_eq!(cells, Some(vec![text("gone@x.example"), text("Bruges")]));
        let named = answer.batches.get(told + 1..).unwrap_or_default().iter().any(|batch| batch.kind == "invalidate");
        assert!(named, "and then it is read, and not found");
        return Ok(());
    }
    anyhow::bail!("never told")
}

#[test]
fn an_idle_stream_says_nothing_and_waits() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    let selections = [selection("contacts", &["email"])];
    let mut after = told(session.start(&selections))?.cursor;
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        let answer = changes(&mut session, &selections, &after, 200)?;
        assert!(answer.batches.is_empty() && !answer.more);
        after = answer.cursor;
    }
    assert!(begun.elapsed().as_millis() >= 800, "it span instead of waiting");
    assert_eq!(
        session
            .changes(&ChangesRequest {
                selections: selections.to_vec(),
                after: b"nonsense".to_vec(),
                durable: Vec::new(),
                max_records: 1,
                max_bytes: 1,
                wait_ms: 0,
            })
            .expect_err("not ours")
            .code,
        "cursor-invalid"
    );
    Ok(())
}

#[test]
fn rows_are_found_by_key_by_unique_property_and_by_search() -> Result<()> {
    let account = account()?;
    account.set(|settings| settings.search_lag_ms = 0);
    let ann = account.create("contacts", &[("email", "Ann@X.example"), ("city", "Ghent"), ("firstname", "Ann")])?;
    let bob = account.create("contacts", &[("email", "bob@x.example"), ("city", "Ghent"), ("firstname", "Bob")])?;
    let mut session = native::session(&account);
    let selection = selection("contacts", &["email", "city"]);
    let found = fetch(&mut session, &selection, "email", &["ANN@x.example", "nobody@x.example"])?;
    assert_eq!(found.len(), 1);
    let row = &found.first().context("one")?.row;
    assert_eq!((row.key.first(), row.cells.first()), (Some(&text(&ann.to_string())), Some(&text("ann@x.example"))));
    assert_eq!(row.version.len(), 16);
    let found = fetch(&mut session, &selection, "city", &["ghent"])?;
    assert_eq!(found.len(), 2);
    // The session is young: the index may not have what was just made.
    let error = session.fetch(&FetchRequest {
        selection: selection.clone(),
        by: vec!["city".into()],
        keys: vec![vec![text("Nowhere")]],
    });
    assert_eq!(error.expect_err("not believed yet").code, "retry");
    account.merge("contacts", ann, bob)?;
    let found = fetch(&mut session, &selection, "hs_object_id", &[&ann.to_string(), &bob.to_string()])?;
    assert_eq!(found.iter().map(|found| found.index).collect::<Vec<_>>(), [0], "the loser is gone");
    Ok(())
}

#[test]
fn a_missing_property_is_created_once() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    let column = WantedColumn {
        name: "crm_id".into(),
        type_: lockstep_sdk::model::ColumnType::new("text", "text"),
        nullable: true,
        unique: true,
        references: None,
        comment: "the other side's key".into(),
    };
    let mut request =
        EnsureRequest { object: "companies".into(), columns: vec![column], key: Vec::new(), dry_run: true };
    assert_eq!(told(session.ensure(&request))?.len(), 1);
    request.dry_run = false;
    assert_eq!(told(session.ensure(&request))?, ["create property companies.crm_id of type string"]);
    assert!(told(session.ensure(&request))?.is_empty());
    let objects = told(session.discover(&["companies".into()]))?;
    assert!(objects.first().context("companies")?.unique_keys.contains(&vec!["crm_id".to_owned()]));
    Ok(())
}

#[test]
fn check_names_what_is_missing_and_its_cure() -> Result<()> {
    let account = account()?;
    let mut session = native::session(&account);
    let items = told(session.check(&["contacts".into(), "deals".into()]))?;
    let status = |name: &str| items.iter().find(|item| item.name == name).map(|item| item.status.as_str());
    assert_eq!(status("read-right:contacts"), Some("ok"), "{items:#?}");
    assert_eq!(status("write-right:contacts"), Some("ok"));
    assert_eq!(status("schema:contacts"), Some("ok"));
    assert_eq!(status("schema:deals"), Some("warn"), "deals have no unique property");
    assert_eq!(status("daily-budget"), Some("ok"), "{items:#?}");
    assert_eq!(status("app-id"), Some("ok"));
    assert_eq!(status("clock"), Some("ok"));
    let token = account.add_token(7, &["crm.objects.companies.read"]);
    let config = format!(r#"{{"base_url":"{}"}}"#, account.url());
    let mut poor = told(Session::open(native::platform(&token, ""), &config))?;
    let items = told(poor.check(&["contacts".into()]))?;
    let item = items.first().context("an item")?;
    assert_eq!(item.status, "fail");
    assert!(item.remedy.contains("crm.objects.contacts.read"), "{}", item.remedy);
    let mut stranger = told(Session::open(native::platform("nonsense", ""), &config))?;
    assert_eq!(stranger.check(&[]).expect_err("no such token").code, "auth");
    Ok(())
}

#[test]
fn dated_paths_serve_as_well() -> Result<()> {
    let account = account()?;
    let id = account.create("contacts", &[("email", "a@dated.example")])?;
    let mut session = native::session_with(&account, r#","api_version":"2026-09""#);
    let found = fetch(&mut session, &selection("contacts", &["email"]), "hs_object_id", &[&id.to_string()])?;
    assert_eq!(found.len(), 1);
    assert_eq!(told(session.discover(&["contacts".into()]))?.len(), 1);
    Ok(())
}
