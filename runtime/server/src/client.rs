//! Reaching the operations: over the socket of a running Lockstep, or through
//! a router in this process. Both speak the same requests and answers.

use std::{path::PathBuf, pin::Pin};

use axum::{Router, body::Body};
use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;
use tower::ServiceExt;

use crate::problem::Problem;

/// The longest answer, and the longest line of a streamed one.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Somebody who does what is asked.
#[derive(Clone)]
pub enum Client {
    /// A running Lockstep, by its socket.
    Socket(PathBuf),
    /// This process.
    Local(Router),
}

impl Client {
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        let response = self.send(Method::GET, path, Body::empty()).await?;
        whole(response).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Problem> {
        let response = self.send(Method::POST, path, json(body)?).await?;
        whole(response).await
    }

    /// An answer that is a file's content.
    pub async fn content(&self, path: &str, body: &impl Serialize) -> Result<Vec<u8>, Problem> {
        let response = self.send(Method::POST, path, json(body)?).await?;
        match response.status().is_success() {
            true => bytes(response).await,
            false => Err(problem(response).await),
        }
    }

    /// An answer that comes line by line (ndjson).
    pub async fn stream(&self, path: &str, body: &impl Serialize) -> Result<Lines, Problem> {
        let response = self.send(Method::POST, path, json(body)?).await?;
        if !response.status().is_success() {
            return Err(problem(response).await);
        }
        Ok(Lines { body: Box::pin(response.into_body().into_data_stream()), buffer: Vec::new() })
    }

    async fn send(&self, method: Method, path: &str, body: Body) -> Result<Response<Body>, Problem> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "lockstep")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        match self {
            Client::Local(router) => {
                let Ok(response) = router.clone().oneshot(request).await;
                Ok(response)
            }
            Client::Socket(path) => over_socket(path, request).await,
        }
    }
}

async fn over_socket(path: &std::path::Path, request: Request<Body>) -> Result<Response<Body>, Problem> {
    let unreachable = |error: &dyn std::fmt::Display| {
        Problem::broken(format!("the running Lockstep does not answer at {}: {error}", path.display()))
    };
    let stream = UnixStream::connect(path).await.map_err(|error| unreachable(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the control connection ended");
        }
    });
    let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
    Ok(response.map(Body::new))
}

fn json(body: &impl Serialize) -> Result<Body, Problem> {
    serde_json::to_vec(body).map(Body::from).map_err(|error| Problem::bad_request(error.to_string()))
}

async fn bytes(response: Response<Body>) -> Result<Vec<u8>, Problem> {
    http_body_util::Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map(|body| body.to_bytes().to_vec())
        .map_err(|error| Problem::broken(format!("the answer broke off: {error}")))
}

async fn whole<T: DeserializeOwned>(response: Response<Body>) -> Result<T, Problem> {
    if !response.status().is_success() {
        return Err(problem(response).await);
    }
    let bytes = bytes(response).await?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::broken(format!("the answer is not understood: {error}")))
}

async fn problem(response: Response<Body>) -> Problem {
    let status = response.status();
    match bytes(response).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            let text: String = String::from_utf8_lossy(&bytes).chars().take(500).collect();
            match status {
                StatusCode::NOT_FOUND => Problem::broken("the running Lockstep does not know this operation"),
                _ => Problem::broken(format!("{status}: {text}")),
            }
        }),
        Err(problem) => problem,
    }
}

/// A streamed answer.
pub struct Lines {
    body: Pin<Box<dyn Stream<Item = Result<hyper::body::Bytes, axum::Error>> + Send>>,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line. `None`: that was all.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Problem> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|error| Problem::broken(format!("the answer is not understood: {error}")));
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(error)) => {
                    return Err(Problem::broken(format!("the answer broke off: {error}")));
                }
                None => return Ok(None),
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(Problem::broken("a line of the answer is too long"));
            }
        }
    }
}
