//! The service that a new connector is tried on, as a process of its own.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

/// The practice service, until dropped.
pub struct Practice {
    process: Child,
    pub port: String,
    pub token: String,
}

impl Practice {
    pub fn start(lockstep: &Path) -> Result<Self> {
        let mut process = Command::new(lockstep)
            .args(["connector", "practice", "--port", "0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the practice service")?;
        let output = process.stdout.take().context("its output")?;
        let mut practice = Practice { process, port: String::new(), token: String::new() };
        let mut told = String::new();
        for line in BufReader::new(output).lines() {
            told.push_str(&line?);
            if let Ok(answer) = serde_json::from_str::<serde_json::Value>(&told) {
                let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
                practice.port = text("url").rsplit(':').next().unwrap_or_default().to_owned();
                practice.token = text("token");
                return Ok(practice);
            }
        }
        anyhow::bail!("the practice service ended: {told}")
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
