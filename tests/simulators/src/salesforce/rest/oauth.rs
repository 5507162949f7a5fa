//! The token endpoint: client credentials, JWT bearer, refresh token, and the
//! old user name and password.

use std::time::Duration;

use axum::http::HeaderMap;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Answer, bearer};
use crate::salesforce::state::{INTEGRATION_USER, PERSON, State};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The organisation's id, in addresses of identities.
const ORGANISATION: &str = "00DSm00000000001AAA";

type Form = [(String, String)];

/// Answers everything under `/services/oauth2/`.
pub fn token(state: &mut State, path: &str, headers: &HeaderMap, form: &Form, instance: &str) -> Answer {
    match path {
        "token" => grant(state, headers, form, instance).unwrap_or_else(|(error, description)| {
            Answer::json(400, json!({"error": error, "error_description": description}))
        }),
        "revoke" => {
            state.sessions.revoke_refresh(field(form, "token").unwrap_or_default());
            Answer::empty(200)
        }
        "userinfo" => userinfo(state, headers, instance),
        _ => Answer::json(404, json!({"error": "not_found", "error_description": "no such endpoint"})),
    }
}

fn field<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

type Refused = (&'static str, &'static str);

/// The client's name and secret, from Basic or from the body.
fn client(headers: &HeaderMap, form: &Form) -> (Option<String>, Option<String>) {
    let basic =
        headers.get("authorization").and_then(|own| own.to_str().ok()).and_then(|own| own.strip_prefix("Basic "));
    let basic = basic.and_then(|own| STANDARD.decode(own.trim()).ok()).and_then(|own| String::from_utf8(own).ok());
    if let Some((id, secret)) = basic.as_deref().and_then(|own| own.split_once(':')) {
        return (Some(id.to_owned()), Some(secret.to_owned()));
    }
    (field(form, "client_id").map(str::to_owned), field(form, "client_secret").map(str::to_owned))
}

fn grant(state: &mut State, headers: &HeaderMap, form: &Form, instance: &str) -> Result<Answer, Refused> {
    let (id, secret) = client(headers, form);
    let check = |needs_secret: bool| {
        if id.as_deref() != Some(state.settings.client_id.as_str()) {
            return Err(("invalid_client_id", "client identifier invalid"));
        }
        if (needs_secret || secret.is_some()) && secret.as_deref() != Some(state.settings.client_secret.as_str()) {
            return Err(("invalid_client", "invalid client credentials"));
        }
        Ok(())
    };
    let mut rotated = None;
    match field(form, "grant_type") {
        Some("client_credentials") => check(true)?,
        Some("password") => {
            check(true)?;
            let known = [INTEGRATION_USER, PERSON].contains(&field(form, "username").unwrap_or_default());
            if !known || field(form, "password") != Some(state.settings.password.as_str()) {
                return Err(("invalid_grant", "authentication failure"));
            }
        }
        Some("refresh_token") => {
            check(false)?;
            let token = field(form, "refresh_token").unwrap_or_default().to_owned();
            if !state.sessions.knows_refresh(&token) {
                return Err(("invalid_grant", "expired access/refresh token"));
            }
            if state.settings.rotates_refresh_tokens {
                state.sessions.revoke_refresh(&token);
                rotated = Some(state.sessions.grant_refresh());
            }
        }
        Some(JWT_BEARER) => assertion(state, field(form, "assertion").unwrap_or_default())?,
        _ => return Err(("unsupported_grant_type", "grant type not supported")),
    }
    Ok(opened(state, instance, rotated))
}

fn opened(state: &mut State, instance: &str, refresh: Option<String>) -> Answer {
    let now = state.clock.now();
    let life =
        SignedDuration::try_from(Duration::from_millis(state.settings.session_ms)).unwrap_or(SignedDuration::MAX);
    let ends = now.saturating_add(life).unwrap_or(jiff::Timestamp::MAX);
    let user = state.integration(String::new()).user;
    let mut body = json!({
        "access_token": state.sessions.open(ends),
        "signature": STANDARD.encode([7u8; 32]),
        "scope": "api refresh_token",
        "instance_url": instance,
        "id": format!("{instance}/id/{ORGANISATION}/{user}"),
        "token_type": "Bearer",
        "issued_at": now.as_millisecond().to_string(),
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    Answer::json(200, body).header("cache-control", "no-store")
}

/// A signed assertion: for our client, for a user we know, not over yet, and
/// signed with the key that was registered.
fn assertion(state: &State, jwt: &str) -> Result<(), Refused> {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
    let mut parts = jwt.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(("invalid_grant", "invalid assertion"));
    };
    let json_of = |part: &str| decode(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let (Some(head), Some(body)) = (json_of(header), json_of(claims)) else {
        return Err(("invalid_grant", "invalid assertion"));
    };
    if head["alg"] != "RS256" {
        return Err(("invalid_grant", "algorithm must be RS256"));
    }
    if body["iss"].as_str() != Some(state.settings.client_id.as_str()) {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    if body["sub"].as_str() != Some(INTEGRATION_USER) {
        return Err(("invalid_grant", "user hasn't approved this consumer"));
    }
    if body["aud"].as_str().is_none_or(|own| !own.starts_with("http")) {
        return Err(("invalid_grant", "audience is invalid"));
    }
    if body["exp"].as_i64().is_none_or(|ends| ends <= state.clock.now().as_second()) {
        return Err(("invalid_grant", "token expired"));
    }
    let key = state.settings.jwt_public_key_pem.as_deref().and_then(rsa_key);
    let signed = &jwt[..header.len() + 1 + claims.len()];
    let good = key.zip(decode(signature)).is_some_and(|(key, signature)| {
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, key);
        key.verify(signed.as_bytes(), &signature).is_ok()
    });
    if good { Ok(()) } else { Err(("invalid_grant", "invalid assertion")) }
}

/// The RSA key within a PEM file: as it is, or within `SubjectPublicKeyInfo`.
fn rsa_key(pem: &str) -> Option<Vec<u8>> {
    let inner: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(inner).ok()?;
    if pem.contains("BEGIN RSA PUBLIC KEY") {
        return Some(der);
    }
    let outer = element(&der, 0x30)?.0;
    let (_, rest) = element(outer, 0x30)?;
    let bits = element(rest, 0x03)?.0;
    bits.strip_prefix(&[0]).map(<[u8]>::to_vec)
}

/// The content of the DER element at the front, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().try_fold(0usize, |sum, digit| Some(sum.checked_mul(256)? + usize::from(*digit)))?, rest)
        }
    };
    rest.split_at_checked(length)
}

fn userinfo(state: &State, headers: &HeaderMap, instance: &str) -> Answer {
    let token = headers.get("authorization").and_then(|own| own.to_str().ok()).and_then(bearer);
    if !token.is_some_and(|token| state.sessions.is_open(token, state.clock.now())) {
        return Answer::json(403, json!("Bad_OAuth_Token"));
    }
    let user = state.integration(String::new()).user;
    Answer::json(
        200,
        json!({
            "sub": format!("{instance}/id/{ORGANISATION}/{user}"),
            "user_id": user,
            "organization_id": ORGANISATION,
            "preferred_username": INTEGRATION_USER,
        }),
    )
}
