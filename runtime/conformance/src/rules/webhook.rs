//! Webhooks from somebody who does not know the secret.

use lockstep_core::{value::Timestamp, webhook::Webhook};
use lockstep_host::{HostError, Role};

use crate::{
    bench::Bench,
    report::{Checked, Stop, expect, told},
    subject::Opening,
};

pub(crate) async fn forged(bench: &mut Bench<'_>) -> Checked {
    bench.needs("webhooks")?;
    let session = bench.subject.open(Role::Ingest, Opening::AsConfigured).await?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let received_at = Timestamp(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
    // The time in every one: it may be what is signed.
    let named = bench.settings.webhook_headers.iter();
    let signed_by_nobody = named.map(|name| (name.to_lowercase(), now.as_millis().to_string())).collect();
    let forgery = |headers: Vec<(String, String)>| Webhook {
        method: "POST".into(),
        path: "/kit".into(),
        url: "https://kit.example/kit".into(),
        headers,
        body: b"[{\"forged\":true}]".to_vec(),
        received_at,
    };
    for (what, headers) in [("without a signature", Vec::new()), ("with a signature of nothing", signed_by_nobody)] {
        match session.ingest(&forgery(headers)).await {
            Ok(answer) => {
                expect(!answer.is_taken(), format!("a webhook {what} to be refused"), || {
                    format!("it was answered with {}", answer.status)
                })?;
                expect(answer.batches.is_empty(), "no changes from it", || {
                    format!("{} batches", answer.batches.len())
                })?;
            }
            Err(HostError::Guest(error)) if error.code == "config" => {
                return Err(Stop::skip(format!("the connection is not set up for webhooks: {}", error.message)));
            }
            Err(HostError::Guest(_)) => {}
            Err(error) => return Err(Stop::failed(format!("a webhook {what} to be refused"), told(&error))),
        }
    }
    Ok(())
}
