//! Operations on secrets, done by the host. `secret` is a name from the
//! connection's `secrets`; its value never enters the sandbox.

use crate::{
    Error, Result,
    bindings::lockstep::connector::credentials::{self as host, ScramRequest},
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
