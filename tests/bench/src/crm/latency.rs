//! From the moment an edit is acknowledged at one of the three to the moment it
//! shows at another.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::systems::{Company, Place, Shape, Systems};
use crate::measures::{Figure, percentile};

const COMPANIES: usize = 200;
/// How often the other end is looked at.
const LOOK: Duration = Duration::from_micros(500);
/// Between two probes.
const PAUSE: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(60);
/// How often changes are looked for where nothing tells of them.
const POLL_INTERVAL_MS: u32 = 1_000;

/// Told by change events and webhooks.
pub async fn measure(probes: usize) -> Result<Vec<Figure>> {
    let mut systems = Systems::new(Shape { companies: COMPANIES, people: 0, poll_interval_ms: None }).await?;
    systems.start()?;
    let mut figures = Vec::new();
    for (from, to, what) in [
        (Place::Crm, Place::Db, "Salesforce to PostgreSQL, change events"),
        (Place::Hub, Place::Db, "HubSpot to PostgreSQL, webhooks"),
        (Place::Db, Place::Crm, "PostgreSQL to Salesforce"),
        (Place::Db, Place::Hub, "PostgreSQL to HubSpot"),
    ] {
        figures.extend(series(&systems, (from, to), probes, PAUSE, what).await?);
    }
    Ok(figures)
}

/// Told by nobody: looked for every second.
pub async fn polled(probes: usize) -> Result<Vec<Figure>> {
    let shape = Shape { companies: COMPANIES, people: 0, poll_interval_ms: Some(POLL_INTERVAL_MS) };
    let mut systems = Systems::new(shape).await?;
    systems.start()?;
    let mut figures = Vec::new();
    // Not in step with the interval.
    let pause = Duration::from_millis(u64::from(POLL_INTERVAL_MS) * 13 / 10);
    for (from, what) in [
        (Place::Crm, "Salesforce to PostgreSQL, polled every second"),
        (Place::Hub, "HubSpot to PostgreSQL, polled every second"),
    ] {
        figures.extend(series(&systems, (from, Place::Db), probes, pause, what).await?);
    }
    Ok(figures)
}

async fn series(
    systems: &Systems,
    (from, to): (Place, Place),
    probes: usize,
    pause: Duration,
    what: &str,
) -> Result<Vec<Figure>> {
    let mut micros = Vec::with_capacity(probes);
    for probe in 0..probes.max(1) {
        let began = Instant::now();
        let company = systems.companies.get(probe % systems.companies.len()).context("a company")?;
        let city = format!("{from:?} {to:?} {probe}");
        let made = systems.edit(from, company, &city).await?;
        micros.push(u64::try_from(arrived(systems, to, company, &city, made).await?.as_micros())?);
        tokio::time::sleep(pause.saturating_sub(began.elapsed())).await;
    }
    micros.sort_unstable();
    let figure =
        |percent: usize| Figure::new(format!("{what} p{percent}"), "ms", percentile(&micros, percent) / 1_000.0);
    Ok(vec![figure(50), figure(95), figure(100)])
}

/// How long after `since` a value is there.
pub(super) async fn arrived(
    systems: &Systems,
    to: Place,
    company: &Company,
    city: &str,
    since: Instant,
) -> Result<Duration> {
    while systems.city(to, company).await?.as_deref() != Some(city) {
        ensure!(since.elapsed() < PATIENCE, "{city} did not arrive at {to:?}: {}", systems.runtime.log_tail());
        tokio::time::sleep(LOOK).await;
    }
    Ok(since.elapsed())
}
