//! A web server on loopback with one file that a test changes.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::Result;

#[derive(Debug, Default)]
struct Content {
    /// `None`: there is no file.
    text: Option<String>,
    /// Counts the contents there were: the file's name for clients that know it.
    edition: u64,
    is_stopped: bool,
}

/// A served file. Stops when dropped.
#[derive(Debug)]
pub struct ServedFile {
    address: SocketAddr,
    content: Arc<Mutex<Content>>,
}

impl ServedFile {
    /// # Errors
    /// When there is no port.
    pub fn start(text: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let content = Arc::new(Mutex::new(Content { text: Some(text.to_owned()), ..Content::default() }));
        let served = Arc::clone(&content);
        thread::Builder::new().name("served-file".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if held(&served).is_stopped {
                    return;
                }
                // Broken connections are the client's business.
                let _ = answer(stream, &served);
            }
        })?;
        Ok(ServedFile { address, content })
    }

    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Another content; `None` takes the file away.
    pub fn put(&self, text: Option<&str>) {
        let mut content = held(&self.content);
        content.text = text.map(str::to_owned);
        content.edition += 1;
    }
}

impl Drop for ServedFile {
    fn drop(&mut self) {
        held(&self.content).is_stopped = true;
        // Wakes the thread, which waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

fn held(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, content: &Mutex<Content>) -> Result<()> {
    let mut known = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(("if-none-match", value)) = line.split_once(':').map(|(name, value)| (name, value.trim())) {
            value.clone_into(&mut known);
        }
    }
    let (text, edition) = {
        let content = held(content);
        (content.text.clone(), content.edition)
    };
    let etag = format!("\"{edition}\"");
    let (status, body) = match text {
        None => ("404 Not Found", String::new()),
        Some(_) if known == etag => ("304 Not Modified", String::new()),
        Some(text) => ("200 OK", text),
    };
    let length = if status.starts_with("304") { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    write!(stream, "HTTP/1.1 {status}\r\netag: {etag}\r\n{length}connection: close\r\n\r\n{body}")?;
    Ok(())
}
