//! Webhooks that a simulated account really sends, and forged ones.

mod native;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use lockstep_hubspot::session::Session;
use lockstep_sdk::model::{Cell, Webhook, WebhookAnswer};
use lockstep_simulators::hubspot::{Account, Options};

/// Takes every request with 200 and hands it on.
fn receiver() -> Result<(String, Receiver<Webhook>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/hooks/hubspot?side=crm", listener.local_addr()?);
    let (send, receive) = channel();
    let own = url.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(webhook) = stream.map_err(anyhow::Error::from).and_then(|stream| take(stream, &own)) else { return };
            if send.send(webhook).is_err() {
                return;
            }
        }
    });
    Ok((url, receive))
}

fn take(stream: std::net::TcpStream, url: &str) -> Result<Webhook> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut parts = line.split(' ');
    let (method, path) = (parts.next().context("method")?.to_owned(), parts.next().context("path")?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").context("a length")?.1.parse()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    let received_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as i64;
    Ok(Webhook { method, path, url: url.to_owned(), headers, body, received_at })
}

fn ingest(session: &mut Session, webhook: &Webhook) -> Result<WebhookAnswer> {
    session.ingest(webhook).map_err(|error| anyhow::anyhow!("{}: {}", error.code, error.message))
}

struct Hooked {
    account: Account,
    session: Session,
    webhooks: Receiver<Webhook>,
}

fn hooked(event_name: &str) -> Result<Hooked> {
    let account = Account::start(Options::default())?;
    account.set(|settings| settings.webhooks.event_name_member = event_name.to_owned());
    let (url, webhooks) = receiver()?;
    let secret = account.hook(account.app_id(), &url);
    let platform = native::platform(account.token(), &secret);
    let config = format!(r#"{{"base_url":"{}","webhook_url":"{url}"}}"#, account.url());
    let session = Session::open(platform, &config).map_err(|error| anyhow::anyhow!(error.message))?;
    Ok(Hooked { account, session, webhooks })
}

impl Hooked {
    /// Records named until all of `wanted` are, by object.
    fn named(&mut self, wanted: &[(&str, u64)]) -> Result<BTreeSet<(String, String)>> {
        let mut named = BTreeSet::new();
        while !wanted.iter().all(|(object, id)| named.contains(&((*object).to_owned(), id.to_string()))) {
            let webhook = self.webhooks.recv_timeout(Duration::from_secs(10)).with_context(|| format!("{named:?}"))?;
            let answer = ingest(&mut self.session, &webhook)?;
            assert_eq!(answer.status, 200);
            for batch in answer.batches {
                assert_eq!(batch.kind, "invalidate");
                for row in batch.rows {
                    if let Some(Cell::Text(id)) = row.key.first() {
                        named.insert((batch.object.clone(), id.clone()));
                    }
                }
            }
        }
        Ok(named)
    }
}

#[test]
fn everything_that_happens_is_named_under_either_member() -> Result<()> {
    for member in ["subscriptionType", "eventType"] {
        let mut hooked = hooked(member)?;
        let app = hooked.account.app_id();
        for event in ["creation", "deletion", "merge", "restore", "propertyChange", "privacyDeletion"] {
            hooked.account.subscribe(app, &format!("contact.{event}"), None, None);
        }
        hooked.account.subscribe(app, "object.creation", Some("companies"), None);
        let contact = |name: &str| hooked.account.create("contacts", &[("email", name)]);
        let (one, two, three) = (contact("1@x.example")?, contact("2@x.example")?, contact("3@x.example")?);
        let company = hooked.account.create("companies", &[("name", "Acme")])?;
        hooked.named(&[("contacts", one), ("contacts", two), ("contacts", three), ("companies", company)])?;
        hooked.account.edit("contacts", three, &[("city", "Ghent")])?;
        hooked.named(&[("contacts", three)])?;
        hooked.account.merge("contacts", one, two)?;
        hooked.named(&[("contacts", one), ("contacts", two)])?;
        hooked.account.archive("contacts", three)?;
        hooked.named(&[("contacts", three)])?;
        hooked.account.restore("contacts", three)?;
        hooked.named(&[("contacts", three)])?;
    }
    Ok(())
}

#[test]
fn what_is_not_signed_by_hubspot_is_refused() -> Result<()> {
    let mut hooked = hooked("subscriptionType")?;
    hooked.account.subscribe(hooked.account.app_id(), "contact.creation", None, None);
    hooked.account.create("contacts", &[("email", "1@x.example")])?;
    let genuine = hooked.webhooks.recv_timeout(Duration::from_secs(10))?;
    assert_eq!(ingest(&mut hooked.session, &genuine)?.status, 200);
    let mut body = genuine.clone();
    body.body.push(b' ');
    let mut old = genuine.clone();
    old.received_at += 301 * 1_000_000;
    let mut unsigned = genuine.clone();
    unsigned.headers.retain(|(name, _)| name != "x-hubspot-signature-v3");
    let mut method = genuine.clone();
    method.method = "PUT".into();
    for forged in [body, old, unsigned, method] {
        let answer = ingest(&mut hooked.session, &forged)?;
        assert_eq!(answer.status, 401);
        assert!(answer.batches.is_empty());
    }
    Ok(())
}
