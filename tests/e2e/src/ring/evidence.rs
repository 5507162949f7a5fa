//! What is kept of a run for somebody who looks for a cause: see `KEEP`.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use lockstep_checker::History;
use serde_json::json;

use super::Ring;

/// Writes the history, HubSpot's journal, deliveries and answers, the runtime's
/// log and its state into `folder`. What was there of an earlier run is replaced.
pub(super) fn keep(ring: &Ring, history: &History, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).with_context(|| name.to_owned());
    write("history.json", serde_json::to_vec_pretty(history)?)?;
    let lines = |lines: Vec<String>| lines.join("\n").into_bytes();
    let account = &ring.account;
    write("hub.journal", lines(account.events("contacts").iter().map(|event| format!("{event:?}")).collect()))?;
    write("hub.deliveries", lines(account.deliveries().iter().map(|delivery| format!("{delivery:?}")).collect()))?;
    let answers = account.stage().traffic.answers().unwrap_or_default();
    let answer =
        |one: &lockstep_simulators::Answered| json!({ "at_us": one.at_us, "path": one.path, "body": one.body });
    write("hub.answers", lines(answers.iter().map(|one| answer(one).to_string()).collect()))?;
    fs::copy(ring.runtime.log_path(), folder.join("run.log")).context("run.log")?;
    for file in ring.runtime.state_files().into_iter().filter(|file| file.is_file()) {
        let name = file.file_name().context("a state file without a name")?;
        fs::copy(&file, folder.join(name)).context("the state")?;
    }
    Ok(())
}
