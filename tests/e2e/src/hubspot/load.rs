//! People in the account and in the database who edit without waiting for
//! anyone, the same few records, so that they often meet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::task::JoinHandle;

use super::{HubSpotWorld, MAPPED, SENTINEL};

/// What the people do.
#[derive(Clone, Copy, Debug)]
pub struct HubSpotLoadShape {
    /// Pause between one person's edits.
    pub pause: Duration,
    pub people_per_side: u32,
    pub seed: u64,
}

impl Default for HubSpotLoadShape {
    fn default() -> Self {
        HubSpotLoadShape { pause: Duration::from_millis(10), people_per_side: 2, seed: 1 }
    }
}

/// Running people at the database; those of the account act in [`Self::run`].
pub struct HubSpotLoad {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    people: Vec<JoinHandle<Result<()>>>,
    shape: HubSpotLoadShape,
    records: Vec<(u64, String)>,
    name: String,
}

impl HubSpotLoad {
    pub async fn start(world: &HubSpotWorld, shape: HubSpotLoadShape) -> Result<Self> {
        static LOADS: AtomicU64 = AtomicU64::new(1);
        let name = format!("{}", LOADS.fetch_add(1, Ordering::Relaxed));
        let contacts = world.account.all("contacts").into_iter();
        let records = contacts.filter_map(|(id, values)| Some((id, values.get("email")?.clone())));
        let records: Vec<(u64, String)> = records.filter(|(_, email)| email != SENTINEL).collect();
        let mut load =
            HubSpotLoad { stop: Arc::default(), done: Arc::default(), people: Vec::new(), shape, records, name };
        for person in 0..shape.people_per_side {
            let client = world.person().await?;
            let (stop, done, records) = (load.stop.clone(), load.done.clone(), load.records.clone());
            let name = load.name.clone();
            load.people.push(tokio::spawn(async move {
                let mut dice = Dice(shape.seed * 7_919 + u64::from(person));
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let (_, email) = records.get(dice.below(records.len())).context("records")?;
                    let (column, _) = MAPPED.get(dice.below(MAPPED.len())).context("columns")?;
                    let value = format!("{column} db{person} of {name} no {number}");
                    let update = format!("UPDATE people SET {column} = $1 WHERE email = $2");
                    client.execute(&update, &[&value, email]).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(shape.pause).await;
                }
                Ok(())
            }));
        }
        Ok(load)
    }

    /// Acts as the account's people for so long, then ends everybody's work;
    /// the number of edits.
    pub async fn run(self, world: &HubSpotWorld, time: Duration) -> Result<u64> {
        self.act(world, time).await?;
        self.end().await
    }

    /// Acts as the account's people for so long; the database's people go on.
    pub async fn act(&self, world: &HubSpotWorld, time: Duration) -> Result<()> {
        let until = std::time::Instant::now() + time;
        while std::time::Instant::now() < until {
            let number = self.done.fetch_add(1, Ordering::Relaxed);
            let mut dice = Dice(self.shape.seed * 104_729 + number);
            let (id, _) = self.records.get(dice.below(self.records.len())).context("records")?;
            let (column, property) = MAPPED.get(dice.below(MAPPED.len())).context("columns")?;
            let value = format!("{column} hs of {} no {number}", self.name);
            world.account.edit("contacts", *id, &[(property, &value)])?;
            tokio::time::sleep(self.shape.pause / self.shape.people_per_side.max(1)).await;
        }
        Ok(())
    }

    pub async fn end(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        for person in self.people {
            person.await??;
        }
        Ok(self.done.load(Ordering::Relaxed))
    }
}

/// A small generator: the same seed makes the same decisions.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}
