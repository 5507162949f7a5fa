//! Where the hostile guests run: one host, with the bounds that make them fail soon.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use lockstep_core::{
    change::{Cursor, Page, Selection},
    write::{Action, Intent, WriteRequest},
};
use lockstep_host::{
    ChangesRequest, Compiler, Component, ConnectionConfig, Host, HostError, HostOptions, Incident, Limits, Meter,
    PageRequest, Role, Session,
};

use crate::{
    guests::{connection, path},
    text,
};

/// Compiled guests, the same for all runs.
fn cache() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

pub struct Place {
    pub host: Host,
    pub hostile: Component,
    pub courier: Component,
    pub echo: Component,
    /// Of every session that was opened here, with its connection's name.
    meters: Mutex<Vec<(String, Meter)>>,
}

/// Bounds in which nothing takes long.
pub fn narrow() -> Limits {
    Limits {
        memory_bytes_max: 64 << 20,
        answer_bytes_max: 16 << 20,
        call_ms_max: 10_000,
        compute_ms_max: 300,
        backoff_ms: 1,
        ..Limits::default()
    }
}

/// The process that compiles: this program, told so.
pub fn compiler() -> Result<Compiler> {
    let program = std::env::current_exe().context("finding this program")?;
    Ok(Compiler { program, arguments: vec![crate::COMPILE.into()] })
}

impl Place {
    pub async fn new() -> Result<Self> {
        let options = HostOptions { cache_dir: Some(cache()), compiler: Some(compiler()?), ..HostOptions::default() };
        let host = Host::new(options)?;
        let load = async |name: &str| host.load_file(&path(name), None).await;
        let (hostile, courier, echo) = (load("hostile").await?, load("courier").await?, load("echo").await?);
        Ok(Place { host, hostile, courier, echo, meters: Mutex::default() })
    }

    /// A session with the hostile guest. The connection is called as the mode.
    pub async fn session(&self, mode: &str, change: impl FnOnce(&mut ConnectionConfig)) -> Result<Session> {
        let mut connection = connection(&format!(r#"{{"mode":"{mode}"}}"#));
        connection.name = mode.into();
        connection.limits = Some(narrow());
        change(&mut connection);
        self.open(&self.hostile, connection).await
    }

    /// A session with a guest written as text. The connection is called as it.
    pub async fn text(&self, name: &str, change: impl FnOnce(&mut Limits)) -> Result<Session> {
        let component = self.host.load(text::component(name)?, None).await?;
        let mut connection = connection("{}");
        connection.name = name.into();
        let mut limits = narrow();
        change(&mut limits);
        connection.limits = Some(limits);
        self.open(&component, connection).await
    }

    async fn open(&self, component: &Component, connection: ConnectionConfig) -> Result<Session> {
        let name = connection.name.clone();
        let session = component.open(Role::Read, connection).await?;
        self.meters.lock().expect("the meters").push((name, session.meter()));
        Ok(session)
    }

    /// That the bound was counted for the connection, as `/metrics` tells it.
    fn counted(&self, connection: &str, bound: &str) -> bool {
        let meters = self.meters.lock().expect("the meters");
        let mut own = meters.iter().filter(|(name, _)| name == connection);
        own.any(|(_, meter)| meter.bounds().contains_key(bound))
    }

    /// The operator is told: an entry with this code and bound, in words, and the bound is counted.
    pub fn told(&self, connection: &str, code: &str, bound: &str) -> Result<Incident> {
        let all = self.host.incidents(connection);
        let found = all.iter().rev().find(|one| one.code == code && one.bound == bound);
        let Some(incident) = found.cloned() else { bail!("{connection}: no {code} ({bound}) among {all:?}") };
        ensure!(!incident.what.is_empty(), "no words in {incident:?}");
        ensure!(bound.is_empty() || incident.remedy.contains(bound), "no line to write in {incident:?}");
        ensure!(bound.is_empty() || self.counted(connection, bound), "{bound} is not counted for {connection}");
        Ok(incident)
    }
}

pub async fn read(session: &Session) -> Result<Page, HostError> {
    read_after(session, b"").await
}

pub async fn read_after(session: &Session, after: &[u8]) -> Result<Page, HostError> {
    let selection = Selection { object: "x".into(), columns: vec!["a".into()] };
    session.read(&PageRequest { selection, after: Arc::from(after), rows_max: 10, bytes_max: 1000 }).await
}

pub async fn write(session: &Session, count: usize) -> Result<HostError> {
    let intent = Intent { action: Action::Create, key: None, cells: vec![], expected: vec![] };
    let request = WriteRequest {
        object: "x".into(),
        columns: Arc::from([]),
        intents: vec![intent; count],
        returning: Arc::from([]),
    };
    match session.write(&request).await {
        Ok(outcomes) => bail!("it was believed: {outcomes:?}"),
        Err(error) => Ok(error),
    }
}

pub async fn changes(session: &Session, after: &Cursor) -> Result<Cursor, HostError> {
    let request = ChangesRequest {
        selections: Arc::from([]),
        after: after.clone(),
        durable: after.clone(),
        records_max: 1,
        bytes_max: 1,
        wait_ms: 0,
    };
    session.changes(&request).await.map(|changes| changes.cursor)
}

/// The failure of a call that must not go well.
pub fn failed<T: std::fmt::Debug>(result: Result<T, HostError>) -> Result<HostError> {
    match result {
        Ok(value) => bail!("it went well: {value:?}"),
        Err(error) => Ok(error),
    }
}

/// That it failed this way, and says so with a bound to raise.
pub fn expect(error: &HostError, code: &str, bound: &str) -> Result<()> {
    ensure!((error.code(), error.bound()) == (code, bound), "{code} ({bound}) expected, not {error:?}");
    Ok(())
}

/// The instance that failed is gone, the next one works, and goes on where the last one began.
pub async fn works_again(session: &Session) -> Result<()> {
    let items = tokio::time::timeout(Duration::from_secs(20), session.check(&[])).await??;
    ensure!(items[0].message == "1", "the instance that failed lives on: {items:?}");
    Ok(())
}
