//! Taking secrets out of answers before a guest or a log sees them. A system
//! that echoes what it was sent must not hand it to the sandbox. Pure.
//!
//! A short secret cannot be told from data that happens to hold the same letters,
//! and to alter data would be worse: bodies are searched for long ones only.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use http::{HeaderMap, HeaderValue};
use memchr::memmem;
use zeroize::Zeroizing;

use super::auth::encode;

/// Shorter secrets are not looked for in bodies.
const IN_BODIES_BYTES_MIN: usize = 12;

/// Shorter secrets are not looked for at all.
const IN_HEADERS_BYTES_MIN: usize = 6;

const SCRUBBED: &str = "[scrubbed]";

/// What is looked for: secrets in every form in which they travel.
#[derive(Default)]
pub(crate) struct Needles(Vec<Zeroizing<String>>);

impl Needles {
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() < IN_HEADERS_BYTES_MIN {
            return;
        }
        let mut forms = vec![secret.to_owned()];
        let json = serde_json::Value::from(secret).to_string();
        forms.push(json.trim_matches('"').to_owned());
        forms.push(json.trim_matches('"').replace('/', "\\/"));
        let mut encoded = String::new();
        encode(secret, &mut encoded);
        forms.push(encoded.replace('+', "%20"));
        forms.push(encoded);
        forms.push(STANDARD_NO_PAD.encode(secret));
        forms.push(URL_SAFE_NO_PAD.encode(secret));
        for form in forms.into_iter().map(Zeroizing::new) {
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
    }

    /// How often something was found, and is there no longer.
    pub(crate) fn scrub_body(&self, body: &mut Vec<u8>) -> usize {
        let needles = self.0.iter().filter(|needle| needle.len() >= IN_BODIES_BYTES_MIN);
        needles.map(|needle| replace(body, needle.as_bytes())).sum()
    }

    /// How often something was found, and is there no longer.
    pub(crate) fn scrub_headers(&self, headers: &mut HeaderMap) -> usize {
        let mut found = 0;
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            let here: usize = self.0.iter().map(|needle| replace(&mut bytes, needle.as_bytes())).sum();
            if here > 0 {
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static(SCRUBBED));
                found += here;
            }
        }
        found
    }

    /// Words without what must not be in them.
    pub(crate) fn scrub_words(&self, words: String) -> String {
        let mut bytes = words.into_bytes();
        for needle in &self.0 {
            replace(&mut bytes, needle.as_bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn replace(bytes: &mut Vec<u8>, needle: &[u8]) -> usize {
    let found: Vec<usize> = memmem::find_iter(bytes, needle).collect();
    if found.is_empty() {
        return 0;
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in &found {
        clean.extend_from_slice(&bytes[from..*at]);
        clean.extend_from_slice(SCRUBBED.as_bytes());
        from = at + needle.len();
    }
    clean.extend_from_slice(&bytes[from..]);
    *bytes = clean;
    found.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_it_travels_in() {
        let secret = "p/ss \"word\" & more";
        let mut needles = Needles::default();
        needles.add(secret);
        for form in [
            secret.to_owned(),
            serde_json::json!({ "echo": secret }).to_string(),
            "x=p%2Fss+%22word%22+%26+more&y".to_owned(),
            "x=p%2Fss%20%22word%22%20%26%20more&y".to_owned(),
            format!("Basic {}", STANDARD_NO_PAD.encode(secret)),
        ] {
            let mut body = form.clone().into_bytes();
            assert_eq!(needles.scrub_body(&mut body), 1, "{form}");
            assert!(String::from_utf8_lossy(&body).contains(SCRUBBED));
        }
    }

    #[test]
    fn data_that_looks_like_a_short_secret_is_left_alone() {
        let mut needles = Needles::default();
        needles.add("sesame");
        let mut body = b"open sesame, please".to_vec();
        assert_eq!(needles.scrub_body(&mut body), 0);
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", HeaderValue::from_static("open sesame"));
        assert_eq!(needles.scrub_headers(&mut headers), 1);
        assert_eq!(headers["x-echo"], "open [scrubbed]");
    }
}
