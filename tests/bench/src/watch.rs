//! Seeing what has arrived.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::pair::{Backend, SENTINEL};

/// How long nothing may change before a measurement is given up.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Between looks where half a millisecond does not matter.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until the sentinel and `expected` rows in all hold the token.
pub async fn until_arrived(at: &Backend, token: &str, expected: u64) -> Result<()> {
    let sentinel = format!("SELECT count(*) FROM contacts WHERE id = contact({SENTINEL}) AND notes LIKE '{token}%'");
    until(at, &sentinel, 1, Duration::from_millis(2)).await?;
    let all = format!("SELECT count(*) FROM contacts WHERE notes LIKE '{token}%'");
    until(at, &all, expected, LOOK).await
}

/// Waits until the table holds this many rows.
pub async fn until_rows(at: &Backend, rows: u64) -> Result<()> {
    until(at, "SELECT count(*) FROM contacts", rows, Duration::from_millis(50)).await
}

/// Looks at a large table are dear: they take a small share of the time, or
/// they would be what is measured.
const SPARING: u32 = 8;

async fn until(at: &Backend, count: &str, wanted: u64, look: Duration) -> Result<()> {
    let mut last = None;
    let mut since = Instant::now();
    loop {
        let looked = Instant::now();
        let found = at.number(count).await?;
        if found == wanted {
            return Ok(());
        }
        if last != Some(found) {
            last = Some(found);
            since = Instant::now();
        }
        if since.elapsed() > PATIENCE {
            bail!("{found} of {wanted} rows had arrived, and for {PATIENCE:?} no more came");
        }
        tokio::time::sleep(look.max(looked.elapsed() * SPARING)).await;
    }
}

/// Waits until both tables have stayed as they are for a while.
pub async fn until_still(a: &Backend, b: &Backend, calm: Duration) -> Result<()> {
    const DIGEST: &str = "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM contacts c";
    let end = Instant::now() + PATIENCE;
    let mut last = Vec::new();
    let mut since = Instant::now();
    while Instant::now() < end {
        let mut now: Vec<Option<String>> = Vec::new();
        for side in [a, b] {
            now.push(side.client.query_one(DIGEST, &[]).await?.try_get(0)?);
        }
        if now != last {
            last = now;
            since = Instant::now();
        } else if since.elapsed() > calm {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the tables did not come to rest in {PATIENCE:?}")
}
