//! Asking a token endpoint, and reading what it answers. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use zeroize::Zeroizing;

use super::scheme::Grant;
use crate::credentials::sign_rs256;

/// How long an assertion is good for: long enough for clocks that differ.
const ASSERTION_SECONDS: u64 = 180;

/// Longest text of an answer that is believed.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Answers that hold secrets, whatever a connector declares.
const SECRET_ANSWERS: [&str; 5] = ["access_token", "refresh_token", "id_token", "signature", "assertion"];

/// A token as it was answered.
pub(crate) struct Answered {
    pub(crate) token: Zeroizing<String>,
    /// `None`: it does not say.
    pub(crate) good_for: Option<Duration>,
    /// In place of the refresh token that was used, which may be good no longer.
    pub(crate) refresh_token: Option<Zeroizing<String>>,
    /// The texts among what else was said.
    pub(crate) answers: Vec<(String, String)>,
}

/// The form that asks for a token.
///
/// # Errors
/// Words for the operator.
pub(crate) fn form(
    grant: &Grant,
    client_id: &str,
    scope: &str,
    refresh_token: Option<&str>,
    now: SystemTime,
) -> Result<Zeroizing<String>, String> {
    let mut form = Form::default();
    match grant {
        Grant::ClientCredentials { client_secret } => {
            form.add("grant_type", "client_credentials");
            form.add("client_id", client_id);
            form.add("client_secret", client_secret);
        }
        Grant::JwtBearer { private_key, subject, audience } => {
            form.add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
            form.add("assertion", &assertion(client_id, subject, audience, private_key, now)?);
        }
        Grant::RefreshToken { client_secret, refresh_token: configured } => {
            form.add("grant_type", "refresh_token");
            form.add("client_id", client_id);
            if let Some(client_secret) = client_secret {
                form.add("client_secret", client_secret);
            }
            form.add("refresh_token", refresh_token.unwrap_or(configured));
        }
    }
    if !scope.is_empty() {
        form.add("scope", scope);
    }
    Ok(form.0)
}

/// A signed assertion (RFC 7523).
fn assertion(issuer: &str, subject: &str, audience: &str, key: &str, now: SystemTime) -> Result<String, String> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = serde_json::json!({ "iss": issuer, "sub": subject, "aud": audience, "iat": now, "exp": now + ASSERTION_SECONDS });
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = sign_rs256(key, signed.as_bytes()).map_err(|why| format!("the private key {why}"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Read a token endpoint's success answer.
///
/// # Errors
/// Words for the operator.
pub(crate) fn read(body: &[u8]) -> Result<Answered, String> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| "the answer is no JSON".to_owned())?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let token = text("access_token").ok_or("the answer holds no access_token")?;
    if token.len() > TEXT_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the access_token is none that can be sent".into());
    }
    if let Some(kind) = text("token_type")
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return Err(format!("tokens of the type {} are not known here", crate::lines::printable(kind, 40)));
    }
    let seconds = answer.get("expires_in").and_then(|value| match value {
        Value::Number(number) => number.as_u64(),
        // Some write it as text.
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let is_told = |name: &str, value: &str| !SECRET_ANSWERS.contains(&name) && value.len() <= TEXT_BYTES_MAX;
    let answers = answer.as_object().into_iter().flatten();
    Ok(Answered {
        token: Zeroizing::new(token.to_owned()),
        good_for: seconds.map(Duration::from_secs),
        refresh_token: text("refresh_token").map(|token| Zeroizing::new(token.to_owned())),
        answers: answers
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .filter(|(name, value)| is_told(name, value))
            .collect(),
    })
}

/// Why a token endpoint refuses, in its own words.
pub(crate) fn refusal(status: u16, body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let (code, words) = (text("error"), text("error_description"));
    // HubSpot says it in its own form.
    let words = if words.is_empty() { text("message") } else { words };
    let said = match (code, words) {
        ("", "") => String::new(),
        ("", words) | (words, "") => format!(": {words}"),
        (code, words) => format!(": {code}: {words}"),
    };
    crate::lines::printable(&format!("signing in was refused with status {status}{said}"), 500)
}

/// `application/x-www-form-urlencoded`.
#[derive(Default)]
struct Form(Zeroizing<String>);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        encode(value, &mut self.0);
    }
}

/// Percent-encode all but what never needs it.
pub(crate) fn encode(text: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => into.push(char::from(byte)),
            b' ' => into.push('+'),
            _ => {
                into.push('%');
                into.push(char::from(DIGITS[usize::from(byte >> 4)]));
                into.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_form_says_what_the_grant_is_and_hides_nothing_in_its_separators() {
        let secret = Arc::new(Zeroizing::new("a&b=c d%é".to_owned()));
        let grant = Grant::ClientCredentials { client_secret: secret };
        let form = form(&grant, "me", "one two", None, SystemTime::now()).expect("a form");
        assert_eq!(
            form.as_str(),
            "grant_type=client_credentials&client_id=me&client_secret=a%26b%3Dc+d%25%C3%A9&scope=one+two"
        );
    }

    #[test]
    fn the_latest_refresh_token_is_used() {
        let grant = Grant::RefreshToken { client_secret: None, refresh_token: Arc::new(Zeroizing::new("old".into())) };
        let latest = form(&grant, "me", "", Some("new"), SystemTime::now()).expect("a form");
        assert_eq!(latest.as_str(), "grant_type=refresh_token&client_id=me&refresh_token=new");
        let first = form(&grant, "me", "", None, SystemTime::now()).expect("a form");
        assert!(first.ends_with("refresh_token=old"));
    }

    #[test]
    fn an_answer_gives_a_token_and_what_else_it_says_but_secrets() {
        let body = br#"{"access_token":"t","expires_in":"1800","refresh_token":"r","instance_url":"https://a",
            "id_token":"x","signature":"y","issued_at":"1","scope":"api"}"#;
        let answered = read(body).expect("a token");
        assert_eq!((answered.token.as_str(), answered.good_for), ("t", Some(Duration::from_secs(1800))));
        assert_eq!(answered.refresh_token.as_deref().map(String::as_str), Some("r"));
        let names: Vec<&str> = answered.answers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["expires_in", "instance_url", "issued_at", "scope"]);
    }

    #[test]
    fn a_token_that_would_break_a_header_is_no_token() {
        for body in [
            r#"{"access_token":"a\r\nb"}"#,
            r#"{"access_token":""}"#,
            "{}",
            "hello",
            r#"{"access_token":"a","token_type":"mac"}"#,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let body = br#"{"error":"invalid_grant","error_description":"expired"}"#;
        assert_eq!(refusal(400, body), "signing in was refused with status 400: invalid_grant: expired");
        assert_eq!(refusal(401, b"<html>"), "signing in was refused with status 401");
    }
}
