//! How good proposed mappings are, on schemas as they are found in practice,
//! against mappings made by hand. `cargo test -p lockstep-core --test proposals
//! -- --nocapture` prints the figures.

mod schemas;
mod score;

use score::{Score, judge};

/// Pairs that the vocabulary and the weights were made with.
const BUILT_WITH: &[(&str, &str, &str)] = &[
    pair!("salesforce-contact", "hubspot-contacts"),
    pair!("salesforce-contact", "postgres-contacts"),
    pair!("hubspot-contacts", "postgres-customers"),
    pair!("salesforce-account", "hubspot-companies"),
    pair!("salesforce-account", "postgres-companies"),
    pair!("salesforce-opportunity", "hubspot-deals"),
];

fn all(what: &str, pairs: &[(&str, &str, &str)]) -> Score {
    println!("{what}\n{}", Score::HEAD);
    let mut sum = Score::default();
    for (a, b, truth) in pairs {
        let one = judge(a, b, truth);
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
    let built = all("pairs it was made with", BUILT_WITH);
    assert!(built.precision() >= 0.98, "{built}");
    assert!(built.recall() >= 0.85, "{built}");
    assert!(built.questions() <= 0.15, "{built}");
}
