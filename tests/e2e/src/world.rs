//! Two databases, a breakable network, one runtime.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lockstep_checker::{Kept, Verdict, ViolationKind, check};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Proxy, Runtime, SUPERUSER};
use tokio_postgres::Client;

use crate::{
    config::Config,
    recording::{self, FIELDS, RUNTIME_ROLE, TABLES},
};

const DATABASE: &str = "app";
/// How long anything may take; generous, since machines are slow under test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(25);
/// The record whose edits show that what came before them has been delivered.
const SENTINEL: &str = "sentinel";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    A,
    B,
    C,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::A, Side::B];
    pub const ALL: [Side; 3] = [Side::A, Side::B, Side::C];

    pub fn name(self) -> &'static str {
        match self {
            Side::A => "a",
            Side::B => "b",
            Side::C => "c",
        }
    }

    fn sentinel_field(self) -> &'static str {
        match self {
            Side::A => "name",
            Side::B => "phone",
            Side::C => "city",
        }
    }
}

/// One side's database, and the breakable network between the runtime and it;
/// people's edits go around that.
struct Place {
    side: Side,
    cluster: Cluster,
    proxy: Proxy,
}

impl Place {
    fn make(side: Side, options: ClusterOptions) -> Result<Self> {
        let cluster = Cluster::start(options)?;
        cluster.create_role("app", "")?;
        cluster.create_role(RUNTIME_ROLE, "REPLICATION")?;
        cluster.create_database(DATABASE)?;
        let rights = format!(
            "ALTER SCHEMA public OWNER TO app; GRANT app TO {RUNTIME_ROLE};
             GRANT CREATE ON DATABASE {DATABASE} TO {RUNTIME_ROLE};"
        );
        cluster.psql(DATABASE, &format!("{rights}{TABLES}"))?;
        let proxy = Proxy::start(cluster.port())?;
        Ok(Place { side, cluster, proxy })
    }
}

/// Two or three databases and one runtime.
pub struct World {
    places: Vec<Place>,
    pub runtime: Runtime,
    config: Config,
    sentinels: u32,
    /// Exported from state files that were replaced since.
    exported: Vec<Kept>,
}

impl World {
    /// All tables empty but for what `seed` (an SQL statement) puts into A's.
    /// The runtime is not started.
    pub async fn new(config: Config, options: ClusterOptions, seed: &str) -> Result<Self> {
        let places: Result<Vec<Place>> =
            config.sides().iter().map(|side| Place::make(*side, options.clone())).collect();
        let places = places?;
        let first = &places.first().context("a sync has sides")?.cluster;
        let sentinel = format!("INSERT INTO people (email, name) VALUES ('{SENTINEL}', 'begin');");
        first.psql(DATABASE, &format!("{sentinel}{seed}"))?;
        let ports: Vec<(Side, u16)> = places.iter().map(|place| (place.side, place.proxy.port())).collect();
        let launch = Launch::default().env("E2E_PASSWORD", first.password());
        let runtime = Runtime::new(&config.text(&ports, DATABASE), launch)?;
        Ok(World { places, runtime, config, sentinels: 0, exported: Vec::new() })
    }

    /// As [`Self::new`] with `count` records at A, started and in step.
    pub async fn in_step(config: Config, options: ClusterOptions, count: u32) -> Result<Self> {
        World::in_step_after(config, options, count, |_| Ok(())).await
    }

    /// As [`Self::in_step`], with something done to the databases before it starts.
    pub async fn in_step_after(
        config: Config,
        options: ClusterOptions,
        count: u32,
        prepare: impl FnOnce(&World) -> Result<()>,
    ) -> Result<Self> {
        let mut world = World::new(config, options, &seed(count)).await?;
        prepare(&world)?;
        world.runtime.start()?;
        world.settle().await?;
        Ok(world)
    }

    pub fn sides(&self) -> &'static [Side] {
        self.config.sides()
    }

    pub fn cluster(&self, side: Side) -> &Cluster {
        &self.place(side).cluster
    }

    /// Panics for a side that takes no part: a mistake in the scenario.
    #[allow(clippy::expect_used)]
    pub fn cluster_mut(&mut self, side: Side) -> &mut Cluster {
        let place = self.places.iter_mut().find(|place| place.side == side);
        &mut place.expect("this side takes no part").cluster
    }

    pub fn proxy(&self, side: Side) -> &Proxy {
        &self.place(side).proxy
    }

    #[allow(clippy::expect_used)]
    fn place(&self, side: Side) -> &Place {
        self.places.iter().find(|place| place.side == side).expect("this side takes no part")
    }

    /// A person's connection, not through the proxy.
    pub async fn person(&self, side: Side) -> Result<Client> {
        self.cluster(side).connect(DATABASE).await
    }

    /// Does something as a person.
    pub fn sql(&self, side: Side, sql: &str) -> Result<String> {
        self.cluster(side).psql(DATABASE, sql)
    }

    /// Ends the runtime in order; edits made meanwhile wait in the databases.
    pub fn stop_delivery(&mut self) -> Result<()> {
        let status = self.runtime.terminate(PATIENCE)?;
        ensure!(status.success(), "the runtime ended with {status}: {}", self.runtime.log_tail());
        Ok(())
    }

    pub fn resume_delivery(&mut self) -> Result<()> {
        self.runtime.start()
    }

    /// Waits until an edit made now has arrived in each direction and nothing
    /// is left to do.
    pub async fn settle(&mut self) -> Result<()> {
        for from in self.sides() {
            self.sentinels += 1;
            let token = format!("sentinel {}", self.sentinels);
            self.await_arrival(*from, &token).await?;
        }
        let seconds = PATIENCE.as_secs().to_string();
        self.runtime.call("status", &["--wait-quiet", "--timeout", &seconds])?;
        Ok(())
    }

    async fn await_arrival(&mut self, from: Side, token: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        // The first copy may not have brought the record here yet.
        // Each side has a field of its own there: these edits are no conversation.
        let field = from.sentinel_field();
        let update = format!("UPDATE people SET {field} = $1 WHERE email = '{SENTINEL}'");
        let writer = self.person(from).await?;
        while writer.execute(&update, &[&token]).await? == 0 {
            self.check_waiting(until, "the sentinel record")?;
            tokio::time::sleep(LOOK).await;
        }
        let arrived = format!("SELECT 1 FROM people WHERE email = '{SENTINEL}' AND {field} = $1");
        for to in self.sides().iter().filter(|side| **side != from) {
            let reader = self.person(*to).await?;
            while reader.query(&arrived, &[&token]).await?.is_empty() {
                self.check_waiting(until, &format!("an edit at {} to arrive at {}", from.name(), to.name()))?;
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    fn check_waiting(&mut self, until: Instant, what: &str) -> Result<()> {
        let running = self.runtime.is_running()?;
        ensure!(running, "the runtime ended while waiting for {what}: {}", self.runtime.log_tail());
        if Instant::now() > until {
            let status = self.runtime.try_call("status", &["--json"]).map(|done| done.stdout);
            let log = self.runtime.log_tail();
            anyhow::bail!("{what}: not within {PATIENCE:?}\nstatus: {status:?}\nlog: {log}");
        }
        Ok(())
    }

    /// Settles, and has the checker judge everything since the beginning.
    pub async fn judge(&mut self) -> Result<Verdict> {
        self.settle().await?;
        let mut sides = Vec::new();
        for side in self.sides() {
            sides.push((side.name(), self.person(*side).await?));
        }
        let identity = self.identity();
        let mut kept = recording::kept(&self.runtime, identity)?;
        kept.extend(self.exported.iter().cloned());
        let history = recording::collect(&sides, identity, kept).await?;
        let verdict = check(&history)?;
        eprintln!("{verdict}");
        if !verdict.is_clean()
            && let Some(path) = std::env::var_os("E2E_KEEP")
        {
            std::fs::write(&path, serde_json::to_vec_pretty(&history)?).context("keeping the history")?;
            eprintln!("the history is in {}", std::path::Path::new(&path).display());
        }
        Ok(verdict)
    }

    /// Judges, and fails the test on any violation.
    pub async fn expect_clean(&mut self) -> Result<Verdict> {
        let verdict = self.judge().await?;
        ensure!(verdict.is_clean(), "{verdict}\nthe runtime said: {}", self.runtime.log_tail());
        Ok(verdict)
    }

    /// Judges what may happen when an acknowledgement or the state itself was
    /// lost: nothing is lost silently, but an edit made on top of one whose
    /// delivery is not remembered can look concurrent. Both values are kept then.
    pub async fn expect_nothing_lost(&mut self) -> Result<Verdict> {
        let mut verdict = self.judge().await?;
        verdict.violations.retain(|violation| violation.kind != ViolationKind::FalseConflict);
        ensure!(verdict.is_clean(), "{verdict}\nthe runtime said: {}", self.runtime.log_tail());
        Ok(verdict)
    }

    /// Settles, and remembers what the state that is about to be replaced keeps.
    pub async fn export(&mut self) -> Result<()> {
        self.settle().await?;
        let kept = recording::kept(&self.runtime, self.identity())?;
        self.exported.extend(kept);
        Ok(())
    }

    fn identity(&self) -> &'static str {
        if self.config.shares_key { "id" } else { "email" }
    }

    /// The superuser's name, for connection strings.
    pub fn person_name(&self) -> &'static str {
        SUPERUSER
    }
}

/// A statement that makes records 1 to `count`, every value a token.
pub(crate) fn seed(count: u32) -> String {
    let columns = FIELDS.join(", ");
    let values: Vec<String> = FIELDS.iter().map(|field| format!("'{field} ' || n || ' seeded'")).collect();
    format!(
        "INSERT INTO people (id, {columns}) SELECT md5('person' || n)::uuid, {} FROM generate_series(1, {count}) n;",
        values.join(", ")
    )
}
