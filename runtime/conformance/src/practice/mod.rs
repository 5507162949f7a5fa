//! The practice service: a small notebook behind a REST interface, for
//! learning to write connectors and for trying the starters. It has what a
//! good system has (revisions, conditional writes, a change log) and keeps
//! everything in memory, for as long as it runs.

mod notebook;
mod routes;

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, task::JoinHandle};

use self::notebook::Notebook;

/// What requests carry as `authorization: Bearer …`.
pub const TOKEN: &str = "practice-makes-perfect";

/// A running service. Stops when dropped.
pub struct Practice {
    address: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Practice {
    /// Serves on this machine; port 0: a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(port: u16) -> std::io::Result<Practice> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let routes = routes::all(Arc::new(Notebook::default()));
        Ok(Practice { address, serving: tokio::spawn(async move { axum::serve(listener, routes).await }) })
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn wait(mut self) -> std::io::Result<()> {
        (&mut self.serving).await.map_err(std::io::Error::other)?
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
