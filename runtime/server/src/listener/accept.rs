//! Accepting connections from strangers: how many, how long a request's head
//! may take and how long it may be, and how it all ends at a stop.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// Connections served at a time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// How long a request's head may take, and a connection may stay without one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request's head; also what is buffered of its body.
const HEAD_BYTES_MAX: usize = 32 * 1024;
const HEADERS_MAX: usize = 100;
/// How long a connection may last, so that none is held for ever.
const CONNECTION_WITHIN: Duration = Duration::from_secs(300);
/// Between two attempts to accept when the system is out of something.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How long open requests may take to end at a stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `stop`, then lets open requests end, for a bounded time.
///
/// # Errors
/// When the socket does not say where it listens.
pub async fn serve(listener: TcpListener, router: Router, stop: watch::Receiver<bool>) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "listening for webhooks, health and metrics");
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut stopping = stop.clone();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, router, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept on the listener");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off, and sends again.
    let _ = tokio::time::timeout(DRAIN, drained).await;
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let mut stopped = false;
    let ended = tokio::time::timeout(CONNECTION_WITHIN, async {
        loop {
            tokio::select! {
                ended = served.as_mut() => return ended,
                _ = stop.wait_for(|stop| *stop), if !stopped => {
                    stopped = true;
                    served.as_mut().graceful_shutdown();
                }
            }
        }
    });
    if let Ok(Err(error)) = ended.await {
        tracing::debug!(%error, "a connection ended with an error");
    }
}
