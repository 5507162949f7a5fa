//! Discovery, full reads and look-ups against a stateful organisation.

mod native;

use lockstep_sdk::model::{Cell, FetchRequest, PageRequest};
use lockstep_simulators::salesforce::{Options, Org, Settings};
use native::{org, selection, session, session_with, text, told};
use serde_json::json;

#[test]
fn objects_are_discovered_with_their_types() -> anyhow::Result<()> {
    let org = org()?;
    let mut session = session(&org)?;
    let objects = session.discover(&["Contact".into(), "Nothing__c".into()]).map_err(told)?;
    anyhow::ensure!(objects.len() == 1, "what is not there is left out");
    let column = |name: &str| objects[0].columns.iter().find(|column| column.name == name);
    anyhow::ensure!(column("MailingAddress").is_none(), "parts stand for the compound");
    anyhow::ensure!(column("MailingCity").is_some());
    let email = column("Email").ok_or_else(|| anyhow::anyhow!("no Email"))?;
    anyhow::ensure!(email.type_.kind == "text" && email.type_.length == Some(80));
    let account = column("AccountId").and_then(|column| column.references.clone());
    anyhow::ensure!(account.is_some_and(|reference| reference.object == "Account"));
    anyhow::ensure!(session.discover(&[]).map_err(told)?.len() >= 4);
    Ok(())
}

#[test]
fn a_full_read_goes_on_after_a_restart_and_gives_every_row_once() -> anyhow::Result<()> {
    let org = org()?;
    let mut expected = Vec::new();
    for at in 0..57 {
        expected
            .push(org.create("Contact", json!({"LastName": format!("N{at}")})).map_err(|e| anyhow::anyhow!("{e:?}"))?);
    }
    let mut after = Vec::new();
    let mut ids = Vec::new();
    loop {
        // Each page by a session of its own: nothing is kept between them.
        let mut session = session(&org)?;
        let request = PageRequest {
            selection: selection("Contact", &["Id", "LastName"]),
            after,
            max_rows: 10,
            max_bytes: 1 << 20,
        };
        let page = session.read(&request).map_err(told)?;
        for row in &page.rows {
            anyhow::ensure!(row.version.is_empty(), "a read cannot be ordered against the stream");
            ids.push(row.key[0].as_str().unwrap_or_default().to_owned());
        }
        if page.next.is_empty() {
            break;
        }
        after = page.next;
    }
    ids.sort();
    expected.sort();
    anyhow::ensure!(ids == expected, "{} of {} rows", ids.len(), expected.len());
    Ok(())
}

#[test]
fn a_large_object_is_read_through_the_bulk_api() -> anyhow::Result<()> {
    let settings = Settings { bulk_ms: 50, ..Settings::default() };
    let org = Org::start(Options { settings, ..Options::default() })?;
    for at in 0..30 {
        let values = json!({"LastName": format!("N{at}, \"quoted\"\nline")});
        org.create("Contact", values).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    }
    let mut session = session_with(&org, r#""bulk_above":10"#)?;
    let mut after = Vec::new();
    let mut names = Vec::new();
    for _ in 0..50 {
        let request = PageRequest {
            selection: selection("Contact", &["LastName", "Email"]),
            after,
            max_rows: 7,
            max_bytes: 1 << 20,
        };
        let page = session.read(&request).map_err(told)?;
        names.extend(page.rows.iter().map(|row| row.cells.clone()));
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    anyhow::ensure!(names.len() == 30, "{} rows", names.len());
    anyhow::ensure!(
        names.iter().any(|cells| cells[0] == text("N3, \"quoted\"\nline") && cells[1] == Cell::Null),
        "{names:?}"
    );
    anyhow::ensure!(org.traffic().count("POST", "/jobs/query") == 1);
    Ok(())
}

#[test]
fn rows_are_found_by_id_and_by_match_columns_whatever_the_case() -> anyhow::Result<()> {
    let org = org()?;
    let values = json!({"LastName": "O'Neil", "FirstName": "Ann", "Email": "ann@example.com"});
    let id = org.create("Contact", values).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let mut session = session(&org)?;
    let mut fetch = |by: &[&str], keys: Vec<Vec<Cell>>| {
        let by = by.iter().map(|name| (*name).to_owned()).collect();
        let request = FetchRequest { selection: selection("Contact", &["LastName"]), by, keys };
        session.fetch(&request).map_err(told)
    };
    let by_id = fetch(&["Id"], vec![vec![text("003000000000000AAA")], vec![text(&id[..15])]])?;
    anyhow::ensure!(by_id.len() == 1 && by_id[0].index == 1 && by_id[0].row.cells == [text("O'Neil")], "{by_id:?}");
    let by_mail = fetch(&["Email"], vec![vec![Cell::Null], vec![text("ANN@example.com")]])?;
    anyhow::ensure!(by_mail.len() == 1 && by_mail[0].index == 1, "{by_mail:?}");
    let by_name = fetch(&["FirstName", "LastName"], vec![vec![text("ann"), text("o'neil")]])?;
    anyhow::ensure!(by_name.len() == 1 && by_name[0].row.cells.len() == 1, "{by_name:?}");
    Ok(())
}

#[test]
fn check_says_what_works_and_what_is_missing() -> anyhow::Result<()> {
    let org = org()?;
    let mut good = session(&org)?;
    let items = good.check(&["Contact".into(), "Nothing__c".into()]).map_err(told)?;
    let status = |name: &str| items.iter().find(|item| item.name == name).map(|item| item.status.as_str());
    anyhow::ensure!(status("reachable") == Some("ok") && status("auth") == Some("ok"), "{items:?}");
    anyhow::ensure!(status("api-budget") == Some("ok") && status("clock") == Some("ok"), "{items:?}");
    anyhow::ensure!(status("rights:Contact") == Some("ok"), "{items:?}");
    anyhow::ensure!(status("object:Nothing__c") == Some("fail"), "{items:?}");
    org.end_sessions();
    let items = good.check(&[]).map_err(told)?;
    anyhow::ensure!(items[0].name == "auth" && items[0].status == "fail" && !items[0].remedy.is_empty(), "{items:?}");
    Ok(())
}
