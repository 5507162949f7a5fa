//! What belongs to what.

use anyhow::Result;
use serde_json::json;

use crate::client::Caller;

#[test]
fn the_first_company_becomes_the_primary_one_and_the_property_follows() -> Result<()> {
    let hub = Caller::start()?;
    let contact = hub.account.create("contacts", &[("firstname", "Ann")])?;
    let one = hub.account.create("companies", &[("name", "One")])?;
    let two = hub.account.create("companies", &[("name", "Two")])?;
    let path = |company: u64| format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
    let plain = format!("/crm/v4/objects/contacts/{contact}/associations/default/companies/{one}");
    assert_eq!(hub.call("PUT", &plain, None)?.status, 200);
    let shown = |hub: &Caller| {
        hub.account.get("contacts", contact).and_then(|values| values.get("associatedcompanyid").cloned())
    };
    assert_eq!(shown(&hub), Some(one.to_string()));

    let primary = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1 }]);
    assert_eq!(hub.call("PUT", &path(two), Some(&primary))?.status, 201);
    assert_eq!(shown(&hub), Some(two.to_string()));
    let all = hub.get(&format!("/crm/v4/objects/contacts/{contact}/associations/companies"))?;
    assert_eq!(all.text("/results/0/toObjectId")?, one.to_string());
    assert_eq!(all.body["results"][0]["associationTypes"].as_array().map(Vec::len), Some(1), "no longer primary");
    assert_eq!(all.body["results"][1]["associationTypes"].as_array().map(Vec::len), Some(2));
    let page = hub.get(&format!("/crm/v4/objects/contacts/{contact}/associations/companies?limit=1"))?;
    assert_eq!(page.text("/paging/next/after")?, one.to_string());

    assert_eq!(hub.call("DELETE", &path(two), None)?.status, 204);
    assert_eq!(shown(&hub), None);
    let company = hub.account.get("companies", one);
    assert_eq!(company.and_then(|values| values.get("num_associated_contacts").cloned()), Some("1".into()));
    Ok(())
}

#[test]
fn setting_the_property_associates_and_reads_show_it() -> Result<()> {
    let hub = Caller::start()?;
    let company = hub.account.create("companies", &[("name", "One")])?;
    let contact = hub.create("contacts", &json!({ "associatedcompanyid": company.to_string() }))?;
    let read = hub.get(&format!("/crm/v3/objects/contacts/{contact}?associations=companies"))?;
    assert_eq!(read.text("/associations/companies/results/0/id")?, company.to_string());
    let kinds: Vec<String> =
        (0..2).map(|at| read.text(&format!("/associations/companies/results/{at}/type"))).collect::<Result<_>>()?;
    assert_eq!(kinds, ["contact_to_company", "contact_to_company_unlabeled"]);
    let list = hub.get("/crm/v3/objects/companies?associations=contacts")?;
    assert_eq!(list.text("/results/0/associations/contacts/results/0/id")?, contact);
    hub.patch(&format!("/crm/v3/objects/contacts/{contact}"), &json!({ "properties": { "associatedcompanyid": "" } }))?;
    assert_eq!(hub.account.associated(("contacts", contact.parse()?), "companies"), [] as [u64; 0]);
    Ok(())
}

#[test]
fn batches_of_associations_report_those_that_have_none() -> Result<()> {
    let hub = Caller::start()?;
    let contact = hub.account.create("contacts", &[("firstname", "Ann")])?;
    let lonely = hub.account.create("contacts", &[("firstname", "Bea")])?;
    let deal = hub.account.create("deals", &[("dealname", "Big")])?;
    let making = json!({ "inputs": [{
        "from": { "id": contact.to_string() }, "to": { "id": deal.to_string() },
        "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4 }],
    }] });
    assert_eq!(hub.post("/crm/v4/associations/contacts/deals/batch/create", &making)?.status, 201);
    let asked = json!({ "inputs": [{ "id": contact.to_string() }, { "id": lonely.to_string() }] });
    let read = hub.post("/crm/associations/2026-09/contacts/deals/batch/read", &asked)?;
    assert_eq!(read.status, 207);
    assert_eq!(read.text("/results/0/to/0/toObjectId")?, deal.to_string());
    assert_eq!(read.text("/errors/0/subCategory")?, "crm.associations.NO_ASSOCIATIONS_FOUND");
    let unmaking = json!({ "inputs": [{ "from": { "id": contact.to_string() }, "to": [{ "id": deal.to_string() }] }] });
    assert_eq!(hub.post("/crm/v4/associations/contacts/deals/batch/archive", &unmaking)?.status, 204);
    assert_eq!(hub.account.associated(("deals", deal), "contacts"), [] as [u64; 0]);
    Ok(())
}

#[test]
fn a_record_can_begin_with_its_associations() -> Result<()> {
    let hub = Caller::start()?;
    let company = hub.account.create("companies", &[("name", "One")])?;
    let with = |id: u64| {
        json!({ "properties": { "firstname": "Ann" }, "associations": [{
            "to": { "id": id.to_string() },
            "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279 }],
        }] })
    };
    let made = hub.post("/crm/v3/objects/contacts", &with(company))?;
    assert_eq!(hub.account.associated(("contacts", made.text("/id")?.parse()?), "companies"), [company]);
    assert_eq!(hub.post("/crm/v3/objects/contacts", &with(999))?.status, 400);
    assert_eq!(hub.account.all("contacts").len(), 1, "nothing was made");
    Ok(())
}

#[test]
fn a_label_can_be_taken_off_and_the_last_type_ends_the_association() -> Result<()> {
    let hub = Caller::start()?;
    let contact = hub.account.create("contacts", &[("firstname", "Ann")])?;
    let company = hub.account.create("companies", &[("name", "One")])?;
    hub.account.associate(("contacts", contact), ("companies", company))?;
    let path = "/crm/v4/associations/contacts/companies/batch/labels/archive";
    let off = |type_id: u32| {
        json!({ "inputs": [{
            "from": { "id": contact.to_string() }, "to": { "id": company.to_string() },
            "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }],
        }] })
    };
    assert_eq!(hub.post(path, &off(1))?.status, 204);
    assert_eq!(hub.account.associated(("companies", company), "contacts"), [contact]);
    let values = hub.account.get("contacts", contact).unwrap_or_default();
    assert!(!values.contains_key("associatedcompanyid"), "no longer primary");
    assert_eq!(hub.post(path, &off(279))?.status, 204);
    assert_eq!(hub.account.associated(("companies", company), "contacts"), [] as [u64; 0]);
    Ok(())
}
