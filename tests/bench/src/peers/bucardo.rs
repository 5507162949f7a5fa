//! Bucardo, both sides as sources, the later edit wins.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use lockstep_harness::Cluster;
use tempfile::TempDir;

use crate::{
    pair::{DATABASE, Pair},
    peers::Peer,
    watch::PATIENCE,
};

const PROGRAM: &str = "/usr/bin/bucardo";

#[derive(Default)]
pub struct Bucardo {
    folder: Option<TempDir>,
    started: bool,
}

pub fn obstacle() -> Option<String> {
    (!Path::new(PROGRAM).exists()).then(|| "not installed: apt-get install bucardo".to_owned())
}

impl Bucardo {
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let folder = self.folder()?;
        let output = Command::new(PROGRAM)
            .arg("--bucardorc")
            .arg(folder.join("rc"))
            .args(arguments)
            .env("PGPASSFILE", folder.join("pgpass"))
            .current_dir(folder)
            .output()
            .context("running bucardo")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "bucardo {}: {text}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    fn folder(&self) -> Result<&Path> {
        Ok(self.folder.as_ref().context("not set up")?.path())
    }

    fn prepare(&mut self, control: &Cluster) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("bench-bucardo-").tempdir()?;
        let path = folder.path().display().to_string();
        let port = control.port();
        fs::write(
            folder.path().join("rc"),
            format!(
                "dbhost=127.0.0.1\ndbport={port}\ndbname=bucardo\ndbuser=bucardo\ndbpass={}\npiddir={path}\n",
                control.password()
            ),
        )?;
        let passwords = folder.path().join("pgpass");
        fs::write(&passwords, format!("127.0.0.1:*:*:*:{}\n", control.password()))?;
        restrict(&passwords)?;
        self.folder = Some(folder);
        // The installer would make its role with a password of its own choice.
        control.psql(
            "postgres",
            &format!(
                "CREATE ROLE bucardo SUPERUSER LOGIN PASSWORD '{}'; CREATE DATABASE bucardo OWNER bucardo",
                control.password()
            ),
        )?;
        let port = port.to_string();
        self.run(&[
            "install",
            "--batch",
            "--quiet",
            "--dbhost",
            "127.0.0.1",
            "--dbport",
            &port,
            "--dbuser",
            "postgres",
            "--dbname",
            "postgres",
            "--pid-dir",
            &path,
        ])?;
        Ok(())
    }

    async fn start(&mut self) -> Result<()> {
        let log = self.folder()?.display().to_string();
        self.run(&["start", "--log-destination", &log])?;
        self.started = true;
        // A kid process stands ready once the sync is active.
        let end = Instant::now() + PATIENCE;
        while self.pid_of("bucardo.kid.sync.contacts.pid").is_none() {
            ensure!(Instant::now() < end, "Bucardo did not start in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        if !self.started {
            return Ok(());
        }
        self.started = false;
        let pids = self.pids();
        self.run(&["stop", "bench"])?;
        let end = Instant::now() + Duration::from_secs(30);
        while pids.iter().any(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
            ensure!(Instant::now() < end, "Bucardo did not stop in time");
            std::thread::sleep(Duration::from_millis(50));
        }
        for leftover in ["bucardo.kid.sync.contacts.pid", "bucardo.ctl.sync.contacts.pid"] {
            let _ = fs::remove_file(self.folder()?.join(leftover));
        }
        Ok(())
    }

    fn pids(&self) -> Vec<u32> {
        ["bucardo.mcp.pid", "bucardo.vac.pid", "bucardo.ctl.sync.contacts.pid", "bucardo.kid.sync.contacts.pid"]
            .iter()
            .filter_map(|name| self.pid_of(name))
            .collect()
    }

    fn pid_of(&self, file: &str) -> Option<u32> {
        let path: PathBuf = self.folder.as_ref()?.path().join(file);
        fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok()
    }
}

#[async_trait]
impl Peer for Bucardo {
    async fn connect(&mut self, pair: &Pair) -> Result<()> {
        self.prepare(&pair.a)?;
        for (cluster, name) in pair.clusters().into_iter().zip(["A", "B"]) {
            self.run(&[
                "add",
                "db",
                name,
                &format!("dbname={DATABASE}"),
                "host=127.0.0.1",
                &format!("port={}", cluster.port()),
                "user=postgres",
                &format!("pass={}", cluster.password()),
            ])?;
        }
        copy_rows(pair)?;
        self.run(&[
            "add",
            "sync",
            "contacts",
            "dbs=A:source,B:source",
            "tables=contacts",
            "conflict_strategy=bucardo_latest",
        ])?;
        self.start().await
    }

    async fn pause(&mut self, _: &Pair) -> Result<()> {
        self.stop()
    }

    async fn resume(&mut self, _: &Pair) -> Result<()> {
        self.start().await
    }

    async fn conflicts(&mut self, _: &Pair) -> Result<Option<u64>> {
        Ok(None)
    }

    fn processes(&self) -> Vec<u32> {
        self.pids()
    }

    fn state_bytes(&self) -> Option<u64> {
        None
    }
}

impl Drop for Bucardo {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Bucardo starts from equal tables.
fn copy_rows(pair: &Pair) -> Result<()> {
    let rows = pair.a.psql(DATABASE, "COPY contacts TO STDOUT")?;
    pair.b.psql(DATABASE, &format!("COPY contacts FROM STDIN;\n{rows}\n\\.\n")).map(drop)
}

fn restrict(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).context("protecting a file")
}
