//! People at every side who edit, add and delete without waiting for anyone.
//! Seeded: the same seed makes the same decisions, whatever the timing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use crate::world::World;

const EDITED: [&str; 4] = ["name", "phone", "city", "note"];
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What the people do.
#[derive(Clone, Copy, Debug)]
pub struct LoadShape {
    /// Records 1 to this are edited and deleted.
    pub records: u32,
    pub people_per_side: u32,
    /// Pause between one person's edits.
    pub pause: Duration,
    /// Out of a hundred deeds.
    pub inserts_percent: u64,
    pub deletes_percent: u64,
    pub seed: u64,
}

impl Default for LoadShape {
    fn default() -> Self {
        LoadShape {
            records: 200,
            people_per_side: 2,
            pause: Duration::from_millis(4),
            inserts_percent: 5,
            deletes_percent: 2,
            seed: 1,
        }
    }
}

/// Running people. They survive losing their connection.
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    people: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(world: &World, shape: LoadShape) -> Self {
        static LOADS: AtomicU64 = AtomicU64::new(1);
        let load = LOADS.fetch_add(1, Ordering::Relaxed);
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let mut people = Vec::new();
        for side in world.sides() {
            let cluster = world.cluster(*side);
            let url = cluster.url_with_password(world.person_name(), "app");
            for number in 0..shape.people_per_side {
                // No two loads may write the same value.
                let name = format!("{}{number} of {load}", side.name());
                let seed = shape.seed.wrapping_mul(1_000).wrapping_add(people.len() as u64);
                let person = Person { name, url: url.clone(), shape, dice: Dice(seed), deeds: 0 };
                people.push(tokio::spawn(person.work(Arc::clone(&stop), Arc::clone(&done))));
            }
        }
        Load { stop, done, people }
    }

    /// Deeds acknowledged so far.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Waits for so many more deeds.
    pub async fn more(&self, deeds: u64) -> Result<()> {
        let wanted = self.done() + deeds;
        let waited = tokio::time::timeout(crate::world::PATIENCE, async {
            while self.done() < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.context("the people stopped editing")
    }

    /// Lets everybody finish; returns the deeds done.
    pub async fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        for person in self.people {
            person.await.context("a person panicked")?;
        }
        Ok(self.done.load(Ordering::Relaxed))
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides.max(1)
    }
}

struct Person {
    name: String,
    url: String,
    shape: LoadShape,
    dice: Dice,
    deeds: u64,
}

impl Person {
    async fn work(mut self, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
        let mut client: Option<Client> = None;
        while !stop.load(Ordering::Relaxed) {
            if client.is_none() {
                client = self.connect().await;
            }
            match &client {
                None => tokio::time::sleep(AGAIN_AFTER).await,
                Some(open) => {
                    // Whether a deed whose answer was lost was done is told by the database's log.
                    let deed = self.next_deed();
                    if open.batch_execute(&deed).await.is_ok() {
                        done.fetch_add(1, Ordering::Relaxed);
                    } else if open.is_closed() {
                        client = None;
                    }
                    tokio::time::sleep(self.shape.pause).await;
                }
            }
        }
    }

    async fn connect(&self) -> Option<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    fn next_deed(&mut self) -> String {
        self.deeds += 1;
        let token = format!("{} {}", self.name, self.deeds);
        let record = 1 + self.dice.roll(u64::from(self.shape.records));
        let kind = self.dice.roll(100);
        if kind < self.shape.inserts_percent {
            format!(
                "INSERT INTO people (email, name, phone, city, note)
                 VALUES ('email {token}', 'name {token}', 'phone {token}', 'city {token}', 'note {token}')"
            )
        } else if kind < self.shape.inserts_percent + self.shape.deletes_percent {
            format!("DELETE FROM people WHERE id = md5('person{record}')::uuid")
        } else {
            let field = EDITED.get(self.dice.roll(EDITED.len() as u64) as usize).copied().unwrap_or("note");
            format!("UPDATE people SET {field} = '{field} {token}' WHERE id = md5('person{record}')::uuid")
        }
    }
}
