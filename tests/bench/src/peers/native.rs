//! PostgreSQL's own logical replication, from A to B only.

use anyhow::Result;
use async_trait::async_trait;

use crate::{
    pair::{DATABASE, Pair},
    peers::Peer,
};

pub struct Native;

/// A disabled subscription that is enabled again starts at once, not after 5 s.
pub fn settings() -> Vec<(String, String)> {
    vec![("wal_retrieve_retry_interval".to_owned(), "100ms".to_owned())]
}

#[async_trait]
impl Peer for Native {
    async fn connect(&mut self, pair: &Pair) -> Result<()> {
        pair.a.psql(DATABASE, "CREATE PUBLICATION contacts FOR TABLE contacts")?;
        let dsn = Pair::dsn(&pair.a);
        let sql = format!("CREATE SUBSCRIPTION contacts CONNECTION '{dsn}' PUBLICATION contacts");
        pair.b.psql(DATABASE, &sql).map(drop)
    }

    async fn pause(&mut self, pair: &Pair) -> Result<()> {
        pair.b.psql(DATABASE, "ALTER SUBSCRIPTION contacts DISABLE").map(drop)
    }

    async fn resume(&mut self, pair: &Pair) -> Result<()> {
        pair.b.psql(DATABASE, "ALTER SUBSCRIPTION contacts ENABLE").map(drop)
    }

    async fn conflicts(&mut self, _: &Pair) -> Result<Option<u64>> {
        Ok(None)
    }

    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }

    fn state_bytes(&self) -> Option<u64> {
        None
    }
}
