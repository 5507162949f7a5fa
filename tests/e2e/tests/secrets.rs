//! Where secrets are while three systems are in step: on the wire in the
//! `Authorization` header alone, never in a component's memory, in the log, in
//! the state or in what the commands print.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{
    memory::Scan,
    ring::{CRM, DB, FIELDS, HUB, Ring, RingShape, email},
};
use lockstep_simulators::Seen;

/// Where the host itself asks for tokens: the connector sends nothing there.
const SIGN_IN: &str = "/oauth2/token";
const LOOKS: u32 = 4;

/// What must not be found, each with its name.
fn secrets(ring: &Ring) -> Result<Vec<(&'static str, String)>> {
    let environment = &ring.runtime.environment();
    let mut all: Vec<(&str, String)> = [
        ("the database's password", "E2E_PASSWORD"),
        ("Salesforce's client secret", "E2E_SECRET"),
        ("HubSpot's token", "E2E_TOKEN"),
        ("HubSpot's webhook secret", "E2E_HOOKS"),
    ]
    .into_iter()
    .map(|(what, name)| {
        let secret = environment.get(name).with_context(|| format!("{what}: {name} is not set"))?;
        Ok((what, secret.clone()))
    })
    .collect::<Result<_>>()?;
    let tokens = ring.org.with(|state| state.sessions.tokens().map(str::to_owned).collect::<Vec<_>>());
    all.extend(tokens.into_iter().map(|token| ("an access token of Salesforce", token)));
    Ok(all)
}

fn shows(seen: &Seen, secret: &str) -> bool {
    let headers = seen.headers.iter().map(|(_, value)| value);
    [&seen.path, &seen.query, &seen.body].into_iter().chain(headers).any(|text| text.contains(secret))
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_on_the_wire_in_one_header_and_never_with_a_component() -> Result<()> {
    let mut ring = Ring::in_step(&RingShape::default()).await?;
    let pid = ring.runtime.pid().context("it runs")?;
    let mut process_knew = 0;
    for round in 0..LOOKS {
        for (side, field) in [CRM, HUB, DB].into_iter().zip(&FIELDS[1..]) {
            ring.edit(side, &email(1 + round), field, &format!("{} secret {round}", field.name)).await?;
        }
        // Every token ends now and then: signing in anew is a moment like any other.
        ring.org.end_sessions();
        ring.settle().await?;
        let scan = Scan::of(pid)?;
        ensure!(
            scan.guests.len() >= 3,
            "{} components' memories: the scan looks in the wrong place",
            scan.guests.len()
        );
        // What a component is told is found: the scan sees what is there.
        for told in [ring.org.url(), ring.account.url()] {
            ensure!(scan.guests_hold(&told), "{told}, which a component knows, is not found in any");
        }
        for (what, secret) in secrets(&ring)? {
            ensure!(!scan.guests_hold(&secret), "{what} is in a component's memory");
            process_knew += usize::from(scan.process_holds(&secret));
        }
    }
    ensure!(process_knew > 0, "no secret is found even where the host keeps it: the scan cannot find any");
    check_traffic(&ring)?;
    check_what_is_written(&mut ring)?;
    ring.expect_nothing_lost().await?;
    Ok(())
}

fn check_traffic(ring: &Ring) -> Result<()> {
    let seen = [ring.org.traffic().seen(), ring.account.stage().traffic.seen()].concat();
    let sent: Vec<&Seen> = seen.iter().filter(|seen| !seen.path.ends_with(SIGN_IN)).collect();
    ensure!(sent.len() > 50, "only {} requests", sent.len());
    for (what, secret) in secrets(ring)? {
        let where_ = sent.iter().find(|seen| shows(seen, &secret));
        ensure!(where_.is_none(), "{what} is outside the header in {where_:?}");
    }
    Ok(())
}

fn check_what_is_written(ring: &mut Ring) -> Result<()> {
    let mut written = vec![("the log", fs::read(ring.runtime.log_path())?)];
    for path in ring.runtime.state_files().into_iter().filter(|path| path.is_file()) {
        written.push(("the state", fs::read(path)?));
    }
    for verb in ["status", "conflicts", "failures"] {
        written.push((verb, ring.runtime.call(verb, &["--json"])?.into_bytes()));
    }
    for (what, secret) in secrets(ring)? {
        for (place, bytes) in &written {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            ensure!(!found, "{what} is in {place}");
        }
    }
    // Nothing waits any more for a component that holds something.
    let status = ring.runtime.terminate(Duration::from_secs(60))?;
    ensure!(status.success(), "it ended with {status}");
    ring.runtime.start()
}
