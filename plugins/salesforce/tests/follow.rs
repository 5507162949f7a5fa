//! Following changes of a stateful organisation, streamed and polled: nothing is
//! missed whatever breaks, and what cannot be told is said to be unknown.

mod native;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use lockstep_sdk::model::Cell;
use lockstep_simulators::salesforce::{Options, Org, Settings};
use native::{Follower, flat, org, selection, session, session_with, text, told};
use serde_json::{Value, json};

fn contacts() -> Vec<lockstep_sdk::model::Selection> {
    vec![selection("Contact", &["Id", "LastName", "Email", "MailingCity"])]
}

fn create(org: &Org, values: Value) -> anyhow::Result<String> {
    org.create("Contact", values).map_err(|e| anyhow::anyhow!("{e:?}"))
}

fn set(org: &Org, id: &str, values: Value) -> anyhow::Result<()> {
    org.update("Contact", id, values).map_err(|e| anyhow::anyhow!("{e:?}"))
}

#[test]
fn edits_come_as_they_are_made_and_a_null_is_told() -> anyhow::Result<()> {
    let org = org()?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    let id = create(&org, json!({"LastName": "Smith", "MailingCity": "Ulm"}))?;
    set(&org, &id, json!({"Email": "a@example.com"}))?;
    set(&org, &id, json!({"Email": null, "MailingCity": "Bonn"}))?;
    let rows = flat(&follower.until(3)?);
    ensure!(
        rows.iter().all(|(object, kind, row, _)| object == "Contact" && kind == "upsert" && *row == id),
        "{rows:?}"
    );
    let (a, b, c) = (&rows[0].3, &rows[1].3, &rows[2].3);
    ensure!(*a == [text(&id), text("Smith"), Cell::Null, text("Ulm")], "{a:?}");
    ensure!(*b == [text(&id), Cell::Absent, text("a@example.com"), Cell::Absent], "{b:?}");
    ensure!(*c == [text(&id), Cell::Absent, Cell::Null, text("Bonn")], "{c:?}");
    org.delete("Contact", &id).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    org.undelete("Contact", &id).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let kinds: Vec<String> = flat(&follower.until(2)?).into_iter().map(|row| row.1).collect();
    ensure!(kinds == ["delete", "upsert"], "{kinds:?}");
    Ok(())
}

#[test]
fn an_event_is_here_the_moment_it_comes() -> anyhow::Result<()> {
    let org = org()?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    for _ in 0..3 {
        follower.take(100).map_err(told)?;
    }
    let mut longest = Duration::ZERO;
    for at in 0..10 {
        let made = Instant::now();
        set(&org, &id, json!({"Email": format!("a{at}@example.com")}))?;
        follower.until(1)?;
        longest = longest.max(made.elapsed());
    }
    println!("the slowest of ten events took {longest:?}");
    ensure!(longest < Duration::from_millis(500), "{longest:?}");
    Ok(())
}

/// Takes over from every cursor that was ever given: from each, all that came
/// after it comes again, in order.
#[test]
fn from_every_cursor_the_stream_goes_on_without_a_gap() -> anyhow::Result<()> {
    let org = org()?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    let mut cursors = vec![follower.cursor.clone()];
    for at in 0..6 {
        set(&org, &id, json!({"Email": format!("a{at}@example.com")}))?;
        follower.until(1)?;
        cursors.push(follower.cursor.clone());
    }
    for (at, cursor) in cursors.into_iter().enumerate() {
        // Before the first event what came shortly before the start comes, too.
        let left = if at == 0 { 7 } else { 6 - at };
        let mut heir = Follower::resume(session(&org)?, cursor, contacts());
        let rows = flat(&heir.until(left)?);
        let mails: Vec<Cell> = rows.iter().map(|row| row.3[2].clone()).filter(|mail| !mail.is_null()).collect();
        let expected: Vec<Cell> = (at..6).map(|at| text(&format!("a{at}@example.com"))).collect();
        ensure!(mails == expected, "from {at}: {mails:?}");
        ensure!(heir.take(200).map_err(told)?.is_empty(), "nothing twice");
    }
    Ok(())
}

#[test]
fn a_stream_that_began_without_an_event_is_resumed_without_a_gap() -> anyhow::Result<()> {
    let org = org()?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    std::thread::sleep(Duration::from_millis(100));
    let follower = Follower::start(session(&org)?, contacts())?;
    let cursor = follower.cursor.clone();
    drop(follower);
    set(&org, &id, json!({"Email": "meanwhile@example.com"}))?;
    let mut heir = Follower::resume(session(&org)?, cursor, contacts());
    let rows = flat(&heir.until(1)?);
    ensure!(rows.iter().any(|row| row.3[2] == text("meanwhile@example.com")), "{rows:?}");
    Ok(())
}

#[test]
fn broken_connections_forgotten_clients_and_ended_sessions_lose_nothing() -> anyhow::Result<()> {
    let org = org()?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    follower.take(100).map_err(told)?;
    let mut seen = Vec::new();
    for at in 0..6 {
        match at % 3 {
            0 => org.forget_streaming_clients(),
            1 => org.faults().inject(lockstep_simulators::faults::Rule::next(
                "/cometd",
                lockstep_simulators::faults::Fault::CutBefore,
            )),
            _ => org.deny_handshakes(1, "503::Server is too busy"),
        }
        set(&org, &id, json!({"Email": format!("a{at}@example.com")}))?;
        let deadline = Instant::now() + Duration::from_secs(8);
        while seen.len() <= at && Instant::now() < deadline {
            // An error is the host's to wait out; the cursor stays where it was.
            if let Ok(batches) = follower.take(300) {
                seen.extend(flat(&batches).into_iter().map(|row| row.3[2].clone()).filter(|mail| !mail.is_null()));
            }
        }
    }
    let expected: Vec<Cell> = (0..6).map(|at| text(&format!("a{at}@example.com"))).collect();
    ensure!(seen == expected, "{seen:?}");
    Ok(())
}

#[test]
fn gaps_are_to_be_fetched_and_an_overflow_reconciled() -> anyhow::Result<()> {
    let org = org()?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    for kind in ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"] {
        ensure!(org.publish_gap(kind, "Contact", std::slice::from_ref(&id)));
    }
    let rows = flat(&follower.until(4)?);
    ensure!(rows.iter().all(|row| row.1 == "invalidate" && row.2 == id), "{rows:?}");
    ensure!(org.publish_gap("GAP_OVERFLOW", "Contact", &["000000000000000AAA".into()]));
    ensure!(flat(&follower.until(1)?)[0].1 == "gap");
    Ok(())
}

/// The cursor with another place in the contacts' channel.
fn moved(cursor: &[u8], place: Value) -> anyhow::Result<Vec<u8>> {
    let mut cursor: Value = serde_json::from_slice(cursor)?;
    cursor["ch"]["/data/ContactChangeEvent"] = place;
    Ok(serde_json::to_vec(&cursor)?)
}

#[test]
fn events_that_are_no_longer_kept_are_a_gap_and_what_is_kept_comes_behind_it() -> anyhow::Result<()> {
    let settings = Settings { retention_ms: 1_500, ..Settings::default() };
    let org = Org::start(Options { settings, ..Options::default() })?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    set(&org, &id, json!({"Email": "a@example.com"}))?;
    follower.until(1)?;
    let at: Value = serde_json::from_slice(&follower.cursor)?;
    let taken = at["ch"]["/data/ContactChangeEvent"]["r"].clone();
    set(&org, &id, json!({"Email": "missed@example.com"}))?;
    std::thread::sleep(Duration::from_millis(1_700));
    set(&org, &id, json!({"Email": "kept@example.com"}))?;
    let old = moved(&follower.cursor, json!({"r": taken, "s": 0}))?;
    let mut heir = Follower::resume(session(&org)?, old, contacts());
    let rows = flat(&heir.until(2)?);
    ensure!(rows[0].1 == "gap" && rows[1].3[2] == text("kept@example.com"), "{rows:?}");
    // A quiet channel: its last event is no longer kept, and nothing was missed.
    std::thread::sleep(Duration::from_millis(1_700));
    let mut quiet = Follower::resume(session(&org)?, heir.cursor.clone(), contacts());
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let at: Value = serde_json::from_slice(&heir.cursor)?;
    let taken = at["ch"]["/data/ContactChangeEvent"]["r"].clone();
    quiet.cursor = moved(&heir.cursor, json!({"r": taken, "s": now_s - 10, "t": now_s - 75 * 3600}))?;
    set(&org, &id, json!({"Email": "next@example.com"}))?;
    let rows = flat(&quiet.until(1)?);
    ensure!(rows.len() == 1 && rows[0].3[2] == text("next@example.com"), "{rows:?}");
    Ok(())
}

#[test]
fn an_event_that_should_be_kept_and_is_not_has_others_lost_behind_it() -> anyhow::Result<()> {
    let org = Org::start(Options::default())?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    set(&org, &id, json!({"Email": "a@example.com"}))?;
    follower.until(1)?;
    // Nobody was told of this one when the organisation lost its events.
    let heir = follower.cursor.clone();
    drop(follower);
    set(&org, &id, json!({"Email": "lost@example.com"}))?;
    org.forget_events();
    set(&org, &id, json!({"Email": "kept@example.com"}))?;
    let mut heir = Follower::resume(session(&org)?, heir, contacts());
    let rows = flat(&heir.until(2)?);
    ensure!(rows[0].1 == "gap" && rows[1].3[2] == text("kept@example.com"), "{rows:?}");
    Ok(())
}

#[test]
fn numbers_that_began_anew_make_a_cursor_invalid() -> anyhow::Result<()> {
    let org = org()?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let mut follower = Follower::start(session(&org)?, contacts())?;
    set(&org, &id, json!({"Email": "a@example.com"}))?;
    follower.until(1)?;
    let old = moved(&follower.cursor, json!({"r": 999_999_999, "s": 0}))?;
    let mut heir = Follower::resume(session(&org)?, old, contacts());
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.extend(heir.take(200).err().map(|error| error.code));
    }
    ensure!(codes.first().is_some_and(|code| code == "cursor-invalid"), "{codes:?}");
    let mut foreign = Follower::resume(session(&org)?, b"garbage".to_vec(), contacts());
    ensure!(foreign.take(100).err().context("an error")?.code == "cursor-invalid");
    Ok(())
}

#[test]
fn one_transaction_on_several_objects_stays_in_order() -> anyhow::Result<()> {
    let org = org()?;
    let mut selections = contacts();
    selections.push(selection("Account", &["Id", "Name"]));
    let mut follower = Follower::start(session(&org)?, selections)?;
    for at in 0..5 {
        let account = org.create("Account", json!({"Name": format!("A{at}")})).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        create(&org, json!({"LastName": format!("C{at}"), "AccountId": account}))?;
    }
    let rows = flat(&follower.until(10)?);
    let objects: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    ensure!(objects == ["Account", "Contact"].repeat(5), "{objects:?}");
    Ok(())
}

#[test]
fn a_merge_deletes_the_loser_and_tells_the_winner() -> anyhow::Result<()> {
    let org = org()?;
    let (winner, loser) = (create(&org, json!({"LastName": "W"}))?, create(&org, json!({"LastName": "L"}))?);
    let mut follower = Follower::start(session(&org)?, contacts())?;
    org.merge("Contact", &winner, &[&loser]).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut rows = Vec::new();
    while Instant::now() < deadline
        && !rows.iter().any(|(_, kind, id, _): &(String, String, String, Vec<Cell>)| kind == "delete" && *id == loser)
    {
        rows.extend(flat(&follower.take(200).map_err(told)?));
    }
    ensure!(rows.iter().any(|row| row.1 == "delete" && row.2 == loser), "{rows:?}");
    Ok(())
}

#[test]
fn an_object_without_events_is_polled_and_late_rows_are_seen() -> anyhow::Result<()> {
    let org = org()?;
    ensure!(org.capture("Contact", false));
    let fast = r#""poll_interval_ms":100"#;
    let mut follower = Follower::start(session_with(&org, fast)?, contacts())?;
    let id = create(&org, json!({"LastName": "Smith"}))?;
    let rows = flat(&follower.until(1)?);
    ensure!(rows[0].1 == "upsert" && rows[0].2 == id, "{rows:?}");
    // A transaction that began before and commits after others were read.
    let mut late = org.begin();
    let values = json!({"LastName": "Late"}).as_object().cloned().unwrap_or_default();
    late.edit(&org, lockstep_simulators::salesforce::Edit::Create { object: "Contact".into(), values });
    std::thread::sleep(Duration::from_millis(1_200));
    set(&org, &id, json!({"Email": "a@example.com"}))?;
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut mails = Vec::new();
    while !mails.contains(&text("a@example.com")) && Instant::now() < deadline {
        mails.extend(flat(&follower.take(200).map_err(told)?).into_iter().map(|row| row.3[2].clone()));
    }
    let late_id = org.commit(late).map_err(|e| anyhow::anyhow!("{e:?}"))?.pop().context("an id")?;
    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(3);
    while !seen.contains(&late_id) && Instant::now() < deadline {
        seen.extend(flat(&follower.take(200).map_err(told)?).into_iter().map(|row| row.2));
    }
    ensure!(seen.contains(&late_id), "{seen:?}");
    org.delete("Contact", &id).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut deletes = Vec::new();
    while deletes.is_empty() && Instant::now() < deadline {
        let rows = flat(&follower.take(200).map_err(told)?);
        deletes.extend(rows.into_iter().filter(|row| row.1 == "delete").map(|row| row.2));
    }
    ensure!(deletes == [id], "{deletes:?}");
    Ok(())
}

#[test]
fn a_window_larger_than_a_page_is_polled_to_its_end_across_restarts() -> anyhow::Result<()> {
    let org = org()?;
    ensure!(org.capture("Contact", false));
    let fast = r#""poll_interval_ms":100"#;
    let mut follower = Follower::start(session_with(&org, fast)?, contacts())?;
    let mut expected = Vec::new();
    for at in 0..45 {
        expected.push(create(&org, json!({"LastName": format!("N{at}")}))?);
    }
    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    while seen.len() < 45 && Instant::now() < deadline {
        let request = lockstep_sdk::model::ChangesRequest {
            selections: contacts(),
            after: follower.cursor.clone(),
            durable: Vec::new(),
            max_records: 10,
            max_bytes: 1 << 20,
            wait_ms: 100,
        };
        // A new process for every page.
        let mut next = session_with(&org, fast)?;
        let answer = next.changes(&request).map_err(told)?;
        follower.cursor = answer.cursor;
        for row in flat(&answer.batches) {
            if !seen.contains(&row.2) {
                seen.push(row.2);
            }
        }
    }
    seen.sort();
    expected.sort();
    ensure!(seen == expected, "{} of {}", seen.len(), expected.len());
    Ok(())
}

#[test]
fn an_object_that_has_to_be_streamed_and_is_not_selected_is_refused_with_a_remedy() -> anyhow::Result<()> {
    let settings = Settings::default();
    let org = Org::start(Options { settings, ..Options::default() })?;
    ensure!(org.capture("Contact", false));
    let mut session = session_with(&org, r#""changes":"stream""#)?;
    let error = session.start(&contacts()).err().context("an error")?;
    ensure!(error.code == "denied" && error.remedy.contains("Change Data Capture"), "{error:?}");
    Ok(())
}
