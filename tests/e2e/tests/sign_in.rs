//! Signing in at the vendors by each way there is, in the real binary: tokens are
//! had, renewed when they end, and survive a crash, refresh tokens that change
//! with every use included.

use anyhow::{Result, ensure};
use lockstep_e2e::ring::{CRM, DB, FIELDS, HUB, Ring, RingShape, SignIn, email};

/// Edits at all three while every token ends again and again, and a crash.
async fn through_ended_tokens(sign_in: SignIn) -> Result<Ring> {
    let mut ring = Ring::in_step(&RingShape { sign_in, ..RingShape::default() }).await?;
    for round in 1..=3 {
        ring.org.end_sessions();
        ring.account.expire_tokens();
        for (side, field) in [CRM, HUB, DB].into_iter().zip(&FIELDS[1..]) {
            ring.edit(side, &email(round), field, &format!("{} round {round}", field.name)).await?;
        }
        ring.settle().await?;
        if round == 2 {
            ring.runtime.kill()?;
            ring.runtime.start()?;
        }
    }
    ring.expect_nothing_lost().await?;
    Ok(ring)
}

/// How often a kind of token was asked for.
fn asked(ring: &Ring, grant: &str) -> (usize, usize) {
    let count = |seen: Vec<lockstep_simulators::Seen>| {
        seen.iter().filter(|seen| seen.path.ends_with("/token") && seen.body.contains(grant)).count()
    };
    (count(ring.org.traffic().seen()), count(ring.account.stage().traffic.seen()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_signed_by_the_host_gets_tokens_again_and_again() -> Result<()> {
    let ring = through_ended_tokens(SignIn::Jwt).await?;
    let (crm, _) = asked(&ring, "jwt-bearer");
    ensure!((4..=40).contains(&crm), "a token for each that ended, and no storm: {crm}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_that_change_with_every_use_are_not_lost_in_a_crash() -> Result<()> {
    let ring = through_ended_tokens(SignIn::Refresh).await?;
    let (crm, hub) = asked(&ring, "grant_type=refresh_token");
    ensure!((4..=40).contains(&crm) && (4..=40).contains(&hub), "{crm} at Salesforce, {hub} at HubSpot");
    let first = ring.runtime.environment().get("E2E_REFRESH").cloned().unwrap_or_default();
    ensure!(!ring.org.with(|state| state.sessions.knows_refresh(&first)), "the configured one was never replaced");
    Ok(())
}
