//! Webhooks in: verified, answered, and handed on as records to look at again.

use lockstep_sdk::model::{ChangeBatch, ChangeRow, Webhook, WebhookAnswer};

use super::Session;
use crate::failure::{Failure, Result};
use crate::webhook::{named, signed, verify};
use crate::writing::key_of;

/// Bytes of a request that are looked at; HubSpot sends at most 100 events.
const BODY_BYTES_MAX: usize = 1 << 20;

pub fn ingest(session: &mut Session, request: &Webhook) -> Result<WebhookAnswer> {
    let Some(uri) = session.config.webhook_url.clone() else {
        return Err(Failure::Config(
            "webhook_url is not configured, so a webhook's signature cannot be checked".into(),
        ));
    };
    if request.body.len() > BODY_BYTES_MAX {
        return Ok(answer(413, Vec::new()));
    }
    let now_ms = request.received_at.div_euclid(1_000);
    let signed = match signed(&request.headers, &request.method, &uri, &request.body, now_ms) {
        Ok(signed) => signed,
        Err(why) => {
            session.platform.log("warn", &format!("a webhook was refused: {why}"));
            return Ok(answer(401, Vec::new()));
        }
    };
    let hmac =
        session.platform.hmac_sha256(&session.config.webhook_secret, &signed.message).map_err(Failure::Config)?;
    if !verify(&signed.signature, &hmac) {
        session.platform.log("warn", "a webhook was refused: its signature is not HubSpot's");
        return Ok(answer(401, Vec::new()));
    }
    let Some((named, unread)) = named(&request.body, &session.ours) else {
        session.platform.log("warn", "a webhook was refused: it is not a list of events");
        return Ok(answer(400, Vec::new()));
    };
    if unread > 0 {
        // Polling finds what these were about.
        session.platform.log("warn", &format!("{unread} events of a webhook could not be read"));
    }
    Ok(answer(200, named.into_iter().map(|((object, origin), ids)| batch(object, origin, &ids)).collect()))
}

fn batch(object: String, origin: String, ids: &[String]) -> ChangeBatch {
    let mut batch = ChangeBatch::new(object, "invalidate", Vec::new());
    batch.rows = ids.iter().map(|id| ChangeRow::new(key_of(id), Vec::new(), Vec::new())).collect();
    batch.origin = origin;
    batch
}

fn answer(status: u16, batches: Vec<ChangeBatch>) -> WebhookAnswer {
    WebhookAnswer { status, headers: Vec::new(), body: Vec::new(), batches }
}
