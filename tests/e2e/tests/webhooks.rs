//! Webhooks into the real binary: nothing is acknowledged that is not safe on
//! disk, nothing acknowledged is lost, and strangers cannot hold the listener up.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::http::{Answer, free_port, request};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime};

const PATIENCE: Duration = Duration::from_secs(90);
const FAILPOINTS: &str = "LOCKSTEP_FAILPOINTS";

/// A system that only sends webhooks, a database, and a runtime between them.
struct Place {
    cluster: Cluster,
    runtime: Runtime,
    port: u16,
}

/// The test connector, from where `cargo xtask guests` puts it.
fn echo() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .map(|folder| folder.join("guests/echo.wasm"))
        .find(|path| path.is_file())
        .context("guests/echo.wasm is missing: run `cargo xtask guests`")
}

impl Place {
    fn new() -> Result<Self> {
        let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
        cluster.create_database("shop")?;
        cluster.psql("shop", "CREATE TABLE items (id bigint PRIMARY KEY, name text);")?;
        let port = free_port()?;
        let database = cluster.port();
        let echo = echo()?;
        let config = format!(
            "[connections.hook]\nconnector = \"{}\"\n\
             webhooks = {{ public_url = \"https://hooks.example.com/in\", body_max = \"64KiB\" }}\n\n\
             [connections.db]\nconnector = \"postgres\"\n\
             config = {{ url = \"postgres://postgres@127.0.0.1:{database}/shop\" }}\n\
             secrets = {{ password = \"env:SECRET\" }}\ngrant = [\"tcp:127.0.0.1:{database}\"]\n\n\
             [syncs.items]\nsides = {{ hook = \"items\", db = \"public.items\" }}\nmatch = [\"id\"]\n\
             conflict = \"hold\"\n\n\
             [syncs.items.fields]\nid = {{ hook = \"id\", db = \"id\" }}\nname = {{ hook = \"name\", db = \"name\" }}\n\n\
             [server]\nlisten = \"127.0.0.1:{port}\"\n",
            echo.display()
        );
        let launch = Launch::default().env("SECRET", cluster.password());
        let runtime = Runtime::new(&config, launch)?;
        Ok(Place { cluster, runtime, port })
    }

    /// Starts, and waits until webhooks are taken.
    fn start(&mut self) -> Result<()> {
        self.runtime.start()?;
        let port = self.port;
        self.runtime.wait_until("the sync to be live", PATIENCE, |runtime| {
            // Asked before it answers, `status` would open the state itself.
            let ready = request(port, "GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200);
            Ok(ready && runtime.call_json("status", &[])?["syncs"][0]["phase"] == "live")
        })
    }

    fn send(&self, body: &str) -> Result<Answer> {
        request(self.port, "POST", "/webhooks/hook?source=shop", &["X-Signature: good"], body.as_bytes())
    }

    fn wait_for_row(&mut self, id: u32) -> Result<()> {
        let cluster = &self.cluster;
        self.runtime.wait_until("the row to arrive", PATIENCE, |_| {
            Ok(cluster.psql("shop", &format!("SELECT count(*) FROM items WHERE id = {id}"))? == "1")
        })
    }

    /// Sends until it is taken, as a sender would.
    fn send_until_taken(&self, body: &str) -> Result<Answer> {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.send(body)?;
            if answer.status != 503 || Instant::now() > until {
                return Ok(answer);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_crash_and_what_was_not_comes_again() -> Result<()> {
    let mut place = Place::new()?;
    place.start()?;
    let taken = place.send_until_taken(r#"[{"id":1,"name":"Ann"}]"#)?;
    ensure!(taken.status == 200, "{taken:?}");
    ensure!(taken.body == "taken at https://hooks.example.com/in?source=shop", "{taken:?}");
    place.runtime.kill()?;
    place.start()?;
    place.wait_for_row(1)?;
    place.runtime.terminate(PATIENCE)?;

    place.runtime.launch_mut().environment.insert(FAILPOINTS.into(), "after-ingest=kill@1".into());
    place.start()?;
    let lost = place.send_until_taken(r#"[{"id":2,"name":"Bob"}]"#);
    ensure!(lost.is_err(), "killed before it was safe, and yet answered: {lost:?}");
    let status = place.runtime.wait_exit(PATIENCE)?;
    ensure!(!status.success(), "it ended by itself with {status}");
    place.runtime.launch_mut().environment.remove(FAILPOINTS);
    place.start()?;
    let again = place.send_until_taken(r#"[{"id":2,"name":"Bob"}]"#)?;
    ensure!(again.status == 200, "{again:?}");
    place.wait_for_row(2)?;
    ensure!(place.cluster.psql("shop", "SELECT count(*) FROM items")? == "2");
    Ok(())
}

#[test]
fn a_paused_sync_acknowledges_nothing_it_has_not_taken() -> Result<()> {
    let mut place = Place::new()?;
    place.start()?;
    place.runtime.call("pause", &["items"])?;
    let refused = place.send(r#"[{"id":1,"name":"Ann"}]"#)?;
    ensure!(refused.status == 503 && refused.body.contains("LS-API-007"), "{refused:?}");
    ensure!(refused.head.contains("retry-after: 5") && refused.head.contains("problem+json"), "{refused:?}");
    place.runtime.call("resume", &["items"])?;
    let taken = place.send_until_taken(r#"[{"id":1,"name":"Ann"}]"#)?;
    ensure!(taken.status == 200, "{taken:?}");
    place.wait_for_row(1)?;
    Ok(())
}

#[test]
fn strangers_are_refused_and_cannot_hold_the_listener_up() -> Result<()> {
    let mut place = Place::new()?;
    place.start()?;
    let mut slow = TcpStream::connect(("127.0.0.1", place.port))?;
    slow.write_all(b"POST /webhooks/hook HTTP/1.1\r\nhost: x\r\nx-slow: ")?;
    let begun = Instant::now();
    let unsigned = request(place.port, "POST", "/webhooks/hook", &[], br#"[{"id":9,"name":"Eve"}]"#)?;
    ensure!(unsigned.status == 401 && unsigned.body == "the signature is wrong", "{unsigned:?}");
    let nobody = request(place.port, "POST", "/webhooks/nobody", &[], b"")?;
    ensure!(nobody.status == 404 && nobody.body.contains("LS-API-004"), "{nobody:?}");
    let database = request(place.port, "POST", "/webhooks/db", &[], b"{}")?;
    ensure!(database.status == 404 && database.body.contains("LS-API-004"), "{database:?}");
    let large = request(place.port, "POST", "/webhooks/hook", &["x-signature: good"], &[b' '; 100_000])?;
    ensure!(large.status == 413 && large.body.contains("LS-API-005"), "{large:?}");
    let long = format!("x-long: {}", "a".repeat(100_000));
    let head = request(place.port, "GET", "/healthz", &[&long], b"");
    ensure!(head.as_ref().map_or(true, |answer| answer.status == 431), "{head:?}");
    let control = request(place.port, "POST", "/v1/status", &[], b"{}")?;
    ensure!(control.status == 404, "the control API is not for others: {control:?}");
    let flood: Vec<u16> = (0..300)
        .map(|_| request(place.port, "GET", "/webhooks/hook", &[], b"").map(|a| a.status))
        .collect::<Result<_>>()?;
    ensure!(flood.contains(&429) && flood.contains(&401), "{flood:?}");
    let metrics = request(place.port, "GET", "/metrics", &[], b"")?;
    for line in [
        "lockstep_webhooks_total{connection=\"hook\",outcome=\"too-large\"} 1",
        "lockstep_sync_phase{sync=\"items\",phase=\"live\"} 1",
        "lockstep_side_rows{sync=\"items\",side=\"db\",connection=\"db\"} 0",
        "lockstep_connection_traps_total{connection=\"hook\"} 0",
    ] {
        ensure!(metrics.body.contains(line), "{line} is missing in:\n{}", metrics.body);
    }
    slow.set_read_timeout(Some(PATIENCE))?;
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest);
    ensure!(begun.elapsed() < Duration::from_secs(60), "a head that never ends was borne for {:?}", begun.elapsed());
    ensure!(place.cluster.psql("shop", "SELECT count(*) FROM items")? == "0");
    Ok(())
}
