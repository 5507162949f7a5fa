//! `lockstep:connector/credentials`: operations on secrets. A recording gets
//! stand-ins for what they give, and a replay gives those.

use super::bindings::lockstep::connector::credentials::{AnswerValue, Host, ScramAnswer, ScramRequest};
use crate::{
    lines::printable,
    record::{Halted, Tape, event::Event, fingerprint},
    store::StoreData,
};

/// Of a secret's name in a recording.
const NAME_BYTES_MAX: usize = 100;

/// What an operation gave, or words why it gave nothing.
type Given = Result<Vec<Vec<u8>>, String>;

/// One use of a secret, as recordings tell it.
struct Use<'u> {
    operation: &'static str,
    secret: &'u str,
    /// What it is done with.
    parts: &'u [&'u [u8]],
}

impl Use<'_> {
    fn played(&self, tape: &Tape) -> Result<Option<Given>, Halted> {
        let Some(player) = tape.player() else { return Ok(None) };
        let name = printable(self.secret, NAME_BYTES_MAX);
        player.credential(self.operation, &name, &fingerprint(self.parts)).map(Some)
    }

    fn note(&self, tape: &Tape, answer: Result<&[&[u8]], &String>) {
        if let Some(track) = tape.track() {
            let name = printable(self.secret, NAME_BYTES_MAX);
            track.credential(self.operation, &name, fingerprint(self.parts), answer);
        }
    }

    /// One whose answer is bytes.
    fn make(
        &self,
        tape: &Tape,
        now: impl FnOnce() -> Result<Vec<u8>, String>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        if let Some(answer) = self.played(tape)? {
            return Ok(answer.map(|mut values| if values.is_empty() { Vec::new() } else { values.swap_remove(0) }));
        }
        let answer = now();
        match &answer {
            Ok(value) => self.note(tape, Ok(&[value.as_slice()])),
            Err(words) => self.note(tape, Err(words)),
        }
        Ok(answer)
    }
}

impl Host for StoreData {
    fn scram_sha_256(&mut self, request: ScramRequest) -> wasmtime::Result<Result<ScramAnswer, String>> {
        let rounds = request.iterations.to_be_bytes();
        let parts: [&[u8]; 3] = [&request.salt, &rounds, request.auth_message.as_bytes()];
        let used = Use { operation: "scram-sha-256", secret: &request.secret, parts: &parts };
        if let Some(answer) = used.played(&self.tape)? {
            return Ok(answer.map(|values| {
                let mut values = values.into_iter();
                let mut next = || values.next().unwrap_or_default();
                ScramAnswer { client_proof: next(), server_signature: next() }
            }));
        }
        let answer =
            self.credentials.scram_sha_256(&request.secret, &request.salt, request.iterations, &request.auth_message);
        match &answer {
            Ok(answer) => used.note(&self.tape, Ok(&[&answer.client_proof, &answer.server_signature])),
            Err(words) => used.note(&self.tape, Err(words)),
        }
        Ok(answer
            .map(|answer| ScramAnswer { client_proof: answer.client_proof, server_signature: answer.server_signature }))
    }

    fn postgres_md5(
        &mut self,
        secret: String,
        user: String,
        salt: Vec<u8>,
    ) -> wasmtime::Result<Result<String, String>> {
        let used = Use { operation: "md5", secret: &secret, parts: &[user.as_bytes(), &salt] };
        let answer =
            used.make(&self.tape, || self.credentials.postgres_md5(&secret, &user, &salt).map(String::into_bytes))?;
        Ok(answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn hmac_sha256(&mut self, secret: String, message: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let used = Use { operation: "hmac-sha256", secret: &secret, parts: &[&message] };
        used.make(&self.tape, || self.credentials.hmac_sha256(&secret, &message))
    }

    fn sign_rs256(&mut self, secret: String, message: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let used = Use { operation: "sign-rs256", secret: &secret, parts: &[&message] };
        used.make(&self.tape, || self.credentials.sign_rs256(&secret, &message))
    }

    async fn sign_in(&mut self, anew: bool) -> wasmtime::Result<Result<Vec<AnswerValue>, String>> {
        let answers = match self.tape.player() {
            Some(player) => player.sign_in(anew)?.result(),
            None => {
                let answers = self.requests.sign_in(anew).await;
                self.tape.note(|| Event::SignIn { anew, answer: answers.clone().into() });
                answers
            }
        };
        let value = |(name, value)| AnswerValue { name, value };
        Ok(answers.map(|answers| answers.into_iter().map(value).collect()))
    }
}
