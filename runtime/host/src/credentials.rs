//! Secrets and what may be done with them on a guest's behalf. A secret is used
//! only in the ways its connector asked for in its `credentials`
//! (`scram-sha-256:password`), and its value never leaves this module.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Rounds a server may demand: more would let it burn the host's time.
const ITERATIONS_MAX: u32 = 200_000;

/// A connection's secrets by name. Cannot be shown, compared or stored.
#[derive(Default)]
pub struct Secrets(BTreeMap<String, Zeroizing<String>>);

impl Secrets {
    pub fn new() -> Self {
        Secrets::default()
    }

    pub fn insert(&mut self, name: impl Into<String>, value: Zeroizing<String>) {
        self.0.insert(name.into(), value);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Zeroizing<String>> {
        self.0.get(name)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|value| value.as_str())
    }

    /// Says whether two are the same, and nothing of what they are.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (name, value) in &self.0 {
            for part in [name.as_bytes(), value.as_bytes()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize().into()
    }

    /// Their names, for people.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.names()).finish()
    }
}

/// Secrets together with what the connector asked to do with them.
pub(crate) struct Credentials {
    secrets: std::sync::Arc<Secrets>,
    asked: BTreeSet<String>,
}

/// A SCRAM client's proof and the server's to come.
pub(crate) struct ScramAnswer {
    pub(crate) client_proof: Vec<u8>,
    pub(crate) server_signature: Vec<u8>,
}

impl Credentials {
    pub(crate) fn new(secrets: std::sync::Arc<Secrets>, asked: &[String]) -> Self {
        Credentials { secrets, asked: asked.iter().cloned().collect() }
    }

    fn secret(&self, operation: &str, name: &str) -> Result<&Zeroizing<String>, String> {
        if !self.asked.contains(&format!("{operation}:{name}")) {
            return Err(format!("the connector did not ask to use the secret \"{name}\" for {operation}"));
        }
        self.secrets.0.get(name).ok_or_else(|| format!("the connection has no secret \"{name}\""))
    }

    /// RFC 5802 with SHA-256 (RFC 7677).
    pub(crate) fn scram_sha_256(
        &self,
        name: &str,
        salt: &[u8],
        iterations: u32,
        auth_message: &str,
    ) -> Result<ScramAnswer, String> {
        let secret = self.secret("scram-sha-256", name)?;
        if iterations == 0 || iterations > ITERATIONS_MAX {
            return Err(format!("{iterations} rounds were asked for; 1 to {ITERATIONS_MAX} are allowed"));
        }
        let salted = Zeroizing::new(salted_password(secret.as_bytes(), salt, iterations));
        let client_key = Zeroizing::new(hmac(&*salted, b"Client Key"));
        let stored_key = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(client_key.as_slice())));
        let client_signature = hmac(&*stored_key, auth_message.as_bytes());
        let server_key = Zeroizing::new(hmac(&*salted, b"Server Key"));
        Ok(ScramAnswer {
            client_proof: client_key.iter().zip(client_signature).map(|(key, signature)| key ^ signature).collect(),
            server_signature: hmac(&*server_key, auth_message.as_bytes()).to_vec(),
        })
    }

    /// `md5` + hex(md5(hex(md5(password + user)) + salt)).
    pub(crate) fn postgres_md5(&self, name: &str, user: &str, salt: &[u8]) -> Result<String, String> {
        let secret = self.secret("md5", name)?;
        let inner = Md5::new().chain_update(secret.as_bytes()).chain_update(user.as_bytes()).finalize();
        let inner = Zeroizing::new(hex(&inner));
        let outer = Md5::new().chain_update(inner.as_bytes()).chain_update(salt).finalize();
        Ok(format!("md5{}", hex(&outer)))
    }

    pub(crate) fn hmac_sha256(&self, name: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        let secret = self.secret("hmac-sha256", name)?;
        Ok(hmac(secret.as_bytes(), message).to_vec())
    }

    pub(crate) fn sign_rs256(&self, name: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        let secret = self.secret("sign-rs256", name)?;
        sign_rs256(secret, message).map_err(|why| format!("the secret \"{name}\" {why}"))
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256 under a private key in PEM form.
pub(crate) fn sign_rs256(pem: &str, message: &[u8]) -> Result<Vec<u8>, &'static str> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "holds no private key in PEM form")?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err("holds a key that is not an RSA key"),
    };
    let pair = pair.map_err(|_| "holds no RSA key of 2048 to 4096 bits")?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| "holds a key that cannot sign")?;
    Ok(signature)
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(message).finalize().into_bytes().into()
}

/// PBKDF2-HMAC-SHA-256, one block.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mac = keyed(password);
    let mut block: [u8; 32] =
        mac.clone().chain_update(salt).chain_update(1_u32.to_be_bytes()).finalize().into_bytes().into();
    let mut result = block;
    for _ in 1..iterations {
        block = mac.clone().chain_update(block).finalize().into_bytes().into();
        for (sum, byte) in result.iter_mut().zip(block) {
            *sum ^= byte;
        }
    }
    result
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    fn credentials(asked: &[&str]) -> Credentials {
        let mut secrets = Secrets::new();
        secrets.insert("password", Zeroizing::new("pencil".into()));
        let asked: Vec<String> = asked.iter().map(|it| (*it).to_owned()).collect();
        Credentials::new(secrets.into(), &asked)
    }

    /// The example exchange of RFC 7677, section 3.
    #[test]
    fn scram_answers_as_the_rfc_says() {
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
        let message = format!("n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={salt},i=4096,c=biws,r={nonce}");
        let salt = STANDARD.decode(salt).expect("base64");
        let answer = credentials(&["scram-sha-256:password"])
            .scram_sha_256("password", &salt, 4096, &message)
            .unwrap_or_else(|reason| panic!("{reason}"));
        assert_eq!(STANDARD.encode(answer.client_proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        assert_eq!(STANDARD.encode(answer.server_signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_secret_serves_only_what_the_connector_asked_for() {
        let credentials = credentials(&["scram-sha-256:password", "hmac-sha256:other"]);
        assert!(credentials.hmac_sha256("password", b"x").is_err());
        assert!(credentials.hmac_sha256("other", b"x").is_err());
        assert!(credentials.postgres_md5("password", "me", b"salt").is_err());
        assert!(credentials.scram_sha_256("password", b"s", ITERATIONS_MAX + 1, "m").is_err());
    }

    #[test]
    fn md5_is_what_postgres_expects() {
        // echo -n "md5$(echo -n $(echo -n pencilme | md5sum | cut -c1-32)salt | md5sum)"
        let answer = credentials(&["md5:password"]).postgres_md5("password", "me", b"salt").expect("an answer");
        let inner = hex(&Md5::digest(b"pencilme"));
        assert_eq!(answer, format!("md5{}", hex(&Md5::digest(format!("{inner}salt").as_bytes()))));
    }

    #[test]
    fn a_secret_does_not_show() {
        let mut secrets = Secrets::new();
        secrets.insert("password", Zeroizing::new("pencil".into()));
        assert_eq!(format!("{secrets:?}"), r#"{"password"}"#);
    }
}
