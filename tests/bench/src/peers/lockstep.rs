//! Lockstep: the real binary between the two databases, both ways.

use std::{collections::BTreeSet, fs, time::Duration};

use anyhow::{Context, Result};
use async_trait::async_trait;
use lockstep_harness::{Launch, Runtime};
use serde_json::Value;

use crate::{
    pair::{DATABASE, Pair},
    peers::Peer,
};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Lockstep {
    runtime: Option<Runtime>,
}

impl Lockstep {
    fn runtime(&mut self) -> Result<&mut Runtime> {
        self.runtime.as_mut().context("not set up")
    }

    fn listing(&mut self) -> Result<Vec<Value>> {
        let mut listing = self.runtime()?.call_json("conflicts", &["--all", "--limit", "10000000"])?;
        listing.as_array_mut().map(std::mem::take).context("the conflict listing is no list")
    }
}

fn config(pair: &Pair) -> String {
    let connection = |name: &str, port: u16, url: String| {
        format!(
            "[connections.{name}]\nconnector = \"postgres\"\nconfig = {{ url = \"{url}\" }}\n\
             secrets = {{ password = \"env:PGPASSWORD\" }}\n\
             grant = [\"tcp:127.0.0.1:{port}\"]\n\n"
        )
    };
    let mut text = connection("a", pair.a.port(), pair.a.url("postgres", DATABASE));
    text += &connection("b", pair.b.port(), pair.b.url("postgres", DATABASE));
    text += "[syncs.contacts]\nsides = { a = \"public.contacts\", b = \"public.contacts\" }\n\
             match = [\"id\"]\nconflict = { latest = true, else = { prefer = \"a\" } }\n\
             deletes = \"update-wins\"\n\n[syncs.contacts.fields]\n";
    for field in [
        "id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "company",
        "city",
        "country",
        "amount",
        "status",
        "updated_at",
        "notes",
    ] {
        text += &format!("{field} = {{ a = \"{field}\", b = \"{field}\" }}\n");
    }
    text
}

#[async_trait]
impl Peer for Lockstep {
    async fn connect(&mut self, pair: &Pair) -> Result<()> {
        let launch = Launch::default().env("PGPASSWORD", pair.a.password());
        let mut runtime = Runtime::new(&config(pair), launch)?;
        runtime.start()?;
        self.runtime = Some(runtime);
        Ok(())
    }

    async fn pause(&mut self, _: &Pair) -> Result<()> {
        self.runtime()?.terminate(PATIENCE).map(drop)
    }

    async fn resume(&mut self, _: &Pair) -> Result<()> {
        self.runtime()?.start()
    }

    async fn conflicts(&mut self, _: &Pair) -> Result<Option<u64>> {
        Ok(Some(self.listing()?.len() as u64))
    }

    /// Values with this beginning that met another and can be restored.
    async fn kept(&mut self, beginning: &str) -> Result<u64> {
        let listing = self.listing()?;
        let values: BTreeSet<&str> = listing
            .iter()
            .filter_map(|conflict| conflict.get("contenders")?.as_array())
            .flatten()
            .filter_map(|contender| contender.get("value")?.as_str())
            .filter(|value| value.starts_with(beginning))
            .collect();
        Ok(values.len() as u64)
    }

    fn processes(&self) -> Vec<u32> {
        self.runtime.iter().filter_map(Runtime::pid).collect()
    }

    fn state_bytes(&self) -> Option<u64> {
        let files = self.runtime.as_ref()?.state_files();
        Some(files.iter().filter_map(|file| fs::metadata(file).ok()).map(|meta| meta.len()).sum())
    }
}
