//! The postman: gathers events into batches, signs and posts them, tries again
//! later, and remembers what became of each. Runs in a thread of its own.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use axum::http::{Request, Uri};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, oneshot},
};

use super::{settings::WebhookSettings, shared::Shared, subscription::Queued};

/// Deliveries remembered.
const DELIVERIES_MAX: usize = 10_000;
/// How often the outbox is looked at when nobody rings.
const IDLE: Duration = Duration::from_millis(50);

/// One attempt to hand events over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivery {
    pub app_id: u64,
    pub url: String,
    pub attempt: usize,
    pub events: usize,
    /// None: no answer in time, or none at all.
    pub status: Option<u16>,
    pub body: String,
}

/// Stops when dropped.
#[derive(Debug)]
pub struct Postman {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Postman {
    pub fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("postman".into()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = rounds(shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was already reported on standard error.
            let _ = thread.join();
        }
    }
}

struct Batch {
    app_id: u64,
    url: String,
    secret: String,
    events: Vec<Queued>,
    sent_at_ms: i64,
}

async fn rounds(shared: Arc<Shared>) {
    let settings = shared.store.lock().settings.webhooks.clone();
    let places = Arc::new(Semaphore::new(settings.concurrent_max.max(1)));
    loop {
        tokio::select! {
            () = shared.bell.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
        }
        let settings = shared.store.lock().settings.webhooks.clone();
        tokio::time::sleep(Duration::from_millis(settings.gather_ms)).await;
        while let Some(batch) = next_batch(&shared, &settings) {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (shared, settings) = (Arc::clone(&shared), settings.clone());
            tokio::spawn(async move {
                tokio::time::sleep(shared.stage.faults.delivery_delay()).await;
                deliver(&shared, &settings, batch).await;
                drop(place);
            });
        }
    }
}

/// The events that are due for one app, of the same attempt; events for an app
/// without an address go nowhere.
fn next_batch(shared: &Shared, settings: &WebhookSettings) -> Option<Batch> {
    let sent_at_ms = shared.now_ms();
    let mut store = shared.store.lock();
    let now = Instant::now();
    loop {
        let first = store.outbox.iter().find(|queued| queued.not_before <= now)?;
        let (app_id, attempt) = (first.app_id, first.attempt);
        let mut events = Vec::new();
        let mut rest = std::collections::VecDeque::new();
        for queued in std::mem::take(&mut store.outbox) {
            let fits = queued.app_id == app_id && queued.attempt == attempt && queued.not_before <= now;
            if fits && events.len() < settings.batch_max { events.push(queued) } else { rest.push_back(queued) }
        }
        store.outbox = rest;
        let app = store.access.apps.get(&app_id);
        let Some((url, secret)) = app.and_then(|app| Some((app.target_url.clone()?, app.client_secret.clone()))) else {
            continue;
        };
        let events = if attempt == 0 { shared.stage.faults.distort(events) } else { events };
        if !events.is_empty() {
            return Some(Batch { app_id, url, secret, events, sent_at_ms });
        }
    }
}

async fn deliver(shared: &Shared, settings: &WebhookSettings, batch: Batch) {
    let attempt = batch.events.first().map_or(0, |event| event.attempt);
    let told: Vec<Map<String, Value>> = batch
        .events
        .iter()
        .map(|event| {
            let mut body = event.body.clone();
            body.insert("attemptNumber".into(), event.attempt.into());
            body
        })
        .collect();
    let body = serde_json::to_string(&told).unwrap_or_default();
    let limit = Duration::from_millis(settings.timeout_ms);
    let status = match tokio::time::timeout(limit, post(&batch, &body, settings.timeout_ms)).await {
        Ok(Ok(status)) => Some(status),
        Ok(Err(_)) | Err(_) => None,
    };
    let delivered = status.is_some_and(|status| (200..300).contains(&status));
    {
        let mut deliveries = shared.deliveries.lock();
        if deliveries.len() >= DELIVERIES_MAX {
            deliveries.pop_front();
        }
        let (app_id, url, events) = (batch.app_id, batch.url.clone(), batch.events.len());
        deliveries.push_back(Delivery { app_id, url, attempt, events, status, body });
    }
    let Some(wait_ms) = settings.retry_delays_ms.get(attempt).filter(|_| !delivered) else { return };
    let not_before = Instant::now() + Duration::from_millis(*wait_ms);
    let again = batch.events.into_iter().map(|event| Queued { attempt: event.attempt + 1, not_before, ..event });
    shared.store.lock().outbox.extend(again);
}

async fn post(batch: &Batch, body: &str, timeout_ms: u64) -> Result<u16> {
    let uri: Uri = batch.url.parse()?;
    ensure!(uri.scheme_str() == Some("http"), "only http targets are reached");
    let authority = uri.authority().context("a host")?;
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let timestamp = batch.sent_at_ms.to_string();
    let request = Request::post(path)
        .header("host", authority.as_str())
        .header("content-type", "application/json")
        .header("accept", "*/*")
        .header("user-agent", "HubSpot Connect 2.0 (http://dev.hubspot.com/) - WebhooksExecutorDaemon-executor")
        .header("x-hubspot-signature-version", "v1")
        .header("x-hubspot-signature", signature_v1(&batch.secret, body))
        .header("x-hubspot-signature-v3", signature_v3(&batch.secret, "POST", &batch.url, body, &timestamp))
        .header("x-hubspot-request-timestamp", timestamp)
        .header("x-hubspot-timeout-millis", timeout_ms.to_string())
        .body(Full::new(Bytes::from(body.to_owned())))?;
    Ok(sender.send_request(request).await?.status().as_u16())
}

/// Hex of SHA-256 over secret and body.
fn signature_v1(secret: &str, body: &str) -> String {
    let digest = Sha256::digest(format!("{secret}{body}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 of HMAC-SHA-256 over method, address, body and time.
pub fn signature_v3(secret: &str, method: &str, uri: &str, body: &str, timestamp: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    for part in [method, uri, body, timestamp] {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_depend_on_every_part() {
        let sign = |method, uri, body, time| signature_v3("secret", method, uri, body, time);
        let signed = sign("POST", "http://localhost/hooks", "[]", "1645129167424");
        assert_eq!(signed.len(), 44, "32 bytes in base64");
        assert_ne!(signed, sign("PUT", "http://localhost/hooks", "[]", "1645129167424"));
        assert_ne!(signed, sign("POST", "http://localhost/hook", "[]", "1645129167424"));
        assert_ne!(signed, sign("POST", "http://localhost/hooks", "[1]", "1645129167424"));
        assert_ne!(signed, sign("POST", "http://localhost/hooks", "[]", "1645129167425"));
        assert_eq!(signature_v1("", "").get(..8), Some("e3b0c442"), "SHA-256 of nothing");
    }
}
