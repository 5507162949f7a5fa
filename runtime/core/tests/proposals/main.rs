//! How good proposed mappings are, on schemas as they are found in practice,
//! against mappings made by hand. `cargo test -p lockstep-core --test proposals
//! -- --nocapture` prints the figures.

mod rows;
mod schemas;
mod score;
mod timing;

use schemas::Pair;
use score::{Score, judge};

/// Pairs that the vocabulary and the weights were made with.
const BUILT_WITH: &[Pair] = &[
    pair!("salesforce-contact", "hubspot-contacts"),
    pair!("salesforce-contact", "postgres-contacts"),
    pair!("hubspot-contacts", "postgres-customers"),
    pair!("salesforce-account", "hubspot-companies"),
    pair!("salesforce-account", "postgres-companies"),
    pair!("salesforce-opportunity", "hubspot-deals"),
];

/// Pairs made by someone who had not seen the vocabulary and the weights, with the
/// truth written down before the first run.
const SECOND_SET: &[Pair] = &[
    pair!("salesforce-lead", "hubspot-contacts"),
    pair!("salesforce-lead", "postgres-leads"),
    pair!("salesforce-campaign", "postgres-campaigns"),
    pair!("salesforce-contact", "django-person"),
    pair!("salesforce-user", "hr-employees"),
    pair!("salesforce-case", "hubspot-tickets"),
    pair!("salesforce-product", "hubspot-products"),
    pair!("hubspot-deals", "prisma-opportunity"),
    pair!("hubspot-companies", "erp-kna1"),
    pair!("hubspot-tickets", "zendesk-tickets"),
    pair!("shop-orders", "magento-orders"),
    pair!("snipeit-assets", "servicenow-computer"),
];

/// Pairs of the kind a CRM team meets: the names and types of real systems. The
/// proposer's sources were not read for them and their truth was written down before
/// the first run; what that run showed was learned from since. A pair
/// whose values need a conversion (seconds and milliseconds, say) is not in the
/// truth: taken without asking it counts as wrong.
const HELD_OUT: &[Pair] = &[
    pair!("salesforce-account-org", "odoo-res-partner"),
    pair!("salesforce-contact-org", "suitecrm-contacts"),
    pair!("salesforce-lead-org", "espocrm-lead"),
    pair!("salesforce-opportunity-org", "odoo-crm-lead"),
    pair!("salesforce-event", "hubspot-meetings"),
    pair!("salesforce-task", "hubspot-calls"),
    pair!("hubspot-companies", "twenty-company"),
    pair!("hubspot-contacts", "lago-customers"),
];

/// A third set, with rows as real systems hold them (`STEM.rows.jsonl`): two thirds
/// of the records are on both sides, written as either system writes them. Made by
/// someone who had not seen the proposer; the truth was written down before the
/// first run. What is said of conversions above holds here too.
const THIRD_SET: &[Pair] = &[
    pair!("salesforce-contract", "postgres-contracts"),
    pair!("salesforce-order", "postgres-sales-orders"),
    pair!("salesforce-asset", "postgres-installed-base"),
    pair!("salesforce-case-desk", "zammad-tickets"),
    pair!("salesforce-account-trade", "dolibarr-societe"),
    pair!("salesforce-lead-desk", "frappe-crm-lead"),
    pair!("salesforce-opportunity-line", "hubspot-line-items"),
    pair!("hubspot-contacts-support", "chatwoot-contacts"),
    pair!("hubspot-contacts-marketing", "mautic-leads"),
    pair!("hubspot-deals-sales", "krayin-leads"),
    pair!("hubspot-orders", "woocommerce-orders"),
    pair!("hubspot-tasks", "fatfree-tasks"),
];

/// What is reached now, less a little: a floor against getting worse. At their
/// first run, before anything was learned from them, these pairs reached 0.65.
const SECOND_SET_RECALL: f64 = 0.84;

fn all(what: &str, pairs: &[Pair], with_rows: bool) -> Score {
    println!("{what}\n{}", Score::HEAD);
    let mut sum = Score::default();
    for pair in pairs {
        let one = judge(pair, with_rows);
        println!("{one}");
        for line in &one.remarks {
            println!("      {line}");
        }
        sum.add(&one);
    }
    sum.name = "all".into();
    println!("{sum}\n");
    sum
}

#[test]
fn proposals_are_right_where_they_are_sure_and_find_most_of_the_rest() {
    let built = all("pairs it was made with", BUILT_WITH, false);
    assert!(built.precision() >= 0.98, "{built}");
    assert!(built.recall() >= 0.85, "{built}");
    assert!(built.questions() <= 0.15, "{built}");
}

#[test]
fn proposals_hold_up_on_schemas_that_were_held_out_at_first() {
    let second = all("pairs held out at first, learned from since", SECOND_SET, false);
    assert!(second.precision() >= 0.99, "{second}");
    assert!(second.recall() >= SECOND_SET_RECALL, "{second}");
    assert!(second.questions() <= 0.10, "{second}");
}

/// What was seen at the first run (0.947, 0.831 and 0.103), less a little: no goal.
#[test]
fn proposals_on_a_second_set_stay_as_good_as_first_seen() {
    let held_out = all("second set held out at first, learned from since", HELD_OUT, false);
    assert!(held_out.precision() >= 0.93, "{held_out}");
    assert!(held_out.recall() >= 0.81, "{held_out}");
    assert!(held_out.questions() <= 0.12, "{held_out}");
}

/// The goals, which the first run met (1.000, 0.933 and 0.068).
#[test]
fn proposals_on_a_third_set_with_rows_reach_the_goals() {
    let held_out = all("third set held out", THIRD_SET, true);
    assert!(held_out.precision() >= 0.98, "{held_out}");
    assert!(held_out.recall() >= 0.85, "{held_out}");
    assert!(held_out.questions() <= 0.15, "{held_out}");
}
