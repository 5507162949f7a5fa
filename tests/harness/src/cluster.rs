//! One throwaway PostgreSQL server: its own data folder, a free loopback port,
//! passwords checked, logical replication on, gone when dropped.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::{
    account::{self, Account},
    binaries::Binaries,
    signal::{Signal, send},
};

/// The role every cluster is born with.
pub const SUPERUSER: &str = "postgres";

const PASSWORD: &str = "throwaway";
const START_WAIT: Duration = Duration::from_secs(60);
const STOP_WAIT: Duration = Duration::from_secs(30);
const PORT_ATTEMPTS: usize = 5;
const LOG_TAIL_BYTES: usize = 4_000;

/// How a cluster differs from the usual one.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Commits reach the disk. Off makes tests faster that never kill the server.
    pub fsync: bool,
    /// Lines of `postgresql.conf`, name and value; later ones win.
    pub settings: Vec<(String, String)>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        ClusterOptions { fsync: true, settings: Vec::new() }
    }
}

impl ClusterOptions {
    /// Nothing is flushed: for tests that never kill the server.
    pub fn without_fsync(mut self) -> Self {
        self.fsync = false;
        self
    }

    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running (or stopped) server. Killed and removed when dropped.
#[derive(Debug)]
pub struct Cluster {
    binaries: Binaries,
    account: Option<Account>,
    folder: TempDir,
    port: u16,
    options: ClusterOptions,
    server: Option<Child>,
}

impl Cluster {
    /// Makes a new cluster and waits until it takes connections.
    pub fn start(options: ClusterOptions) -> Result<Self> {
        let binaries = Binaries::find()?;
        let account = account::for_server()?;
        let folder = tempfile::Builder::new().prefix("lockstep-pg-").tempdir().context("making the data folder")?;
        account::give(folder.path(), account)?;
        let mut cluster = Cluster { binaries, account, folder, port: 0, options, server: None };
        cluster.initialise()?;
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            cluster.port = free_port()?;
            cluster.write_settings()?;
            match cluster.launch() {
                Ok(()) => return Ok(cluster),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("the server never started")?)
    }

    fn initialise(&self) -> Result<()> {
        let password = self.folder.path().join("password");
        fs::write(&password, PASSWORD).context("writing the password file")?;
        account::give(&password, self.account)?;
        let output = self
            .command("initdb")
            .args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--auth=scram-sha-256", "--username", SUPERUSER])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .context("running initdb")?;
        ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn write_settings(&self) -> Result<()> {
        let fsync = if self.options.fsync { "on" } else { "off" };
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n\
             wal_level = logical\nmax_replication_slots = 20\nmax_wal_senders = 20\n\
             max_worker_processes = 24\nmax_connections = 100\nshared_buffers = '128MB'\n\
             fsync = {fsync}\nfull_page_writes = {fsync}\npassword_encryption = 'scram-sha-256'\n\
             track_commit_timestamp = on\nlog_checkpoints = off\nlc_messages = 'C'\ntimezone = 'UTC'\n",
            self.port,
            self.folder.path().display(),
        );
        for (name, value) in &self.options.settings {
            writeln!(text, "{name} = '{}'", value.replace('\'', "''"))?;
        }
        let path = self.folder.path().join("lockstep.conf");
        fs::write(&path, text).context("writing settings")?;
        account::give(&path, self.account)?;
        let main = self.data().join("postgresql.conf");
        let include = format!("include '{}'\n", path.display());
        let has = fs::read_to_string(&main).context("reading postgresql.conf")?.contains(&include);
        if !has {
            fs::OpenOptions::new()
                .append(true)
                .open(&main)
                .and_then(|mut file| file.write_all(include.as_bytes()))
                .context("extending postgresql.conf")?;
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "the server runs already");
        let log =
            fs::OpenOptions::new().create(true).append(true).open(self.log_path()).context("opening the server log")?;
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("starting postgres")?;
        self.server = Some(child);
        let result = self.wait_ready();
        if result.is_err() {
            self.crash()?;
        }
        result
    }

    /// The server writes its state into the eighth line of its pid file.
    fn wait_ready(&mut self) -> Result<()> {
        let pid_file = self.data().join("postmaster.pid");
        let until = Instant::now() + START_WAIT;
        while Instant::now() < until {
            if let Some(child) = &mut self.server
                && let Some(status) = child.try_wait()?
            {
                self.server = None;
                bail!("postgres ended at once ({status}): {}", self.log_tail());
            }
            let text = fs::read_to_string(&pid_file).unwrap_or_default();
            let own = self.server.as_ref().map(|child| child.id().to_string());
            let ours = text.lines().next().map(str::trim) == own.as_deref();
            if ours && text.lines().nth(7).map(str::trim) == Some("ready") {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("postgres was not ready in time: {}", self.log_tail())
    }

    /// A fast, orderly stop. Connections are ended.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.server.take() else {
            return Ok(());
        };
        send(&child, Signal::Interrupt)?;
        let until = Instant::now() + STOP_WAIT;
        while Instant::now() < until {
            if child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.server = Some(child);
        self.crash()?;
        bail!("the server did not stop in time: {}", self.log_tail())
    }

    /// Kills every process of the server at once, as a power cut of the server
    /// program would (what the kernel has, it keeps).
    pub fn crash(&mut self) -> Result<()> {
        let Some(mut child) = self.server.take() else {
            return Ok(());
        };
        let pid = i32::try_from(child.id()).context("process id")?;
        let group = rustix::process::Pid::from_raw(pid).context("process id 0")?;
        // Backends put themselves into groups of their own: stop the parent
        // first so that it starts none, then end its children, then itself.
        let _ = rustix::process::kill_process(group, rustix::process::Signal::STOP);
        for backend in children_of(child.id()) {
            if let Some(backend) = rustix::process::Pid::from_raw(backend) {
                let _ = rustix::process::kill_process(backend, rustix::process::Signal::KILL);
            }
        }
        let _ = rustix::process::kill_process(group, rustix::process::Signal::KILL);
        child.wait().context("waiting for the killed server")?;
        Ok(())
    }

    /// Starts a stopped or crashed server again, on the same port and data.
    pub fn resume(&mut self) -> Result<()> {
        self.launch()
    }

    /// An orderly stop and a start.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.resume()
    }

    pub fn is_running(&self) -> bool {
        self.server.is_some()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Id of the server's first process, for measuring.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// With the password in it: for tools that take nothing else.
    pub fn url_with_password(&self, user: &str, database: &str) -> String {
        self.url_through(self.port, user, Some(PASSWORD), database)
    }

    /// Without the password.
    pub fn url(&self, user: &str, database: &str) -> String {
        self.url_through(self.port, user, None, database)
    }

    /// As [`Self::url`], through a proxy's port.
    pub fn url_through(&self, port: u16, user: &str, password: Option<&str>, database: &str) -> String {
        let password = password.map(|word| format!(":{word}")).unwrap_or_default();
        format!("postgres://{user}{password}@127.0.0.1:{port}/{database}")
    }

    /// A connection as the superuser. Ends when the client is dropped.
    pub async fn connect(&self, database: &str) -> Result<Client> {
        self.connect_as(SUPERUSER, database).await
    }

    /// As a role made with [`Self::create_role`].
    pub async fn connect_as(&self, user: &str, database: &str) -> Result<Client> {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user(user)
            .password(PASSWORD)
            .dbname(database)
            .connect_timeout(Duration::from_secs(10))
            .connect(NoTls)
            .await
            .with_context(|| format!("connecting to {database} as {user}"))?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Runs statements through `psql` as the superuser; returns unaligned rows.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        let mut child = self
            .command("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .arg("-h")
            .arg("127.0.0.1")
            .args(["-p", &self.port.to_string(), "-U", SUPERUSER, "-d", database])
            .env("PGPASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting psql")?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(sql.as_bytes()).context("writing to psql")?;
        }
        let output = child.wait_with_output().context("running psql")?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    pub fn create_database(&self, name: &str) -> Result<()> {
        self.psql(SUPERUSER, &format!("CREATE DATABASE \"{name}\"")).map(drop)
    }

    /// A role that may log in with the cluster's password. `rights`: further
    /// words of `CREATE ROLE`, such as `REPLICATION`.
    pub fn create_role(&self, name: &str, rights: &str) -> Result<()> {
        self.psql(SUPERUSER, &format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}' {rights}")).map(drop)
    }

    /// The end of the server's log, for error messages.
    pub fn log_tail(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        let from = bytes.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where the server logs to.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command.current_dir(self.folder.path());
        for name in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"] {
            command.env_remove(name);
        }
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.crash();
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok(listener.local_addr()?.port())
}

/// Process ids whose parent is `parent`, from `/proc`.
fn children_of(parent: u32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok())
        .filter(|pid| parent_of(Path::new("/proc"), *pid) == Some(parent))
        .collect()
}

fn parent_of(proc: &Path, pid: i32) -> Option<u32> {
    let stat = fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(1)?.parse().ok()
}
