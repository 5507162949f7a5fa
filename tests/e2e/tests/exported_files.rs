//! A file that another system exports, into a database, by the real binary: what
//! the file says arrives, what it does not say is not made up, and nothing is
//! written to it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::ServedFile;
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime, lockstep_binary};

/// Also for compiling twenty megabytes of Python's interpreter once.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(50);

struct World {
    file: ServedFile,
    cluster: Cluster,
    runtime: Runtime,
}

impl World {
    /// None where the connector cannot be built; why, is said.
    fn start(content: &str) -> Result<Option<Self>> {
        let binary = lockstep_binary()?;
        let guests = binary.ancestors().skip(1).map(|folder| folder.join("guests")).find(|folder| folder.is_dir());
        let guests = guests.context("no guests beside the binary: run `cargo xtask guests`")?;
        if let Ok(why) = std::fs::read_to_string(guests.join("jsonl.missing")) {
            eprintln!("the connector for files is not tried here: {why}");
            return Ok(None);
        }
        let component = guests.join("jsonl.wasm");
        ensure!(component.is_file(), "{} is missing: run `cargo xtask guests`", component.display());
        let file = ServedFile::start(content)?;
        let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
        cluster.create_role("runtime", "REPLICATION")?;
        cluster.create_database("app")?;
        cluster.psql(
            "app",
            "ALTER SCHEMA public OWNER TO runtime; GRANT CREATE ON DATABASE app TO runtime;
             CREATE TABLE people (id text PRIMARY KEY, name text, born date); ALTER TABLE people OWNER TO runtime",
        )?;
        let (authority, port, connector) = (file.authority(), cluster.port(), component.display());
        let config = format!(
            "[connections.exports]\nconnector = \"{connector}\"\ngrant = [\"http:{authority}\"]\n\n\
             [connections.exports.config]\nbase_url = \"http://{authority}\"\npoll_interval_ms = 100\n\n\
             [connections.exports.config.objects.people]\npath = \"/people.csv\"\nkey = [\"id\"]\n\
             columns = {{ born = \"date\" }}\n\n\
             [connections.db]\nconnector = \"postgres\"\n\
             config = {{ url = \"postgres://runtime@127.0.0.1:{port}/app\" }}\n\
             secrets = {{ password = \"env:E2E_PASSWORD\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n\n\
             [syncs.people]\nmatch = [\"id\"]\nfields = \"same-name\"\ndelete_storm = false\n\
             conflict = {{ prefer = \"exports\" }}\ndeletes = \"delete-wins\"\n\n\
             [syncs.people.sides]\ndb = \"public.people\"\n\
             exports = {{ object = \"people\", creates = false, updates = false, deletes = false }}\n"
        );
        let mut runtime = Runtime::new(&config, Launch::default().env("E2E_PASSWORD", cluster.password()))?;
        runtime.start()?;
        Ok(Some(World { file, cluster, runtime }))
    }

    fn rows(&self) -> Result<String> {
        self.cluster
            .psql("app", "SELECT coalesce(string_agg(concat_ws(':', id, name, born), ' ' ORDER BY id), '') FROM people")
    }

    fn until(&mut self, wanted: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let rows = self.rows()?;
            if rows == wanted {
                return Ok(());
            }
            ensure!(self.runtime.is_running()?, "the runtime ended: {}", self.runtime.log_tail());
            ensure!(Instant::now() < until, "{rows} instead of {wanted}: {}", self.runtime.log_tail());
            std::thread::sleep(LOOK);
        }
    }

    /// For as long as a few polls take.
    fn stays(&self, wanted: &str) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            let rows = self.rows()?;
            ensure!(rows == wanted, "{rows} instead of {wanted}");
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

#[test]
fn what_a_file_says_arrives_and_what_it_does_not_say_is_not_made_up() -> Result<()> {
    let content = "id,name,born\n1,Ada,1815-12-10\n2,Grace,1906-12-09\n3,Mary,\n";
    let Some(mut world) = World::start(content)? else { return Ok(()) };
    world.until("1:Ada:1815-12-10 2:Grace:1906-12-09 3:Mary")?;

    // An edit, a new row and a deleted one.
    world.file.put(Some("id,name,born\n1,Ada L.,1815-12-10\n2,Grace,1906-12-09\n4,Lise,1878-11-07\n"));
    world.until("1:Ada L.:1815-12-10 2:Grace:1906-12-09 4:Lise:1878-11-07")?;

    // Half a file, an empty one and none: nothing is deleted.
    for broken in [Some("id,name,born\n1,Ada L.,1815-12-10\n2,Gra"), Some("id,name,born\n"), None] {
        world.file.put(broken);
        world.stays("1:Ada L.:1815-12-10 2:Grace:1906-12-09 4:Lise:1878-11-07")?;
    }

    // A date that is none is put aside with its row; the others arrive.
    world.file.put(Some("id,name,born\n1,Ada K.,1815-12-10\n2,Grace,some day\n4,Lise M.,1878-11-07\n"));
    world.until("1:Ada K.:1815-12-10 2:Grace:1906-12-09 4:Lise M.:1878-11-07")?;
    let failures = world.runtime.call("failures", &[])?;
    ensure!(failures.contains("some day"), "{failures}");

    // What changed while nobody looked.
    world.runtime.kill()?;
    world.file.put(Some("id,name,born\n1,Ada K.,1815-12-10\n2,Grace H.,1906-12-09\n"));
    world.runtime.start()?;
    world.until("1:Ada K.:1815-12-10 2:Grace H.:1906-12-09")
}
