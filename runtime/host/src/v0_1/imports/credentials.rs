//! `lockstep:connector/credentials`: operations on secrets.

use super::bindings::lockstep::connector::credentials::{AnswerValue, Host, ScramAnswer, ScramRequest};
use crate::store::StoreData;

impl Host for StoreData {
    fn scram_sha_256(&mut self, request: ScramRequest) -> wasmtime::Result<Result<ScramAnswer, String>> {
        let answer =
            self.credentials.scram_sha_256(&request.secret, &request.salt, request.iterations, &request.auth_message);
        Ok(answer
            .map(|answer| ScramAnswer { client_proof: answer.client_proof, server_signature: answer.server_signature }))
    }

    fn postgres_md5(
        &mut self,
        secret: String,
        user: String,
        salt: Vec<u8>,
    ) -> wasmtime::Result<Result<String, String>> {
        Ok(self.credentials.postgres_md5(&secret, &user, &salt))
    }

    fn hmac_sha256(&mut self, secret: String, message: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, String>> {
        Ok(self.credentials.hmac_sha256(&secret, &message))
    }

    fn sign_rs256(&mut self, secret: String, message: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, String>> {
        Ok(self.credentials.sign_rs256(&secret, &message))
    }

    async fn sign_in(&mut self, anew: bool) -> wasmtime::Result<Result<Vec<AnswerValue>, String>> {
        let answers = self.requests.sign_in(anew).await;
        let value = |(name, value)| AnswerValue { name, value };
        Ok(answers.map(|answers| answers.into_iter().map(value).collect()))
    }
}
