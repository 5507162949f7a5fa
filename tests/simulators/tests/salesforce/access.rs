//! Getting in, staying in, and the limits of it.

use std::time::Duration;

use anyhow::{Context, Result};
use lockstep_simulators::Rule;
use lockstep_simulators::salesforce::{Options, Settings, refusal_fault};
use serde_json::json;

use crate::caller::Caller;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn client_credentials_open_a_session_that_ends() -> Result<()> {
    let mut caller = Caller::new()?;
    let body = "grant_type=client_credentials&client_id=lockstep-client&client_secret=lockstep-secret";
    let heard = caller.call("POST", "/services/oauth2/token", &[FORM], body)?;
    assert_eq!(heard.status, 200, "{heard:?}");
    let token = heard.json()?;
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["instance_url"], caller.org.url());
    assert!(token.get("refresh_token").is_none(), "this grant gives none");
    caller.token = token["access_token"].as_str().context("a token")?.to_owned();
    assert_eq!(caller.get("limits")?.status, 200);

    caller.org.clock().advance(Duration::from_secs(2 * 60 * 60));
    let heard = caller.get("limits")?;
    assert_eq!(heard.status, 401);
    let expired = json!([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]);
    assert_eq!(heard.json()?, expired);

    let basic = ("authorization", "Basic bG9ja3N0ZXAtY2xpZW50Ondyb25n");
    let heard = caller.call("POST", "/services/oauth2/token", &[FORM, basic], "grant_type=client_credentials")?;
    assert_eq!((heard.status, &heard.json()?["error"]), (400, &json!("invalid_client")));
    Ok(())
}

#[test]
fn a_refresh_token_is_rotated_and_the_old_one_is_void() -> Result<()> {
    let caller = Caller::new()?;
    let refresh = |token: &str| {
        let body = format!("grant_type=refresh_token&client_id=lockstep-client&refresh_token={token}");
        caller.call("POST", "/services/oauth2/token", &[FORM], &body)
    };
    let first = caller.org.refresh_token();
    let heard = refresh(&first)?;
    let second = heard.json()?["refresh_token"].as_str().context("a new one")?.to_owned();
    assert_ne!(first, second);
    let heard = refresh(&first)?;
    assert_eq!((heard.status, &heard.json()?["error"]), (400, &json!("invalid_grant")));
    assert_eq!(refresh(&second)?.status, 200);
    Ok(())
}

#[test]
fn the_day_and_the_concurrent_requests_are_limited_and_counted() -> Result<()> {
    let settings = Settings { api_calls_max: 3, ..Settings::default() };
    let caller = Caller::start(Options { settings, ..Options::default() })?;
    for _ in 0..3 {
        assert_eq!(caller.get("limits")?.status, 200);
    }
    let heard = caller.get("limits")?;
    assert_eq!((heard.status, heard.code()?.as_str()), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(heard.header("sforce-limit-info"), Some("api-usage=3/3"));
    assert_eq!(caller.org.usage().limit_errors, 1);
    caller.org.clock().advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(caller.get("limits")?.status, 200, "a new day");

    let settings = Settings { concurrent_max: 1, long_running_ms: 0, latency_ms: 300, ..Settings::default() };
    let caller = Caller::start(Options { settings, ..Options::default() })?;
    let (left, right) = std::thread::scope(|scope| {
        let left = scope.spawn(|| caller.get("limits"));
        std::thread::sleep(Duration::from_millis(100));
        (caller.get("limits"), left.join())
    });
    assert_eq!(left?.code()?, "REQUEST_LIMIT_EXCEEDED");
    assert_eq!(right.map_err(|_| anyhow::anyhow!("panicked"))??.status, 200);
    Ok(())
}

#[test]
fn faults_answer_in_the_vendors_shape() -> Result<()> {
    let caller = Caller::new()?;
    let fault = refusal_fault(503, "SERVER_UNAVAILABLE", "Server unavailable");
    caller.org.faults().inject(Rule::next("/query", fault));
    let heard = caller.get("query?q=SELECT+Id+FROM+Account")?;
    assert_eq!((heard.status, heard.code()?.as_str()), (503, "SERVER_UNAVAILABLE"));
    assert_eq!(caller.get("query?q=SELECT+Id+FROM+Account")?.status, 200);
    Ok(())
}

#[test]
fn versions_are_told_without_a_session_and_unknown_ones_refused() -> Result<()> {
    let mut caller = Caller::new()?;
    assert_eq!(caller.get("/services/data/v99.0/limits")?.status, 404);
    caller.token = "nothing".into();
    let versions = caller.get("/services/data")?.json()?;
    let newest = versions.as_array().and_then(|all| all.last()).context("a version")?.clone();
    assert_eq!((&newest["version"], &newest["url"]), (&json!("67.0"), &json!("/services/data/v67.0")));
    Ok(())
}
