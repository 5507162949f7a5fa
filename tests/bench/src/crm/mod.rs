//! Three systems in one sync: how soon an edit is elsewhere, and a first copy of
//! many records beside people's edits.

mod backfill;
mod latency;
mod systems;

use anyhow::Result;

use crate::measures::Figure;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct CrmScale {
    /// People at Salesforce and at HubSpot in the first copy.
    pub people: usize,
    pub probes: usize,
}

pub async fn measure(scale: CrmScale) -> Result<Vec<Figure>> {
    let mut figures = latency::measure(scale.probes).await?;
    figures.extend(latency::polled(scale.probes / 5).await?);
    figures.extend(backfill::measure(scale.people).await?);
    Ok(figures)
}
