//! People at the three who edit, add and delete the same few records without
//! waiting for anyone. The same seed makes the same decisions.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tokio_postgres::Client;

use super::{CRM, DB, Field, HUB, Ring, edited, email};

/// What the people do.
#[derive(Clone, Copy, Debug)]
pub struct CrowdShape {
    /// Records 1 to this are edited and deleted.
    pub records: u32,
    /// Pause between two deeds.
    pub pause: Duration,
    /// Out of a thousand deeds.
    pub inserts: u64,
    /// Of these, the same person is added at two sides at once.
    pub twins: u64,
    pub deletes: u64,
    pub seed: u64,
}

impl Default for CrowdShape {
    fn default() -> Self {
        CrowdShape { records: 24, pause: Duration::from_millis(12), inserts: 40, twins: 20, deletes: 12, seed: 1 }
    }
}

/// The people of all three; they act while [`Self::act`] runs.
pub struct Crowd {
    shape: CrowdShape,
    dice: Dice,
    database: Client,
    deeds: u64,
    name: String,
}

impl Crowd {
    pub async fn new(ring: &Ring, shape: CrowdShape, name: &str) -> Result<Self> {
        let dice = Dice(shape.seed.wrapping_mul(104_729));
        Ok(Crowd { shape, dice, database: ring.person().await?, deeds: 0, name: name.to_owned() })
    }

    /// Deeds so far.
    pub fn deeds(&self) -> u64 {
        self.deeds
    }

    pub async fn act(&mut self, ring: &Ring, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.deed(ring).await?;
            tokio::time::sleep(self.shape.pause).await;
        }
        Ok(())
    }

    /// Acts until the runtime has ended by itself, as at a failpoint.
    pub async fn act_until_dead(&mut self, ring: &mut Ring, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        while ring.runtime.is_running()? {
            anyhow::ensure!(Instant::now() < until, "still running: {}", ring.runtime.log_tail());
            self.deed(ring).await?;
            tokio::time::sleep(self.shape.pause).await;
        }
        Ok(())
    }

    /// Somebody adds a person at one side, and somebody else at the other so much later.
    pub async fn add_twice(&mut self, ring: &Ring, (one, other): (&str, &str), apart: Duration) -> Result<()> {
        self.deeds += 1;
        let who = format!("twice-{}-{}@people.example", self.name, self.deeds);
        self.add(ring, one, &who, &format!("{one} {} {}", self.name, self.deeds)).await?;
        tokio::time::sleep(apart).await;
        self.add(ring, other, &who, &format!("{other} {} {}", self.name, self.deeds)).await
    }

    async fn deed(&mut self, ring: &Ring) -> Result<()> {
        self.deeds += 1;
        let CrowdShape { inserts, deletes, twins, records, .. } = self.shape;
        let who = email(1 + u32::try_from(self.dice.below(u64::from(records)))?);
        let side = [CRM, HUB, DB][self.dice.below(3) as usize];
        let token = format!("{side} {} {}", self.name, self.deeds);
        let kind = self.dice.below(1_000);
        if kind < inserts {
            let new = format!("new-{}-{}@people.example", self.name, self.deeds);
            self.add(ring, side, &new, &token).await?;
            if self.dice.below(inserts) < twins {
                let other = if side == DB { HUB } else { DB };
                self.add(ring, other, &new, &format!("{token} too")).await?;
            }
            Ok(())
        } else if kind < inserts + deletes {
            self.remove(ring, side, &who).await
        } else {
            let fields = edited();
            let field = *fields.get(self.dice.below(fields.len() as u64) as usize).context("fields")?;
            self.edit(ring, side, &who, field, &format!("{} {token}", field.name)).await
        }
    }

    /// Whoever was deleted there is not edited.
    async fn edit(&self, ring: &Ring, side: &str, who: &str, field: Field, value: &str) -> Result<()> {
        match side {
            DB => {
                let update = format!("UPDATE people SET {} = $1 WHERE email = $2", field.name);
                self.database.execute(&update, &[&value, &who]).await?;
            }
            HUB => {
                if let Some(id) = ring.hub_id(who) {
                    ring.account.edit("contacts", id, &[(field.hub, value)]).ok();
                }
            }
            _ => {
                for id in ring.crm_ids(who)?.into_iter().take(1) {
                    ring.org.update("Contact", &id, json!({ field.crm: value })).ok();
                }
            }
        }
        Ok(())
    }

    async fn add(&self, ring: &Ring, side: &str, who: &str, token: &str) -> Result<()> {
        let value = |field: &Field| format!("{} {token}", field.name);
        match side {
            DB => {
                let values: Vec<String> = edited().iter().map(value).collect();
                let names: Vec<&str> = edited().iter().map(|field| field.name).collect();
                let insert = format!(
                    "INSERT INTO people (email, {}) VALUES ('{who}', '{}')",
                    names.join(", "),
                    values.join("', '")
                );
                self.database.batch_execute(&insert).await?;
            }
            HUB => {
                let values: Vec<(&str, String)> = edited().iter().map(|field| (field.hub, value(field))).collect();
                let mut values: Vec<(&str, &str)> = values.iter().map(|(name, text)| (*name, text.as_str())).collect();
                values.push(("email", who));
                // The runtime was quicker.
                ring.account.create("contacts", &values).ok();
            }
            _ => {
                let mut values: Map<String, Value> =
                    edited().iter().map(|field| (field.crm.to_owned(), json!(value(field)))).collect();
                values.insert("Email".to_owned(), json!(who));
                // The row may be locked by somebody else.
                ring.org.create("Contact", Value::Object(values)).ok();
            }
        }
        Ok(())
    }

    async fn remove(&self, ring: &Ring, side: &str, who: &str) -> Result<()> {
        match side {
            DB => {
                self.database.execute("DELETE FROM people WHERE email = $1", &[&who]).await?;
            }
            HUB => {
                if let Some(id) = ring.hub_id(who) {
                    ring.account.archive("contacts", id)?;
                }
            }
            _ => {
                for id in ring.crm_ids(who)? {
                    ring.org.delete("Contact", &id).ok();
                }
            }
        }
        Ok(())
    }
}

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
