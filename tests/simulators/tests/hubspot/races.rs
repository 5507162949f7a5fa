//! A person acts at an exact moment around a program's request.

use anyhow::Result;
use lockstep_simulators::hubspot::{Act, Interjection, Values, When};
use serde_json::json;

use crate::client::Caller;

fn edit(id: u64, city: &str) -> Act {
    let values = Values::from([("city".to_owned(), city.to_owned())]);
    Act::Edit { object: "contacts".into(), id, values }
}

#[test]
fn an_edit_between_read_and_write_is_overwritten_and_stays_in_the_history() -> Result<()> {
    let hub = Caller::start()?;
    let id = hub.account.create("contacts", &[("city", "Bern")])?;
    let path = format!("/crm/v3/objects/contacts/{id}");
    hub.account.interject(Interjection {
        method: "PATCH".into(),
        path: "/contacts/".into(),
        when: When::Before,
        skip: 0,
        act: edit(id, "Genf"),
    });
    assert_eq!(hub.get(&path)?.status, 200, "another request does not set it off");
    assert_eq!(hub.account.interjections_waiting(), 1);
    hub.patch(&path, &json!({ "properties": { "city": "Chur" } }))?;
    assert_eq!(hub.account.interjections_waiting(), 0);
    let read = hub.get(&format!("{path}?propertiesWithHistory=city"))?;
    let values: Vec<String> =
        (0..3).map(|at| read.text(&format!("/propertiesWithHistory/city/{at}/value"))).collect::<Result<_>>()?;
    assert_eq!(values, ["Chur", "Genf", "Bern"]);
    Ok(())
}

#[test]
fn an_edit_right_behind_the_second_write_wins() -> Result<()> {
    let hub = Caller::start()?;
    let id = hub.account.create("contacts", &[("city", "Bern")])?;
    let path = format!("/crm/v3/objects/contacts/{id}");
    hub.account.interject(Interjection {
        method: "PATCH".into(),
        path: "/contacts/".into(),
        when: When::After,
        skip: 1,
        act: edit(id, "Genf"),
    });
    hub.patch(&path, &json!({ "properties": { "city": "Chur" } }))?;
    assert_eq!(hub.account.get("contacts", id).and_then(|values| values.get("city").cloned()), Some("Chur".into()));
    let answer = hub.patch(&path, &json!({ "properties": { "city": "Lugano" } }))?;
    assert_eq!(answer.text("/properties/city")?, "Lugano");
    assert_eq!(hub.account.get("contacts", id).and_then(|values| values.get("city").cloned()), Some("Genf".into()));
    Ok(())
}
