//! Loading the test guests.

use std::path::PathBuf;

use lockstep_host::{Component, ConnectionConfig, Host, HostOptions, Limits, Role, Session};
use tokio::sync::OnceCell;

/// Where `cargo xtask guests` put a component.
pub fn path(name: &str) -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("..");
    let path = target.join("guests").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing: run `cargo xtask guests` first", path.display());
    path
}

/// A host whose cache all tests share.
pub fn host() -> Host {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    Host::new(HostOptions { cache_dir: Some(cache), ..HostOptions::default() }).expect("a host")
}

pub async fn load(name: &str) -> Component {
    host().load_file(&path(name), None).await.expect("a component")
}

pub async fn echo() -> Component {
    static ECHO: OnceCell<()> = OnceCell::const_new();
    ECHO.get_or_init(async || drop(load("echo").await)).await;
    load("echo").await
}

pub fn connection(config: &str) -> ConnectionConfig {
    ConnectionConfig::new("test", serde_json::from_str(config).expect("JSON"))
}

/// A session with the hostile guest, failing fast.
pub async fn hostile(mode: &str, change: impl FnOnce(&mut ConnectionConfig)) -> Session {
    let mut connection = connection(&format!(r#"{{"mode":"{mode}"}}"#));
    connection.limits = Some(Limits {
        call_ms_max: 20_000,
        compute_ms_max: 300,
        backoff_ms: 1,
        memory_bytes_max: 64 << 20,
        ..Limits::default()
    });
    change(&mut connection);
    load("hostile").await.open(Role::Read, connection).await.expect("a session")
}
