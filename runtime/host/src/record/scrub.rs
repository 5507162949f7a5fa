//! Keeps secrets out of a recording, and what was derived from them by which a
//! short one could be guessed. Each is replaced by a stand-in as long as itself, everywhere
//! and always the same, so that lengths and comparisons in a protocol still hold.

use std::collections::BTreeMap;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use memchr::memmem;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    body::Body,
    event::{Event, HttpAnswer},
};
use crate::{credentials::hex, http::encode};

/// Shorter secrets are not looked for: they would be found where they are not.
const SECRET_BYTES_MIN: usize = 6;

/// What is looked for, longest first, and what stands there instead.
#[derive(Default)]
pub(crate) struct StandIns(Vec<(Zeroizing<Vec<u8>>, Vec<u8>)>);

impl StandIns {
    /// A configured secret, in every form it travels in.
    pub(crate) fn secret(&mut self, secret: &str) {
        if secret.len() < SECRET_BYTES_MIN {
            return;
        }
        let mut encoded = String::new();
        encode(secret, &mut encoded);
        let json = Value::from(secret).to_string().trim_matches('"').to_owned();
        let forms = [
            secret.to_owned(),
            json.replace('/', "\\/"),
            json,
            encoded.replace('+', "%20"),
            encoded,
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            hex(secret.as_bytes()),
        ];
        for form in forms {
            let stand_in = vec![b'x'; form.len()];
            self.add(form.into_bytes(), stand_in);
        }
    }

    /// What an operation on a secret gave: a proof or a signature. Answers the stand-in.
    pub(crate) fn derived(&mut self, value: &[u8], serial: u64) -> Vec<u8> {
        let stand_in = stand_in(value, serial);
        type Form = fn(&[u8]) -> Vec<u8>;
        let forms: [Form; 5] = [
            <[u8]>::to_vec,
            |bytes| STANDARD.encode(bytes).into_bytes(),
            |bytes| STANDARD_NO_PAD.encode(bytes).into_bytes(),
            |bytes| URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
            |bytes| hex(bytes).into_bytes(),
        ];
        for form in forms {
            self.add(form(value), form(&stand_in));
        }
        stand_in
    }

    fn add(&mut self, found: Vec<u8>, stand_in: Vec<u8>) {
        if !self.0.iter().any(|(known, _)| **known == found) {
            self.0.push((Zeroizing::new(found), stand_in));
            self.0.sort_by_key(|(found, _)| std::cmp::Reverse(found.len()));
        }
    }

    /// All that another one looks for, too.
    pub(crate) fn take_over(&mut self, other: &StandIns) {
        for (found, stand_in) in &other.0 {
            self.add(found.to_vec(), stand_in.clone());
        }
    }

    fn bytes(&self, bytes: &mut [u8]) {
        for (needle, stand_in) in &self.0 {
            let places: Vec<usize> = memmem::find_iter(bytes, needle.as_slice()).collect();
            for at in places {
                if let Some(place) = bytes.get_mut(at..at + needle.len()) {
                    place.copy_from_slice(stand_in);
                }
            }
        }
    }

    /// In the end of bytes that were cut there, perhaps in the middle of what is looked for.
    fn cut_end(&self, bytes: &mut [u8]) {
        for (needle, stand_in) in &self.0 {
            let begun = (SECRET_BYTES_MIN..needle.len().min(bytes.len() + 1))
                .rev()
                .find(|begun| needle.get(..*begun).is_some_and(|part| bytes.ends_with(part)));
            let Some(begun) = begun else { continue };
            let from = bytes.len() - begun;
            if let (Some(end), Some(part)) = (bytes.get_mut(from..), stand_in.get(..begun)) {
                end.copy_from_slice(part);
            }
        }
    }

    fn body(&self, body: &mut Body) {
        self.bytes(&mut body.held);
        if body.cut.is_some() {
            self.cut_end(&mut body.held);
        }
    }

    fn text(&self, text: &mut String) {
        let mut bytes = std::mem::take(text).into_bytes();
        self.bytes(&mut bytes);
        *text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    }

    /// In every text and every list of bytes of a packed value.
    pub(crate) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    match (name.as_str(), &mut *value) {
                        ("$base64" | "base64", Value::String(text)) => {
                            if let Ok(mut bytes) = STANDARD.decode(text.as_bytes()) {
                                self.bytes(&mut bytes);
                                *text = STANDARD.encode(bytes);
                            }
                        }
                        _ => self.value(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// In bytes that crossed in parts: each direction of each connection is searched as a whole.
    pub(crate) fn wires<'e>(&self, events: impl Iterator<Item = &'e mut Event>) {
        let mut ways: BTreeMap<(u32, bool), Vec<&mut Body>> = BTreeMap::new();
        for event in events {
            match event {
                Event::Sent { wire, bytes } => ways.entry((*wire, true)).or_default().push(bytes),
                Event::Received { wire, bytes } => ways.entry((*wire, false)).or_default().push(bytes),
                Event::Http { body, answer, .. } => {
                    body.iter_mut().for_each(|body| self.body(body));
                    if let Some(HttpAnswer::Answered { body, .. }) = answer {
                        self.body(body);
                    }
                }
                _ => {}
            }
        }
        for parts in ways.into_values() {
            let mut whole: Vec<u8> = parts.iter().flat_map(|part| part.held.iter().copied()).collect();
            self.bytes(&mut whole);
            let mut from = 0;
            for part in parts {
                let to = from + part.held.len();
                if let Some(clean) = whole.get(from..to) {
                    part.held.copy_from_slice(clean);
                }
                if part.cut.is_some() {
                    self.cut_end(&mut part.held);
                }
                from = to;
            }
        }
    }
}

/// Tells nothing of the value but how long it is; a text stays a text of the same alphabet.
fn stand_in(value: &[u8], serial: u64) -> Vec<u8> {
    let mut made = Vec::with_capacity(value.len());
    let mut block: u64 = 0;
    while made.len() < value.len() {
        let hash = Sha256::new()
            .chain_update(b"lockstep stand-in")
            .chain_update(serial.to_be_bytes())
            .chain_update(block.to_be_bytes())
            .finalize();
        made.extend_from_slice(&hash);
        block += 1;
    }
    made.truncate(value.len());
    if let Ok(text) = std::str::from_utf8(value) {
        // As PostgreSQL's: `md5` and hexadecimal digits.
        let digits: Vec<u8> = hex(&made).into_bytes();
        return text
            .bytes()
            .zip(digits)
            .enumerate()
            .map(|(at, (own, digit))| if at < 3 { own } else { digit })
            .collect();
    }
    made
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_replaced_by_as_many_bytes_in_every_form() {
        let mut stand_ins = StandIns::default();
        stand_ins.secret("p/ss \"word\"");
        let mut value =
            json!({ "a": "p/ss \"word\"", "b": { "$base64": STANDARD.encode(b"\xffp/ss \"word\"") }, "c": 1 });
        stand_ins.value(&mut value);
        assert_eq!(value["a"], "x".repeat(11));
        assert_eq!(value["b"]["$base64"], STANDARD.encode(b"\xffxxxxxxxxxxx"));
        let mut url = "token=p%2Fss+%22word%22&x".to_owned();
        stand_ins.text(&mut url);
        assert_eq!(url, format!("token={}&x", "x".repeat("p%2Fss+%22word%22".len())));
    }

    #[test]
    fn no_beginning_of_a_secret_is_left_where_a_body_was_cut() {
        let mut stand_ins = StandIns::default();
        stand_ins.secret("hunter2hunter2");
        for (cut, left) in [(10, "it is hunt"), (12, "it is xxxxxx"), (19, "it is xxxxxxxxxxxxx"), (40, "")] {
            let whole = b"it is hunter2hunter2, is it not";
            let mut body = Body::new(whole, cut);
            stand_ins.body(&mut body);
            let shown = String::from_utf8_lossy(&body.held);
            assert!(if left.is_empty() { !shown.contains("hunter") } else { shown == left }, "{cut}: {shown}");
        }
    }

    #[test]
    fn a_proof_is_replaced_in_what_was_sent_even_where_it_was_sent_in_parts() {
        let mut stand_ins = StandIns::default();
        let proof = [200_u8; 32];
        let stand_in = stand_ins.derived(&proof, 0);
        assert_ne!(stand_in, proof);
        let sent = format!("p={}", STANDARD.encode(proof));
        let (a, b) = sent.as_bytes().split_at(10);
        let part = |bytes: &[u8]| Event::Sent { wire: 1, bytes: Body::new(bytes, 1000) };
        let mut events = [part(a), part(b)];
        stand_ins.wires(events.iter_mut());
        let joined: Vec<u8> = events
            .iter()
            .flat_map(|event| match event {
                Event::Sent { bytes, .. } => bytes.held.clone(),
                _ => Vec::new(),
            })
            .collect();
        assert_eq!(String::from_utf8_lossy(&joined), format!("p={}", STANDARD.encode(stand_in)));
        let text = stand_in_text(b"md5900150983cd24fb0d6963f7d28e17f72");
        assert!(text.starts_with("md5") && text.len() == 35, "{text}");
    }

    fn stand_in_text(value: &[u8]) -> String {
        String::from_utf8(stand_in(value, 1)).expect("a text")
    }
}
