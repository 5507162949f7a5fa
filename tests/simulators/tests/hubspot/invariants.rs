//! Whatever people do in whatever order, the account agrees with itself: what
//! is listed, found by unique value, told in the history and counted.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::client::Caller;

const STEPS: usize = 400;
const PEOPLE: u64 = 12;

/// A small generator: the same seed does the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Does something; what is refused is refused.
fn step(hub: &Caller, dice: &mut Dice, ids: &mut Vec<u64>) {
    let account = &hub.account;
    let email = format!("p{}@example.com", dice.below(PEOPLE));
    let pick =
        |dice: &mut Dice| usize::try_from(dice.below(ids.len().max(1) as u64)).ok().and_then(|at| ids.get(at).copied());
    let (one, other) = (pick(dice).unwrap_or(0), pick(dice).unwrap_or(0));
    match dice.below(8) {
        0 | 1 => {
            if let Ok(id) = account.create("contacts", &[("email", &email), ("city", "Bern")]) {
                ids.push(id);
            }
        }
        2 | 3 => drop(account.edit("contacts", one, &[("email", &email)])),
        4 => drop(account.archive("contacts", one)),
        5 => drop(account.restore("contacts", one)),
        6 => {
            if let Ok(kept) = account.merge("contacts", one, other) {
                ids.push(kept);
            }
        }
        _ => {
            if dice.below(4) == 0 {
                drop(account.forget("contacts", one));
            }
        }
    }
}

#[test]
fn an_account_agrees_with_itself_whatever_was_done() -> Result<()> {
    for seed in 1..=8 {
        let hub = Caller::start()?;
        hub.account.set(|settings| settings.merge_makes_new_record = seed % 2 == 0);
        let (mut dice, mut ids) = (Dice(seed), Vec::new());
        for _ in 0..STEPS {
            step(&hub, &mut dice, &mut ids);
        }
        ensure!(ids.len() > 20, "seed {seed}: hardly anything happened");
        check(&hub).with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

fn check(hub: &Caller) -> Result<()> {
    let live = hub.account.all("contacts");
    let mut listed = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = hub.get(&format!("/crm/v3/objects/contacts?limit=7&properties=email&after={after}"))?;
        for one in page.body["results"].as_array().context("results")? {
            listed.insert(one["id"].as_str().context("id")?.parse::<u64>()?);
        }
        match page.text("/paging/next/after") {
            Ok(next) => after = next,
            Err(_) => break,
        }
    }
    ensure!(listed == live.keys().copied().collect(), "listed {listed:?}, live {:?}", live.keys());
    let found = hub.post("/crm/v3/objects/contacts/search", &json!({ "limit": 200 }))?;
    ensure!(found.body["total"] == live.len(), "an index without lag finds {} of {}", found.body["total"], live.len());

    let mut owners: BTreeMap<&str, u64> = BTreeMap::new();
    for (id, values) in &live {
        ensure!(values["hs_object_id"] == id.to_string());
        if let Some(email) = values.get("email") {
            ensure!(owners.insert(email, *id).is_none(), "{email} is held twice");
        }
        let told = hub.account.history("contacts", *id, "email").pop().map(|version| version.value).unwrap_or_default();
        ensure!(values.get("email").map_or("", String::as_str) == told, "{id}: the history ends with {told}");
    }
    for (email, id) in owners {
        let read = hub.get(&format!("/crm/v3/objects/contacts/{email}?idProperty=email"))?;
        ensure!(read.text("/id")?.parse() == Ok(id), "{email}: {} for {id}", read.body);
        let again = hub.post("/crm/v3/objects/contacts", &json!({ "properties": { "email": email } }))?;
        ensure!(again.status == 409, "{email} could be made twice");
    }
    Ok(())
}
