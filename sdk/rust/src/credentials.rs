//! Operations on secrets, done by the host. `secret` is a name from the
//! connection's `secrets`; its value never enters the sandbox.

use crate::{
    Error, Result,
    bindings::lockstep::connector0_1_0::credentials::{self as host, ScramRequest},
};

/// The proof a SCRAM-SHA-256 client sends, and what the server must answer.
pub struct ScramProof {
    pub client_proof: Vec<u8>,
    /// Compare with the server-final message's `v=`, decoded from base64.
    pub server_signature: Vec<u8>,
}

/// Answer a SCRAM-SHA-256 challenge (RFC 5802). `auth_message` is
/// client-first-bare "," server-first "," client-final-without-proof.
///
/// # Errors
/// `config` when there is no such secret, or it may not be used this way.
pub fn scram_sha_256(secret: &str, salt: &[u8], iterations: u32, auth_message: &str) -> Result<ScramProof> {
    let answer = host::scram_sha_256(&ScramRequest {
        secret: secret.to_owned(),
        salt: salt.to_vec(),
        iterations,
        auth_message: auth_message.to_owned(),
    })
    .map_err(Error::config)?;
    Ok(ScramProof { client_proof: answer.client_proof, server_signature: answer.server_signature })
}

/// PostgreSQL's `md5…` password message.
///
/// # Errors
/// `config` when there is no such secret, or it may not be used this way.
pub fn postgres_md5(secret: &str, user: &str, salt: &[u8]) -> Result<String> {
    host::postgres_md5(secret, user, salt).map_err(Error::config)
}

/// HMAC-SHA-256 of a message under a secret.
///
/// # Errors
/// `config` when there is no such secret, or it may not be used this way.
pub fn hmac_sha256(secret: &str, message: &[u8]) -> Result<Vec<u8>> {
    host::hmac_sha256(secret, message).map_err(Error::config)
}

/// A signature (RSASSA-PKCS1-v1_5, SHA-256) of a message under a secret that
/// holds an RSA private key in PEM form.
///
/// # Errors
/// `config` when there is no such secret, it is no such key, or it may not be used this way.
pub fn sign_rs256(secret: &str, message: &[u8]) -> Result<Vec<u8>> {
    host::sign_rs256(secret, message).map_err(Error::config)
}

/// Sign in by the connection's authentication scheme, if that has not happened
/// yet, and give what the token's answer said under the scheme's `answers`.
/// Requests sign in by themselves, and anew after a 401. This is for connectors
/// that must know an answer first, such as Salesforce's `instance_url`, and for
/// systems that say in another way that the token has run out: `anew` then.
///
/// # Errors
/// `auth`, with the reason.
pub fn sign_in(anew: bool) -> Result<Vec<(String, String)>> {
    let answers = host::sign_in(anew).map_err(Error::auth)?;
    Ok(answers.into_iter().map(|answer| (answer.name, answer.value)).collect())
}
