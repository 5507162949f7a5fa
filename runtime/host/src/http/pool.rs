//! Connections kept open for the next request to the same place. A Lockstep
//! connection has one pool, which its instances share.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;

use super::{
    connect::{Body, Sender},
    place::Place,
};

#[derive(Default)]
struct Kept {
    one: Vec<(http1::SendRequest<Body>, Instant)>,
    many: Option<(http2::SendRequest<Body>, Instant)>,
}

/// Idle connections by place.
pub(crate) struct Pool {
    kept: Mutex<HashMap<Place, Kept>>,
    idle_max: usize,
    idle_for: Duration,
}

impl Pool {
    pub(crate) fn new(idle_max: usize, idle_for: Duration) -> Self {
        Pool { kept: Mutex::default(), idle_max, idle_for }
    }

    /// A connection that is open and free.
    pub(crate) fn take(&self, place: &Place) -> Option<Sender> {
        let mut all = self.kept.lock();
        let kept = all.get_mut(place)?;
        let now = Instant::now();
        if let Some((sender, used)) = &mut kept.many {
            // Others may still be under way on it, so it is young whatever its age.
            if !sender.is_closed() && now.duration_since(*used) < self.idle_for {
                *used = now;
                return Some(Sender::Many(sender.clone()));
            }
            kept.many = None;
        }
        while let Some((sender, since)) = kept.one.pop() {
            if !sender.is_closed() && now.duration_since(since) < self.idle_for {
                return Some(Sender::One(sender));
            }
        }
        None
    }

    /// Keep a connection whose answer has been read whole.
    pub(crate) fn give_back(&self, place: &Place, sender: Sender) {
        let mut all = self.kept.lock();
        let now = Instant::now();
        all.retain(|_, kept| kept.tidy(now, self.idle_for));
        let open: usize = all.values().map(Kept::count).sum();
        let kept = all.entry(place.clone()).or_default();
        match sender {
            Sender::One(sender) if !sender.is_closed() && open < self.idle_max => kept.one.push((sender, now)),
            Sender::One(_) => {}
            Sender::Many(sender) if !sender.is_closed() => kept.many = Some((sender, now)),
            Sender::Many(_) => {}
        }
    }

    /// Close what nobody used for long. Called now and then.
    pub(crate) fn tidy(&self) {
        let now = Instant::now();
        self.kept.lock().retain(|_, kept| kept.tidy(now, self.idle_for));
    }
}

impl Kept {
    fn tidy(&mut self, now: Instant, idle_for: Duration) -> bool {
        self.one.retain(|(sender, since)| !sender.is_closed() && now.duration_since(*since) < idle_for);
        self.many =
            self.many.take().filter(|(sender, used)| !sender.is_closed() && now.duration_since(*used) < idle_for);
        self.count() > 0
    }

    fn count(&self) -> usize {
        self.one.len() + usize::from(self.many.is_some())
    }
}

impl Sender {
    /// Send a request. On an error, the request where it is certain that nothing of it was sent.
    pub(crate) async fn send(
        &mut self,
        request: http::Request<Body>,
    ) -> Result<http::Response<hyper::body::Incoming>, (hyper::Error, bool)> {
        let sent = match self {
            Sender::One(sender) => sender.try_send_request(request).await,
            Sender::Many(sender) => sender.try_send_request(request).await,
        };
        sent.map_err(|mut error| {
            let is_unsent = error.take_message().is_some();
            (error.into_error(), is_unsent)
        })
    }

    /// Wait until a request can be sent.
    pub(crate) async fn ready(&mut self) -> Result<(), hyper::Error> {
        match self {
            Sender::One(sender) => sender.ready().await,
            Sender::Many(sender) => sender.ready().await,
        }
    }

    pub(crate) fn is_h2(&self) -> bool {
        matches!(self, Sender::Many(_))
    }
}

/// An empty or whole body.
pub(crate) fn whole(bytes: Bytes) -> Body {
    Body::new(bytes)
}
