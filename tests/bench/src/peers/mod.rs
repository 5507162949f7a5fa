//! What is measured: Lockstep, and what people use instead.

mod bucardo;
mod lockstep;
mod native;
mod pglogical;

use anyhow::Result;
use async_trait::async_trait;
use clap::ValueEnum;
use lockstep_harness::Binaries;
use serde::{Deserialize, Serialize};

use crate::pair::Pair;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    /// PostgreSQL's own logical replication, one way: the floor.
    Native,
    Pglogical,
    Bucardo,
    Lockstep,
}

impl Name {
    pub fn title(self) -> &'static str {
        match self {
            Name::Native => "native, one way",
            Name::Pglogical => "pglogical, both ways",
            Name::Bucardo => "Bucardo, both ways",
            Name::Lockstep => "Lockstep, both ways",
        }
    }

    /// Why it cannot be measured here; `None` if it can.
    pub fn obstacle(self) -> Option<String> {
        match self {
            Name::Native => None,
            Name::Pglogical => pglogical::obstacle(),
            Name::Bucardo => bucardo::obstacle(),
            Name::Lockstep => lockstep_harness::lockstep_binary().err().map(|error| format!("{error:#}")),
        }
    }

    /// Edits at B reach A too.
    pub fn is_both_ways(self) -> bool {
        match self {
            Name::Native => false,
            Name::Pglogical | Name::Bucardo | Name::Lockstep => true,
        }
    }

    /// Copies existing rows by itself.
    pub fn copies(self) -> bool {
        match self {
            Name::Bucardo => false,
            Name::Native | Name::Pglogical | Name::Lockstep => true,
        }
    }

    /// Says which conflicts it saw.
    pub fn tells_conflicts(self) -> bool {
        match self {
            Name::Native | Name::Bucardo => false,
            Name::Pglogical | Name::Lockstep => true,
        }
    }

    pub fn settings(self) -> Result<Vec<(String, String)>> {
        match self {
            Name::Native => Ok(native::settings()),
            Name::Bucardo | Name::Lockstep => Ok(Vec::new()),
            Name::Pglogical => pglogical::settings(&Binaries::find()?),
        }
    }

    pub fn make(self) -> Box<dyn Peer> {
        match self {
            Name::Native => Box::new(native::Native),
            Name::Pglogical => Box::new(pglogical::Pglogical),
            Name::Bucardo => Box::new(bucardo::Bucardo::default()),
            Name::Lockstep => Box::new(lockstep::Lockstep::default()),
        }
    }
}

/// One way of keeping the pair's tables in step.
#[async_trait]
pub trait Peer: Send {
    /// Sets everything up and starts; existing rows of A begin to be copied.
    async fn connect(&mut self, pair: &Pair) -> Result<()>;

    /// Stops delivery, in both directions; changes are remembered.
    async fn pause(&mut self, pair: &Pair) -> Result<()>;

    async fn resume(&mut self, pair: &Pair) -> Result<()>;

    /// Conflicts reported so far, where the peer says.
    async fn conflicts(&mut self, pair: &Pair) -> Result<Option<u64>>;

    /// How many displaced values that begin like this are kept whole and can be
    /// restored. A line of a server log, cut off and for reading only, is not.
    async fn kept(&mut self, beginning: &str) -> Result<u64> {
        let _ = beginning;
        Ok(0)
    }

    /// First processes of its own, besides the database servers'.
    fn processes(&self) -> Vec<u32>;

    /// Bytes of its own state on disk, where it keeps any outside the databases.
    fn state_bytes(&self) -> Option<u64>;
}
