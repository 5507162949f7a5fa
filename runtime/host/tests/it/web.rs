//! Web servers for tests: they say byte for byte what a test wants said, and
//! remember what they were asked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case; of equal names the last.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What a server says, in order.
pub enum Part {
    Bytes(Vec<u8>),
    Pause(Duration),
    /// Close the connection.
    End,
    /// Say this again and again until the other end is gone.
    Endless(Vec<u8>, Duration),
}

/// A running server; it ends with the test's runtime.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicU32>,
}

impl Server {
    /// Begin to serve on a free port of this machine.
    pub async fn start(answer: impl Fn(&Asked) -> Vec<Part> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let server = Server { port, asked: Arc::default(), connections: Arc::default() };
        let (running, answer) = (server.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                running.connections.fetch_add(1, Ordering::Relaxed);
                let (running, answer) = (running.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(asked) = read(&mut stream).await {
                        running.asked.lock().push(asked.clone());
                        if !say(stream.get_mut(), answer(&asked)).await {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The grant that lets a connector reach it.
    pub fn grant(&self) -> String {
        format!("http:127.0.0.1:{}", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    asked.method = words.next()?.to_owned();
    asked.path = words.next()?.to_owned();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}

/// Whether the connection goes on.
async fn say(stream: &mut (impl AsyncWrite + Unpin), parts: Vec<Part>) -> bool {
    for part in parts {
        match part {
            Part::Bytes(bytes) if stream.write_all(&bytes).await.is_err() => return false,
            Part::Bytes(_) => {}
            Part::Pause(pause) => tokio::time::sleep(pause).await,
            Part::End => return false,
            Part::Endless(bytes, pause) => loop {
                if stream.write_all(&bytes).await.is_err() {
                    return false;
                }
                tokio::time::sleep(pause).await;
            },
        }
    }
    true
}

/// A whole answer.
pub fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<Part> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    vec![Part::Bytes(bytes)]
}

/// An answer with these bytes after nothing else.
pub fn raw(bytes: impl AsRef<[u8]>) -> Part {
    Part::Bytes(bytes.as_ref().to_vec())
}
