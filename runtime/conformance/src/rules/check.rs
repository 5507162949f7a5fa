//! Whether `check` tells the truth: of a connection that works, of an object
//! that is not there, and of secrets that are wrong.

use lockstep_core::schema::CheckItem;
use lockstep_host::{HostError, Role};

use super::NO_OBJECT;
use crate::{
    bench::Bench,
    report::{Checked, Stop, expect, told},
    subject::Opening,
};

pub(crate) async fn works(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    let reader = bench.reader().await?;
    let items = reader.check(std::slice::from_ref(&scratch.object.name)).await?;
    expect(!items.is_empty(), "at least one item", || "none".into())?;
    for item in &items {
        let known = ["ok", "warn", "fail"].contains(&item.status.as_str());
        expect(known, "a status of ok, warn or fail", || format!("`{}` for {}", item.status, item.name))?;
        expect(!item.name.is_empty(), "a name for every item", || item.message.clone())?;
        expect(!item.message.is_empty(), "words for every item", || item.name.clone())?;
        let cured = item.status == "ok" || !item.remedy.is_empty();
        expect(cured, "a remedy for what is not ok", || format!("{}: {}", item.name, item.message))?;
    }
    match items.iter().find(|item| item.status == "fail") {
        None => Ok(()),
        Some(item) => {
            Err(Stop::failed("nothing in the way", format!("{}: {} ({})", item.name, item.message, item.remedy)))
        }
    }
}

pub(crate) async fn missing_object(bench: &mut Bench<'_>) -> Checked {
    let reader = bench.reader().await?;
    let expected = "an item that fails, or warns of this object, or the error `not-found`";
    match reader.check(&[NO_OBJECT.to_owned()]).await {
        // Only a warning where the connector could make it.
        Ok(items) if items.iter().any(|item| item.status == "warn" && names(item, NO_OBJECT)) => Ok(()),
        Ok(items) => is_bad(&items, expected),
        Err(HostError::Guest(error)) if error.code == "not-found" => Ok(()),
        Err(error) => Err(Stop::failed(expected, told(&error))),
    }
}

pub(crate) async fn wrong_secrets(bench: &mut Bench<'_>) -> Checked {
    if !bench.subject.has_secrets() {
        return Err(Stop::skip("the connection has no secrets"));
    }
    let expected = "a failed item, or the error `auth`";
    let session = match bench.subject.open(Role::Read, Opening::WrongSecrets).await {
        Ok(session) => session,
        // Such as a private key that is none: the host says so by itself.
        Err(HostError::SignIn { .. } | HostError::Config { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match session.check(&[]).await {
        Ok(items) => is_bad(&items, expected),
        Err(HostError::Guest(error)) if ["auth", "denied", "config"].contains(&error.code.as_str()) => Ok(()),
        Err(error) => Err(Stop::failed(expected, told(&error))),
    }
}

fn names(item: &CheckItem, object: &str) -> bool {
    item.name.contains(object) || item.message.contains(object)
}

fn is_bad(items: &[CheckItem], expected: &str) -> Checked {
    expect(items.iter().any(|item| item.status == "fail"), expected, || {
        let all: Vec<String> = items.iter().map(|item| format!("{} {}", item.name, item.status)).collect();
        if all.is_empty() { "no item".into() } else { all.join(", ") }
    })
}
