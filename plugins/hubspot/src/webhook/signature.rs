//! Signature version 3 (vendor documentation, "validating requests"):
//! base64(HMAC-SHA256(secret, method + uri + body + timestamp)), not older than
//! five minutes. Rests on vendor documentation alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How old a request may be, and how far ahead of our clock.
const AGE_MAX_MS: i64 = 300_000;

/// What has to be signed, and what the signature should come to.
#[derive(Debug, PartialEq, Eq)]
pub struct Signed {
    pub message: Vec<u8>,
    pub signature: String,
}

/// Take apart a request's headers (names in any case).
///
/// # Errors
/// Why it cannot be HubSpot's.
pub fn signed(
    headers: &[(String, String)],
    method: &str,
    uri: &str,
    body: &[u8],
    now_ms: i64,
) -> Result<Signed, &'static str> {
    let header = |name: &str| {
        headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let signature = header("x-hubspot-signature-v3").ok_or("the request is not signed")?;
    let timestamp = header("x-hubspot-request-timestamp").ok_or("the request has no timestamp")?;
    let sent_ms: i64 = timestamp.trim().parse().map_err(|_| "the request's timestamp is not a number")?;
    if now_ms.saturating_sub(sent_ms).saturating_abs() > AGE_MAX_MS {
        return Err("the request is too old");
    }
    let mut message = Vec::with_capacity(method.len() + uri.len() + body.len() + timestamp.len());
    message.extend_from_slice(method.as_bytes());
    message.extend_from_slice(decoded(uri).as_bytes());
    message.extend_from_slice(body);
    message.extend_from_slice(timestamp.as_bytes());
    Ok(Signed { message, signature: signature.trim().to_owned() })
}

/// Whether the signature is the one that the secret gives. Takes the same time
/// wherever the two differ.
pub fn verify(signature: &str, hmac: &[u8]) -> bool {
    let right = STANDARD.encode(hmac);
    let (right, given) = (right.as_bytes(), signature.as_bytes());
    let mut difference = right.len() ^ given.len();
    for (at, byte) in right.iter().enumerate() {
        difference |= usize::from(byte ^ given.get(at).copied().unwrap_or(0));
    }
    difference == 0
}

/// HubSpot decodes these, and only these, before it signs.
fn decoded(uri: &str) -> String {
    const PAIRS: [(&str, &str); 13] = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2A", "*"),
        ("%2C", ","),
        ("%3B", ";"),
        ("%7E", "~"),
    ];
    let mut out = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(at) = rest.find('%') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let code = rest.get(at..at + 3);
        let pair = PAIRS.iter().find(|(known, _)| code.is_some_and(|code| code.eq_ignore_ascii_case(known)));
        let (text, length) = match pair {
            Some((_, plain)) => (*plain, 3),
            None => ("%", 1),
        };
        out.push_str(text);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(signature: &str, timestamp: &str) -> Vec<(String, String)> {
        vec![
            ("X-HubSpot-Signature-v3".into(), signature.into()),
            ("X-HubSpot-Request-Timestamp".into(), timestamp.into()),
        ]
    }

    #[test]
    fn method_uri_body_and_timestamp_are_signed_in_this_order() {
        let signed = signed(&headers("c2ln", "1000"), "POST", "https://a.example/h%3Fb?x=%20", b"[]", 2_000);
        let signed = signed.expect("in time");
        assert_eq!(signed.message, b"POSThttps://a.example/h?b?x=%20[]1000");
        assert_eq!(signed.signature, "c2ln");
    }

    #[test]
    fn what_is_not_signed_or_not_in_time_is_refused() {
        assert!(signed(&[], "POST", "u", b"", 0).is_err());
        assert!(signed(&headers("s", "x"), "POST", "u", b"", 0).is_err());
        assert!(signed(&headers("s", "0"), "POST", "u", b"", 300_001).is_err());
        assert!(signed(&headers("s", "300001"), "POST", "u", b"", 0).is_err());
        assert!(signed(&headers("s", "0"), "POST", "u", b"", 300_000).is_ok());
    }

    #[test]
    fn only_the_whole_signature_fits() {
        let hmac = [7_u8; 32];
        let right = STANDARD.encode(hmac);
        assert!(verify(&right, &hmac));
        for wrong in ["", "AAAA", &right[..right.len() - 1], &format!("{right}=")] {
            assert!(!verify(wrong, &hmac), "{wrong}");
        }
    }
}
