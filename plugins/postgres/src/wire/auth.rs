//! Log-in. The password never enters: the host works out SCRAM proofs and md5
//! answers; this module only builds what they are computed over (RFC 5802).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::failure::{Failure, Result};
use crate::platform::Platform;

/// The name of the secret that `Platform` answers for.
pub const SECRET: &str = "password";
/// More iterations than this would only burn the host's time.
const ITERATIONS_MAX: u32 = 10_000_000;

const PLAIN: &str = "SCRAM-SHA-256";
const BOUND: &str = "SCRAM-SHA-256-PLUS";

/// A SCRAM-SHA-256 exchange between its messages.
pub struct Scram {
    mechanism: &'static str,
    gs2_header: &'static str,
    binding: Vec<u8>,
    nonce: String,
    server_signature: Vec<u8>,
}

impl Scram {
    /// Choose the mechanism: bound to the TLS channel when both ends can.
    pub fn new(offered: &[&str], binding: Option<Vec<u8>>, random: &[u8]) -> Result<Self> {
        let (mechanism, gs2_header, binding) = match binding {
            Some(data) if offered.contains(&BOUND) => (BOUND, "p=tls-server-end-point,,", data),
            // `y` tells the server that we could have bound: it will notice a downgrade.
            Some(_) if offered.contains(&PLAIN) => (PLAIN, "y,,", Vec::new()),
            None if offered.contains(&PLAIN) => (PLAIN, "n,,", Vec::new()),
            _ => {
                return Err(Failure::Auth(format!("the server only offers the log-in methods {}", offered.join(", "))));
            }
        };
        Ok(Scram { mechanism, gs2_header, binding, nonce: BASE64.encode(random), server_signature: Vec::new() })
    }

    pub fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// PostgreSQL ignores the user name in here and takes the startup message's.
    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    pub fn client_first(&self) -> String {
        format!("{}{}", self.gs2_header, self.first_bare())
    }

    /// Answer the server's first message.
    pub fn client_final(&mut self, server_first: &str, platform: &dyn Platform) -> Result<String> {
        let bad = || Failure::Auth("the server's SCRAM challenge is malformed".into());
        let mut nonce = None;
        let mut salt = None;
        let mut iterations = None;
        for part in server_first.split(',') {
            match part.split_once('=') {
                Some(("r", value)) => nonce = Some(value),
                Some(("s", value)) => salt = BASE64.decode(value).ok(),
                Some(("i", value)) => iterations = value.parse::<u32>().ok(),
                _ => {}
            }
        }
        let nonce = nonce.ok_or_else(bad)?;
        let salt = salt.ok_or_else(bad)?;
        let iterations = iterations.filter(|count| (1..=ITERATIONS_MAX).contains(count)).ok_or_else(bad)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Failure::Auth("the server did not extend our SCRAM nonce".into()));
        }
        let mut channel = self.gs2_header.as_bytes().to_vec();
        channel.extend_from_slice(&self.binding);
        let without_proof = format!("c={},r={nonce}", BASE64.encode(channel));
        let message = format!("{},{server_first},{without_proof}", self.first_bare());
        let answer = platform.scram_sha_256(SECRET, &salt, iterations, &message).map_err(Failure::Auth)?;
        self.server_signature = answer.server_signature;
        Ok(format!("{without_proof},p={}", BASE64.encode(answer.client_proof)))
    }

    /// Whether the server proved that it knows the password, too.
    pub fn verify(&self, server_final: &str) -> Result<()> {
        let signature = server_final
            .split(',')
            .find_map(|part| part.strip_prefix("v="))
            .and_then(|value| BASE64.decode(value).ok());
        if signature.is_some_and(|value| !value.is_empty() && value == self.server_signature) {
            return Ok(());
        }
        Err(Failure::Auth("the server did not prove that it knows the password".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_is_bound_when_both_ends_can() {
        let scram = Scram::new(&[BOUND, PLAIN], Some(vec![1]), b"x").expect("offered");
        assert_eq!(scram.mechanism(), BOUND);
        let scram = Scram::new(&[PLAIN], Some(vec![1]), b"x").expect("offered");
        assert!(scram.client_first().starts_with("y,,"));
        let scram = Scram::new(&[BOUND, PLAIN], None, b"x").expect("offered");
        assert_eq!(scram.mechanism(), PLAIN);
    }

    #[test]
    fn an_unknown_method_is_refused_by_name() {
        let refused = Scram::new(&["SCRAM-SHA-512"], None, b"x").err();
        assert!(refused.expect("refused").to_string().contains("SCRAM-SHA-512"));
    }

    #[test]
    fn a_server_without_proof_is_not_trusted() {
        let scram = Scram::new(&[PLAIN], None, b"x").expect("offered");
        assert!(scram.verify("v=").is_err());
        assert!(scram.verify("e=other-error").is_err());
    }
}
