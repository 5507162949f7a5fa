//! What the sandbox costs a record: the same connector's code, asked for the same page, natively and
//! as a component, whose answer has been checked and is the core's values by then.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Result, anyhow, ensure};
use echo::{COLUMNS, Echo};
use lockstep_core::change;
use lockstep_host::{self as host, Component, ConnectionConfig};
use lockstep_sdk::{Connector, PageRequest, Role, Selection};

use crate::measures::Figure;

/// Rows of a page, of twelve cells each.
const ROWS: u32 = 1_000;
const PAGES: usize = 201;
const OBJECT: &str = "items";

/// `component`: echo's.
pub async fn measure(component: &Component) -> Result<Vec<Figure>> {
    let config = serde_json::json!({ "rows": ROWS });
    let columns: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();

    let mut native = Echo::open(Role::Read, &config.to_string()).map_err(|error| anyhow!("{error:?}"))?;
    let mut natively = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let selection = Selection { object: OBJECT.to_owned(), columns: columns.clone() };
        let request = PageRequest { selection, after: Vec::new(), max_rows: ROWS, max_bytes: u32::MAX };
        let began = Instant::now();
        let page = native.read(request).map_err(|error| anyhow!("{error:?}"))?;
        natively.push(began.elapsed());
        ensure!(black_box(page).rows.len() == ROWS as usize, "a whole page");
    }

    let session = component.open(host::Role::Read, ConnectionConfig::new("sandbox", config)).await?;
    let selection = change::Selection { object: OBJECT.into(), columns };
    let request = host::PageRequest { selection, after: Arc::from([]), rows_max: ROWS, bytes_max: u32::MAX };
    let mut sandboxed = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let began = Instant::now();
        let page = session.read(&request).await?;
        sandboxed.push(began.elapsed());
        ensure!(black_box(page).rows.len() == ROWS as usize, "a whole page");
    }

    let a_row = |times| super::components::median(times) * 1e6 / f64::from(ROWS);
    Ok(vec![
        Figure::new("echo: a row of 12 cells read, natively, p50", "µs", a_row(natively)),
        Figure::new("echo: a row of 12 cells read, in the sandbox, p50", "µs", a_row(sandboxed)),
    ])
}
