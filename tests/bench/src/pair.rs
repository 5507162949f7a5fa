//! Two clusters with the table every measurement is taken on.

use anyhow::{Context, Result};
use lockstep_harness::{Cluster, ClusterOptions};
use tokio_postgres::Client;

pub const DATABASE: &str = "app";

/// Row 1 is the sentinel: updated last, it says that a run's end has passed.
pub const SENTINEL: u64 = 1;

/// Twelve columns. Row `n` has the id `md5('contact' || n)::uuid`.
const TABLE: &str = "
CREATE TABLE contacts (
    id uuid PRIMARY KEY, email text, first_name text, last_name text, phone text,
    company text, city text, country text, amount numeric(12,2), status text,
    updated_at timestamptz, notes text);
CREATE FUNCTION contact(n bigint) RETURNS uuid IMMUTABLE PARALLEL SAFE LANGUAGE sql
    AS $$ SELECT md5('contact' || n)::uuid $$;
CREATE PROCEDURE edit_singly(first bigint, last bigint, token text) LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN first..last LOOP
        UPDATE contacts SET notes = token || n, updated_at = clock_timestamp()
            WHERE id = contact(n);
        COMMIT;
    END LOOP;
END $$;
CREATE PROCEDURE edit_in_lots(first bigint, last bigint, lot bigint, token text)
LANGUAGE plpgsql AS $$
DECLARE n bigint := first;
BEGIN
    WHILE n <= last LOOP
        UPDATE contacts SET notes = token || s, updated_at = clock_timestamp()
            FROM generate_series(n, least(n + lot - 1, last)) s WHERE id = contact(s);
        COMMIT;
        n := n + lot;
    END LOOP;
END $$;";

pub struct Pair {
    pub a: Cluster,
    pub b: Cluster,
}

impl Pair {
    /// Two empty tables on two running clusters.
    pub fn new(settings: &[(String, String)]) -> Result<Self> {
        let mut options = ClusterOptions::default()
            .setting("max_wal_size", "4GB")
            .setting("shared_buffers", "256MB")
            .setting("checkpoint_timeout", "15min");
        options.settings.extend_from_slice(settings);
        let pair = Pair { a: Cluster::start(options.clone())?, b: Cluster::start(options)? };
        for cluster in pair.clusters() {
            cluster.create_database(DATABASE)?;
            cluster.psql(DATABASE, TABLE)?;
        }
        Ok(pair)
    }

    pub fn clusters(&self) -> [&Cluster; 2] {
        [&self.a, &self.b]
    }

    /// Fills A's table with rows 1 to `rows`.
    pub fn seed(&self, rows: u64) -> Result<()> {
        let sql = format!(
            "INSERT INTO contacts SELECT contact(n), 'user' || n || '@example.com',
                 'First' || n % 997, 'Last' || n % 7919, '+43 660 ' || n, 'Company ' || n % 5003,
                 'City ' || n % 211, 'AT', (n % 100000) / 100.0, 'open', now(),
                 'seeded row ' || n || ' ' || repeat('x', 60)
             FROM generate_series(1, {rows}) n;
             ANALYZE contacts; CHECKPOINT;"
        );
        self.a.psql(DATABASE, &sql).map(drop)
    }

    /// What libpq-based tools connect with.
    pub fn dsn(cluster: &Cluster) -> String {
        format!(
            "host=127.0.0.1 port={} dbname={DATABASE} user=postgres password={}",
            cluster.port(),
            cluster.password()
        )
    }
}

/// A client, and the process that serves it, so that its time can be told apart.
pub struct Backend {
    pub client: Client,
    pub pid: u32,
}

impl Backend {
    pub async fn open(cluster: &Cluster) -> Result<Self> {
        let client = cluster.connect(DATABASE).await?;
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await?;
        let pid: i32 = row.try_get(0)?;
        Ok(Backend { client, pid: u32::try_from(pid).context("backend id")? })
    }

    /// A writer whose commits do not wait for the disk.
    pub async fn open_hasty(cluster: &Cluster) -> Result<Self> {
        let backend = Self::open(cluster).await?;
        backend.client.batch_execute("SET synchronous_commit = off").await?;
        Ok(backend)
    }

    pub async fn number(&self, sql: &str) -> Result<u64> {
        let row = self.client.query_one(sql, &[]).await.with_context(|| sql.to_owned())?;
        let number: i64 = row.try_get(0).with_context(|| sql.to_owned())?;
        u64::try_from(number).context("a count below zero")
    }
}
