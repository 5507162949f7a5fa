//! Events pushed to a receiver: batched, signed, repeated, lost on demand.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_simulators::{
    DeliveryFaults,
    hubspot::{Settings, WebhookSettings},
};
use serde_json::Value;

use crate::client::Caller;

/// What came in: headers in lower case, and the body.
type Post = (Vec<(String, String)>, String);

/// A receiver that answers with the given statuses, then 200. Lives as long as
/// the test process.
struct Receiver {
    url: String,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Receiver {
    fn start(statuses: &[u16]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/hooks?of=hub", listener.local_addr()?);
        let posts: Arc<Mutex<Vec<Post>>> = Arc::default();
        let (kept, mut statuses) = (Arc::clone(&posts), statuses.to_vec());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
                if let Ok(post) = take(stream, status) {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(post);
                }
            }
        });
        Ok(Self { url, posts })
    }

    fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every event of every post.
    fn events(&self) -> Vec<Value> {
        let bodies = self.posts().into_iter().filter_map(|(_, body)| serde_json::from_str::<Vec<Value>>(&body).ok());
        bodies.flatten().collect()
    }

    fn wait_for(&self, events: usize) -> Result<Vec<Value>> {
        let start = Instant::now();
        while self.events().len() < events {
            ensure!(start.elapsed() < Duration::from_secs(20), "{events} events: {:?}", self.events());
            thread::sleep(Duration::from_millis(5));
        }
        Ok(self.events())
    }
}

fn take(mut stream: TcpStream, status: u16) -> Result<Post> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head)?;
    let headers: Vec<(String, String)> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").context("a length")?.1.parse()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    Ok((headers, String::from_utf8(body)?))
}

const APP: u64 = 77;

fn hooked(receiver: &Receiver, member: &str, events: &[&str]) -> Result<Caller> {
    let webhooks = WebhookSettings {
        retry_delays_ms: vec![10, 20],
        event_name_member: member.into(),
        ..WebhookSettings::default()
    };
    let hub = Caller::with(Settings { webhooks, ..Settings::default() })?;
    hub.account.hook(APP, &receiver.url);
    for event in events {
        hub.account.subscribe(APP, event, None, None);
    }
    Ok(hub)
}

#[test]
fn every_kind_of_event_arrives() -> Result<()> {
    let receiver = Receiver::start(&[])?;
    let verbs = ["creation", "deletion", "propertyChange", "merge", "restore", "privacyDeletion", "associationChange"];
    let names: Vec<String> = verbs.iter().map(|verb| format!("contact.{verb}")).collect();
    let hub = hooked(&receiver, "subscriptionType", &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let account = &hub.account;
    let ann = account.create("contacts", &[("city", "Bern")])?;
    let bea = account.create("contacts", &[("city", "Chur")])?;
    let company = account.create("companies", &[("name", "One")])?;
    account.associate(("contacts", ann), ("companies", company))?;
    account.archive("contacts", ann)?;
    account.restore("contacts", ann)?;
    account.merge("contacts", ann, bea)?;
    account.forget("contacts", ann)?;
    let start = Instant::now();
    while account.undelivered() > 0 || receiver.events().is_empty() {
        ensure!(start.elapsed() < Duration::from_secs(20), "still waiting");
        thread::sleep(Duration::from_millis(5));
    }
    let is = |verb: &str| {
        let name = format!("contact.{verb}");
        move |event: &&Value| event["subscriptionType"] == name
    };
    for verb in verbs {
        receiver.wait_for(1)?;
        let start = Instant::now();
        while !receiver.events().iter().any(|event| is(verb)(&event)) {
            ensure!(start.elapsed() < Duration::from_secs(10), "no {verb}");
            thread::sleep(Duration::from_millis(5));
        }
    }
    let events = receiver.events();
    let merge = events.iter().find(is("merge")).context("merge")?;
    assert_eq!((&merge["primaryObjectId"], &merge["mergedObjectIds"][0]), (&Value::from(ann), &Value::from(bea)));
    let association = events.iter().find(is("associationChange")).context("association")?;
    assert_eq!(association["associationType"], "CONTACT_TO_COMPANY");
    assert_eq!((&association["toObjectId"], &association["associationRemoved"]), (&company.into(), &false.into()));
    let change = events.iter().filter(is("propertyChange")).find(|event| event["propertyName"] == "city");
    let change = change.context("property")?;
    assert_eq!((&change["propertyValue"], &change["changeSource"]), (&Value::from("Bern"), &Value::from("CRM_UI")));
    assert_eq!((&change["appId"], &change["attemptNumber"]), (&Value::from(APP), &Value::from(0)));
    Ok(())
}

#[test]
fn a_subscription_can_ask_for_one_property_or_any_object() -> Result<()> {
    let receiver = Receiver::start(&[])?;
    let hub = hooked(&receiver, "eventType", &[])?;
    hub.account.subscribe(APP, "contact.propertyChange", None, Some("city"));
    hub.account.subscribe(APP, "object.creation", Some("deals"), None);
    hub.account.create("contacts", &[("city", "Bern"), ("firstname", "Ann")])?;
    hub.account.create("deals", &[("dealname", "Big")])?;
    hub.account.create("tickets", &[("subject", "Help")])?;
    let events = receiver.wait_for(2)?;
    thread::sleep(Duration::from_millis(100));
    assert_eq!(receiver.events().len(), 2, "{events:?}");
    let creation = events.iter().find(|event| event["eventType"] == "object.creation").context("creation")?;
    assert_eq!((&creation["objectTypeId"], &creation["changeFlag"]), (&"0-3".into(), &"CREATED".into()));
    Ok(())
}

#[test]
fn what_fails_is_tried_again_and_what_is_faulted_goes_wrong() -> Result<()> {
    let receiver = Receiver::start(&[500])?;
    let hub = hooked(&receiver, "subscriptionType", &["contact.creation"])?;
    hub.account.create("contacts", &[])?;
    let events = receiver.wait_for(2)?;
    let attempts: Vec<&Value> = events.iter().map(|event| &event["attemptNumber"]).collect();
    assert_eq!(attempts, [&Value::from(0), &Value::from(1)]);
    assert_eq!(events[0]["objectId"], events[1]["objectId"]);
    let statuses: Vec<Option<u16>> = hub.account.deliveries().iter().map(|delivery| delivery.status).collect();
    assert_eq!(statuses.first(), Some(&Some(500)));

    let faults = DeliveryFaults { drop: 1, duplicate: 1, ..DeliveryFaults::default() };
    hub.account.stage().faults.set_deliveries(faults);
    let lost = hub.account.create("contacts", &[])?;
    thread::sleep(Duration::from_millis(200));
    let doubled = hub.account.create("contacts", &[])?;
    let events = receiver.wait_for(4)?;
    assert!(events.iter().all(|event| event["objectId"] != lost));
    assert_eq!(events.iter().filter(|event| event["objectId"] == doubled).count(), 2);
    Ok(())
}

#[test]
fn a_receiver_that_takes_too_long_has_failed() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let receiver = Receiver::start(&[])?;
    let hub = hooked(&receiver, "subscriptionType", &["contact.creation"])?;
    hub.account.set(|settings| {
        settings.webhooks.timeout_ms = 50;
        settings.webhooks.retry_delays_ms = vec![20; 100];
    });
    hub.account.hook(APP, &format!("http://{}/hooks", silent.local_addr()?));
    hub.account.create("contacts", &[])?;
    let start = Instant::now();
    while hub.account.deliveries().is_empty() {
        ensure!(start.elapsed() < Duration::from_secs(20), "still waiting");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(hub.account.deliveries()[0].status, None);
    hub.account.hook(APP, &receiver.url);
    let events = receiver.wait_for(1)?;
    assert_ne!(events[0]["attemptNumber"], 0, "came with a later attempt");
    Ok(())
}

#[test]
fn events_can_come_in_the_wrong_order() -> Result<()> {
    let receiver = Receiver::start(&[])?;
    let hub = hooked(&receiver, "subscriptionType", &["contact.creation"])?;
    hub.account.stage().faults.set_deliveries(DeliveryFaults { reverse: 1, ..DeliveryFaults::default() });
    hub.account.set(|settings| settings.webhooks.gather_ms = 200);
    let ids: Vec<u64> = (0..3).map(|_| hub.account.create("contacts", &[])).collect::<Result<_>>()?;
    let told: Vec<u64> = receiver.wait_for(3)?.iter().filter_map(|event| event["objectId"].as_u64()).collect();
    assert_ne!(told, ids);
    assert_eq!(told.len(), 3);
    Ok(())
}

#[test]
fn many_events_come_in_batches_of_a_hundred() -> Result<()> {
    let receiver = Receiver::start(&[])?;
    let hub = hooked(&receiver, "subscriptionType", &["contact.creation"])?;
    for _ in 0..250 {
        hub.account.create("contacts", &[])?;
    }
    receiver.wait_for(250)?;
    let largest = hub.account.deliveries().iter().map(|delivery| delivery.events).max();
    assert!(largest.is_some_and(|largest| (2..=100).contains(&largest)), "{largest:?}");
    Ok(())
}

#[test]
fn a_receiver_that_is_gone_is_given_up_on() -> Result<()> {
    let gone = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let receiver = Receiver::start(&[])?;
    let hub = hooked(&receiver, "subscriptionType", &["contact.creation"])?;
    hub.account.hook(APP, &format!("http://{gone}/hooks"));
    hub.account.create("contacts", &[])?;
    let start = Instant::now();
    while hub.account.deliveries().len() < 3 {
        ensure!(start.elapsed() < Duration::from_secs(20), "{:?}", hub.account.deliveries());
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(100));
    assert_eq!((hub.account.deliveries().len(), hub.account.undelivered()), (3, 0), "two more attempts, then none");
    Ok(())
}
