//! Every mutant is caught by the rule for it, and the connector it was made of
//! passes them all.

use anyhow::{Result, ensure};
use lockstep_conformance::{Rule, Settings, Subject, Verdict};
use lockstep_conformance_tests::{
    guest, judged,
    mutant::{Broken, Mutant},
    practice, settings,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_starter_passes() -> Result<()> {
    let (_service, subject) = practice(guest("starter").await?).await?;
    let report = judged(&subject, &settings(Some("notes"))).await?;
    ensure!(report.conforms(), "{:?} do not hold", report.failed());
    let untried: Vec<Rule> =
        report.lines.iter().filter(|line| matches!(line.verdict, Verdict::Skipped(_))).map(|line| line.rule).collect();
    let expected = [Rule::EnsureDryRun, Rule::EnsureAgain, Rule::WebhookForged];
    ensure!(untried == expected, "{untried:?} were not tried");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_caught_by_its_rule() -> Result<()> {
    let component = guest("starter").await?;
    let mut survivors = Vec::new();
    for mutant in Mutant::ALL {
        let (_service, subject) = practice(component.clone()).await?;
        let broken = Broken::new(subject, *mutant);
        let only = Settings { only: vec![mutant.rule()], wait_ms: 1_500, ..settings(Some("notes")) };
        eprint!("{mutant:?}: {}\n    ", mutant.does());
        let report = judged(&broken as &dyn Subject, &only).await?;
        if report.failed() != [mutant.rule()] {
            survivors.push(format!("{mutant:?} ({})", mutant.rule().name()));
        }
    }
    ensure!(survivors.is_empty(), "not caught: {}", survivors.join(", "));
    Ok(())
}
