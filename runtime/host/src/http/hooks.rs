//! Where WASI's requests come in, and answers go back.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use super::{Egress, Failure, Held, audit::Sent, exchange::Answer, request, taped};
use crate::{
    budget::Priority,
    metrics::{Counters, add},
    network::Denials,
    record::Tape,
};

/// Who asks for a request.
#[derive(Clone)]
pub(crate) struct Caller {
    /// What its session is for.
    pub(crate) role: &'static str,
    pub(crate) priority: Priority,
    pub(crate) counters: Arc<Counters>,
    pub(crate) denials: Arc<Denials>,
}

impl Caller {
    pub(crate) fn account(&self, sent: &Sent) {
        add(&self.counters.requests, 1);
        add(&self.counters.bytes_sent, sent.bytes_sent);
        add(&self.counters.bytes_received, sent.bytes_received);
        if !sent.failure.is_empty() {
            add(&self.counters.request_failures, 1);
        }
    }

    /// Count and keep what the operator has to know of.
    pub(super) fn failed(&self, failure: &Failure) {
        if let Failure::Bound { bound, .. } = failure {
            self.counters.reached(bound);
        }
        if let Failure::Denied(denial) = failure {
            add(&self.counters.denials, 1);
            tracing::warn!(tried = %denial.tried, reason = %denial.reason, line = %denial.line, "denied");
            self.denials.note(denial.clone());
        }
    }
}

/// One instance's requests.
pub(crate) struct Requests {
    pub(crate) egress: Arc<Egress>,
    pub(crate) caller: Caller,
    pub(crate) tape: Tape,
    /// How many the present call may still begin.
    left: u32,
}

impl Requests {
    pub(crate) fn new(egress: Arc<Egress>, caller: Caller) -> Self {
        Requests { egress, caller, tape: Tape::None, left: 0 }
    }

    /// A new call begins.
    pub(crate) fn arm(&mut self) {
        self.left = self.egress.limits.requests_per_call_max;
    }

    /// Sign in, and give what the guest may see of the answer.
    pub(crate) async fn sign_in(&mut self, anew: bool) -> Result<Vec<(String, String)>, String> {
        self.take().map_err(|failure| failure.to_string())?;
        self.egress.sign_in(&self.caller, anew).await
    }

    fn take(&mut self) -> Result<(), Failure> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            let max = self.egress.limits.requests_per_call_max;
            Failure::kept_back("requests_per_call", format!("one call began more than {max} requests"))
        })?;
        Ok(())
    }
}

/// A worker of WASI's that has nothing to do.
pub(super) type Nothing = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Requests {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(request::is_forbidden)
    }

    /// The place sets it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Nothing), Error>> + Send> {
        if let Tape::Playing(player) = &self.tape {
            return taped::play(player, request, self.egress.limits.clone());
        }
        let noted = self.tape.track().and_then(|track| Some((Arc::clone(track), taped::begin(track, &request)?)));
        let allowed = self.take();
        let (egress, caller) = (Arc::clone(&self.egress), self.caller.clone());
        Box::new(async move {
            let mut sent = Bytes::new();
            let options = options.unwrap_or_default();
            let times = egress.times(options.first_byte_timeout, options.between_bytes_timeout);
            let answered = async {
                allowed?;
                let (parts, body) = request.into_parts();
                let mut outgoing = request::head(parts, &egress.limits)?;
                let body = tokio::time::timeout_at(times.until, request::body(body, &egress.limits)).await;
                outgoing.body =
                    body.map_err(|_| Failure::kept_back("request_timeout", "the body was never finished"))??;
                sent = outgoing.body.clone();
                egress.send(outgoing, &caller, times).await
            };
            let answered = answered.await.inspect_err(|failure| caller.failed(failure));
            if let Some((track, at)) = noted {
                track.complete(at, &sent, taped::told(&track, &answered));
            }
            let (answer, place) = answered?;
            Ok((response(answer, place), Box::new(async { Ok(()) }) as Nothing))
        })
    }
}

fn response(answer: Answer, place: tokio::sync::OwnedSemaphorePermit) -> http::Response<WasiBody> {
    let held = Held { bytes: Some(Bytes::from(answer.body)).filter(|bytes| !bytes.is_empty()), _place: place };
    let mut response = http::Response::new(held.boxed_unsync());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

impl Body for Held {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
