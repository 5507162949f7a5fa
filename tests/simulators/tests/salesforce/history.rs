//! The organisation against itself: after whatever people and the API did, the
//! events alone rebuild the rows, and so does polling.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use lockstep_simulators::salesforce::{Edit, Effect, Moment, Options, RowRefusal, Trigger};
use serde_json::{Map, Value, json};

use crate::caller::{Caller, escaped};

const STEPS: u64 = 400;
const FIELDS: [&str; 5] = ["LastName", "FirstName", "Title", "MailingCity", "Phone"];

/// Enough chance for a test, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn values(&mut self) -> Map<String, Value> {
        let mut values = Map::new();
        for field in FIELDS {
            if self.below(3) == 0 {
                let empty = field != "LastName" && self.below(4) == 0;
                let text = format!("{field} {}", self.below(5));
                values.insert(field.into(), if empty { Value::Null } else { text.into() });
            }
        }
        values
    }
}

/// Where an event shows a field.
fn place(field: &str) -> (&str, Option<&str>) {
    match field {
        "LastName" | "FirstName" => ("Name", Some(field)),
        "MailingCity" => ("MailingAddress", Some("City")),
        other => (other, None),
    }
}

type Rows = BTreeMap<String, BTreeMap<String, Value>>;

/// Folds one event into what is known, as a subscriber would.
fn fold(rows: &mut Rows, payload: &Value) -> Result<()> {
    let header = &payload["ChangeEventHeader"];
    let kind = header["changeType"].as_str().context("a kind")?;
    let changed: Vec<&str> =
        header["changedFields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for id in header["recordIds"].as_array().context("ids")?.iter().filter_map(Value::as_str) {
        match kind {
            "DELETE" => {
                ensure!(rows.remove(id).is_some(), "deleted and not known: {id}");
                continue;
            }
            "CREATE" | "UNDELETE" => ensure!(!rows.contains_key(id), "{kind} of a row that is there: {id}"),
            "UPDATE" => ensure!(rows.contains_key(id), "updated and not known: {id}"),
            other => ensure!(false, "unexpected {other}"),
        }
        let row = rows.entry(id.to_owned()).or_default();
        for field in FIELDS {
            let (whole, part) = place(field);
            let name = part.map_or(whole.to_owned(), |part| format!("{whole}.{part}"));
            if kind == "UPDATE" && !changed.contains(&name.as_str()) {
                continue;
            }
            let value = part.map_or(&payload[whole], |part| &payload[whole][part]).clone();
            if value.is_null() {
                row.remove(field)
            } else {
                row.insert(field.to_owned(), value)
            };
        }
    }
    Ok(())
}

fn visible(caller: &Caller) -> Result<Rows> {
    let found = caller.org.query(&format!("SELECT Id, {} FROM Contact", FIELDS.join(", ")))?;
    let rows = found.iter().map(|record| {
        let values = FIELDS.iter().filter(|field| !record[**field].is_null());
        let values = values.map(|field| ((*field).to_owned(), record[*field].clone())).collect();
        (record["Id"].as_str().unwrap_or_default().to_owned(), values)
    });
    Ok(rows.collect())
}

/// One random step; refusals are part of it.
fn step(caller: &Caller, chance: &mut Chance, ids: &mut Vec<String>) -> Result<()> {
    let pick = |chance: &mut Chance, ids: &[String]| {
        let place = usize::try_from(chance.below(ids.len().max(1) as u64)).unwrap_or_default();
        ids.get(place).cloned().unwrap_or_default()
    };
    let object = || "Contact".to_owned();
    match chance.below(9) {
        0..=1 => {
            let mut values = chance.values();
            values.insert("LastName".into(), format!("New {}", ids.len()).into());
            ids.extend(caller.org.edit(&[Edit::Create { object: object(), values }]).unwrap_or_default());
        }
        2..=3 => {
            let records: Vec<Value> = (0..=chance.below(4))
                .map(|_| {
                    let mut record = chance.values();
                    record.insert("attributes".into(), json!({"type": "Contact"}));
                    record.insert("id".into(), pick(chance, ids).into());
                    record.into()
                })
                .collect();
            let all_or_none = chance.below(2) == 0;
            // Ids that come twice are refused as a whole, missing ones row by row.
            caller.patch("composite/sobjects", json!({"allOrNone": all_or_none, "records": records}))?;
        }
        4 => {
            // Often the same row more than once within the transaction.
            let first = pick(chance, ids);
            let mut edits = Vec::new();
            for _ in 0..=chance.below(3) {
                let id = if chance.below(2) == 0 { first.clone() } else { pick(chance, ids) };
                edits.push(Edit::Update { object: object(), id, values: chance.values() });
            }
            let _ = caller.org.edit(&edits);
        }
        5 => {
            let _ = caller.org.delete("Contact", &pick(chance, ids));
        }
        6 => {
            let _ = caller.org.undelete("Contact", &pick(chance, ids));
        }
        7 => {
            let (winner, loser) = (pick(chance, ids), pick(chance, ids));
            if winner != loser {
                let _ = caller.org.merge("Contact", &winner, &[&loser]);
            }
        }
        _ => caller.org.refuse_rows(RowRefusal::lock(1)),
    }
    Ok(())
}

#[test]
fn events_and_polling_each_rebuild_the_rows() -> Result<()> {
    for seed in [1, 2, 3] {
        let caller = Caller::start(Options::default())?;
        caller.org.clock().stop_at("2026-03-01T10:00:00Z".parse()?);
        let flow = Trigger {
            object: "Contact".into(),
            moment: Moment::After,
            effect: Effect::Upper("Title".into()),
            api_only: true,
        };
        caller.org.add_trigger(flow);
        let mut chance = Chance(seed);
        let (mut ids, mut polled, mut from) = (Vec::new(), Rows::new(), 0_u64);
        for number in 0..STEPS {
            caller.org.clock().advance(Duration::from_millis(chance.below(1_500)));
            step(&caller, &mut chance, &mut ids).with_context(|| format!("seed {seed}, step {number}"))?;
            if number % 40 == 39 {
                from += poll(&caller, &mut polled, from)?;
            }
        }
        caller.org.clock().advance(Duration::from_secs(2));
        poll(&caller, &mut polled, from)?;
        let rows = visible(&caller)?;
        ensure!(rows.len() > 10, "seed {seed}: hardly any rows are left");
        let mut told = Rows::new();
        for event in caller.org.events() {
            fold(&mut told, &event["payload"]).with_context(|| format!("seed {seed}: {event}"))?;
        }
        assert_eq!(told, rows, "seed {seed}: what was told");
        assert_eq!(polled, rows, "seed {seed}: what was polled");
        let sequence: Vec<i64> =
            caller.org.events().iter().filter_map(|event| event["event"]["replayId"].as_i64()).collect();
        ensure!(sequence.windows(2).all(|pair| pair[0] < pair[1]), "replay ids ascend");
    }
    Ok(())
}

/// Reads what changed since, deleted rows too; how much further the next may start.
fn poll(caller: &Caller, rows: &mut Rows, from: u64) -> Result<u64> {
    // The clock of the test starts at ten o'clock; `from` counts seconds since.
    let at =
        |seconds: u64| format!("2026-03-01T{:02}:{:02}:{:02}Z", 10 + seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let text = format!(
        "SELECT Id, IsDeleted, SystemModstamp, {} FROM Contact WHERE SystemModstamp >= {} ORDER BY SystemModstamp, Id",
        FIELDS.join(", "),
        at(from)
    );
    let found = caller.get(&format!("queryAll?q={}", escaped(&text)))?.json()?;
    let mut newest = at(from);
    for record in found["records"].as_array().context("records")? {
        let id = record["Id"].as_str().context("an id")?.to_owned();
        if record["IsDeleted"] == true {
            rows.remove(&id);
        } else {
            let values = FIELDS.iter().filter(|field| !record[**field].is_null());
            rows.insert(id, values.map(|field| ((*field).to_owned(), record[*field].clone())).collect());
        }
        newest = record["SystemModstamp"].as_str().context("a time")?.replace(".000+0000", "Z");
    }
    let seconds = |time: &str| -> Option<u64> {
        let part = |from: usize| time.get(from..from + 2)?.parse::<u64>().ok();
        Some((part(11)? - 10) * 3_600 + part(14)? * 60 + part(17)?)
    };
    Ok(seconds(&newest).context("a time")?.saturating_sub(from))
}
