//! One logged-in connection: simple and extended queries, pipelining, COPY BOTH.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::platform::{Platform, Stream, Wait};

use super::auth::{self, Scram};
use super::frame::{Frame, Inbox, Reader, put, put_text};
use super::results::{RowView, Rows};
use super::{server_error, startup};

/// Prepared statements kept per connection; beyond it all are forgotten.
const PREPARED_MAX: usize = 256;
/// How much longer than the server's own statement timeout an answer may take.
const ANSWER_GRACE_MS: u64 = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sql,
    Replication,
}

/// A statement's parameter.
pub enum Param<'a> {
    Null,
    Text(&'a str),
    /// In the type's binary notation.
    Binary(&'a [u8]),
}

pub struct Connection {
    platform: Rc<dyn Platform>,
    stream: Box<dyn Stream>,
    inbox: Inbox,
    out: Vec<u8>,
    settings: HashMap<String, String>,
    prepared: HashMap<String, u32>,
    prepared_next: u32,
    /// Parse messages sent and not yet answered, in order.
    parsing: VecDeque<(String, u32)>,
    answer_timeout_ms: u64,
    broken: bool,
}

impl Connection {
    /// Connect, encrypt, log in.
    pub fn open(platform: Rc<dyn Platform>, config: &Config, kind: Kind) -> Result<Self> {
        let stream = startup::open_stream(platform.as_ref(), config)?;
        let mut connection = Connection {
            platform,
            stream,
            inbox: Inbox::default(),
            out: Vec::new(),
            settings: HashMap::new(),
            prepared: HashMap::new(),
            prepared_next: 0,
            parsing: VecDeque::new(),
            answer_timeout_ms: config.connect_timeout_ms,
            broken: false,
        };
        connection.out = startup::startup_message(config, kind == Kind::Replication);
        connection.send()?;
        connection.log_in(config)?;
        connection.answer_timeout_ms = config.statement_timeout_ms + ANSWER_GRACE_MS;
        Ok(connection)
    }

    fn log_in(&mut self, config: &Config) -> Result<()> {
        let mut scram: Option<Scram> = None;
        loop {
            let frame = self.receive()?;
            match frame.tag {
                b'R' => {
                    let body = self.inbox.body(frame).to_vec();
                    self.answer_challenge(&body, config, &mut scram)?;
                }
                b'K' => {}
                b'Z' => return Ok(()),
                b'E' => return Err(self.server_failure(frame)),
                tag => return Err(unexpected(tag)),
            }
        }
    }

    fn answer_challenge(&mut self, body: &[u8], config: &Config, scram: &mut Option<Scram>) -> Result<()> {
        let mut reader = Reader::new(body);
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| Failure::Auth("a challenge that is not text".into()));
        match reader.u32()? {
            0 => {}
            5 => {
                let salt = reader.bytes(4)?;
                let answer = self.platform.postgres_md5(auth::SECRET, &config.user, salt).map_err(Failure::Auth)?;
                put(&mut self.out, b'p', |out| put_text(out, &answer));
                self.send()?;
            }
            10 => {
                let mut offered = Vec::new();
                loop {
                    match reader.text()? {
                        "" => break,
                        name => offered.push(name),
                    }
                }
                let random = self.platform.random(18);
                let exchange = Scram::new(&offered, self.stream.channel_binding(), &random)?;
                let first = exchange.client_first();
                put(&mut self.out, b'p', |out| {
                    put_text(out, exchange.mechanism());
                    out.extend_from_slice(&(first.len() as u32).to_be_bytes());
                    out.extend_from_slice(first.as_bytes());
                });
                self.send()?;
                *scram = Some(exchange);
            }
            11 => {
                let exchange = scram.as_mut().ok_or_else(out_of_turn)?;
                let answer = exchange.client_final(utf8(reader.rest())?, self.platform.as_ref())?;
                put(&mut self.out, b'p', |out| out.extend_from_slice(answer.as_bytes()));
                self.send()?;
            }
            12 => scram.as_ref().ok_or_else(out_of_turn)?.verify(utf8(reader.rest())?)?,
            3 => {
                return Err(Failure::Auth(
                    "the server asks for the password in the clear, which this connector never holds; use scram-sha-256 in pg_hba.conf".into(),
                ));
            }
            method => {
                return Err(Failure::Auth(format!("log-in method {method} is not supported")));
            }
        }
        Ok(())
    }

    /// Whether nothing more can be done over this connection.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// A setting the server reported, such as `server_version`.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The server's major version; 0 when it cannot be told.
    pub fn major_version(&self) -> u32 {
        let digits: String = self.setting("server_version").chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }

    /// How long an answer may take from now on.
    pub fn set_answer_timeout_ms(&mut self, answer_timeout_ms: u64) {
        self.answer_timeout_ms = answer_timeout_ms;
    }

    fn send(&mut self) -> Result<()> {
        let sent = self.stream.write(&self.out);
        self.out.clear();
        sent.map_err(|error| {
            self.broken = true;
            Failure::Closed(error.to_string())
        })
    }

    /// The next message that is not a notice, setting or notification.
    fn receive(&mut self) -> Result<Frame> {
        let deadline = self.platform.monotonic_ms() + self.answer_timeout_ms;
        loop {
            while let Some(frame) = self.inbox.take().inspect_err(|_| self.broken = true)? {
                if self.is_news(frame) {
                    return Ok(frame);
                }
            }
            let now = self.platform.monotonic_ms();
            if now >= deadline {
                self.broken = true;
                return Err(Failure::TimedOut(self.answer_timeout_ms));
            }
            self.fill(Wait::Millis(deadline - now))?;
        }
    }

    fn fill(&mut self, wait: Wait) -> Result<usize> {
        let space = self.inbox.space();
        self.stream.read(space, wait).map_err(|error| {
            self.broken = true;
            Failure::Closed(error.to_string())
        })
    }

    /// False for what may come at any time and is handled here.
    fn is_news(&mut self, frame: Frame) -> bool {
        match frame.tag {
            b'S' => {
                let mut reader = Reader::new(self.inbox.body(frame));
                if let (Ok(name), Ok(value)) = (reader.text(), reader.text()) {
                    self.settings.insert(name.to_owned(), value.to_owned());
                }
                false
            }
            b'N' => {
                let notice = server_error::parse(self.inbox.body(frame));
                self.platform.log("debug", &notice.message);
                false
            }
            b'A' => false,
            _ => true,
        }
    }

    fn server_failure(&mut self, frame: Frame) -> Failure {
        let error = server_error::parse(self.inbox.body(frame));
        let failure = Failure::Server(Box::new(error));
        self.broken |= failure.ends_connection();
        failure
    }

    /// Run statements by the simple protocol; the rows of the last one that had any.
    pub fn simple(&mut self, sql: &str) -> Result<Rows> {
        put(&mut self.out, b'Q', |out| put_text(out, sql));
        self.send()?;
        let mut rows = Rows::default();
        let mut failed = None;
        loop {
            let frame = self.receive()?;
            match frame.tag {
                b'T' => rows = Rows::default(),
                b'D' => rows.push(RowView::parse(self.inbox.body(frame))?)?,
                b'C' | b'I' | b'3' => {}
                b'E' => {
                    failed = Some(self.server_failure(frame));
                    if self.broken {
                        break;
                    }
                }
                b'Z' => break,
                tag => return Err(unexpected(tag)),
            }
        }
        failed.map_or(Ok(rows), Err)
    }

    /// Run one statement with text parameters; a small result.
    pub fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Rows> {
        let mut rows = Rows::default();
        self.queue(sql, params);
        self.sync()?;
        let done = self.result(&mut |row| rows.push(row));
        self.ready()?;
        done.map(|_| rows)
    }

    /// Put a statement's execution into the pipeline. Nothing is sent yet.
    pub fn queue(&mut self, sql: &str, params: &[Param<'_>]) {
        let name = self.statement(sql);
        put(&mut self.out, b'B', |out| {
            put_text(out, "");
            put_text(out, &name);
            out.extend_from_slice(&(params.len() as u16).to_be_bytes());
            for param in params {
                let code = u16::from(matches!(param, Param::Binary(_)));
                out.extend_from_slice(&code.to_be_bytes());
            }
            out.extend_from_slice(&(params.len() as u16).to_be_bytes());
            for param in params {
                let bytes = match param {
                    Param::Null => {
                        out.extend_from_slice(&(-1i32).to_be_bytes());
                        continue;
                    }
                    Param::Text(text) => text.as_bytes(),
                    Param::Binary(bytes) => bytes,
                };
                out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                out.extend_from_slice(bytes);
            }
            out.extend_from_slice(&[0, 0]);
        });
        put(&mut self.out, b'E', |out| {
            put_text(out, "");
            out.extend_from_slice(&[0; 4]);
        });
    }

    /// The name of a prepared statement, parsing it first when it is new.
    fn statement(&mut self, sql: &str) -> String {
        let known = self.prepared.get(sql).copied().or_else(|| {
            let same = self.parsing.iter().find(|(text, _)| text == sql);
            same.map(|(_, number)| *number)
        });
        if let Some(number) = known {
            return format!("s{number}");
        }
        let number = self.prepared_next;
        self.prepared_next += 1;
        let name = format!("s{number}");
        put(&mut self.out, b'P', |out| {
            put_text(out, &name);
            put_text(out, sql);
            out.extend_from_slice(&[0, 0]);
        });
        self.parsing.push_back((sql.to_owned(), number));
        name
    }

    /// Bytes queued and not yet sent.
    pub fn queued_bytes(&self) -> usize {
        self.out.len()
    }

    /// Send what is queued and have its results sent back, transaction open.
    pub fn flush(&mut self) -> Result<()> {
        put(&mut self.out, b'H', |_| {});
        self.send()
    }

    /// End the implicit transaction behind what is queued; what is queued from
    /// here on is another one. Nothing is sent yet.
    pub fn queue_sync(&mut self) {
        put(&mut self.out, b'S', |_| {});
    }

    /// What is known of this connection cannot be trusted any more.
    pub fn give_up(&mut self) {
        self.broken = true;
    }

    /// Send what is queued and end the implicit transaction.
    pub fn sync(&mut self) -> Result<()> {
        put(&mut self.out, b'S', |_| {});
        self.send()
    }

    /// The rows of the next queued statement, then its completion tag.
    pub fn result(&mut self, on_row: &mut dyn FnMut(RowView<'_>) -> Result<()>) -> Result<String> {
        loop {
            let frame = self.receive()?;
            match frame.tag {
                b'1' => {
                    if let Some((sql, number)) = self.parsing.pop_front() {
                        self.prepared.insert(sql, number);
                    }
                }
                b'2' | b'3' | b'n' | b's' => {}
                b'D' => on_row(RowView::parse(self.inbox.body(frame))?)?,
                b'C' => {
                    let mut reader = Reader::new(self.inbox.body(frame));
                    return Ok(reader.text()?.to_owned());
                }
                b'I' => return Ok(String::new()),
                b'E' => {
                    self.parsing.clear();
                    return Err(self.server_failure(frame));
                }
                tag => {
                    self.broken = true;
                    return Err(unexpected(tag));
                }
            }
        }
    }

    /// Wait until the server is ready after [`Connection::sync`]; results not
    /// taken are dropped. An error that only shows now (a deferred constraint,
    /// a failed commit) is returned.
    pub fn ready(&mut self) -> Result<()> {
        if self.broken {
            return Err(Failure::Closed("after an earlier failure".into()));
        }
        let mut failed = None;
        loop {
            let frame = self.receive()?;
            match frame.tag {
                b'Z' => break,
                b'E' => {
                    self.parsing.clear();
                    let failure = self.server_failure(frame);
                    if self.broken {
                        return Err(failure);
                    }
                    failed = Some(failure);
                }
                b'1' => {
                    if let Some((sql, number)) = self.parsing.pop_front() {
                        self.prepared.insert(sql, number);
                    }
                }
                _ => {}
            }
        }
        self.forget_statements();
        failed.map_or(Ok(()), Err)
    }

    fn forget_statements(&mut self) {
        if self.prepared.len() <= PREPARED_MAX {
            return;
        }
        for (_, number) in self.prepared.drain() {
            put(&mut self.out, b'C', |out| {
                out.push(b'S');
                put_text(out, &format!("s{number}"));
            });
        }
    }

    /// Begin a COPY BOTH command such as START_REPLICATION.
    pub fn copy_both(&mut self, sql: &str) -> Result<()> {
        put(&mut self.out, b'Q', |out| put_text(out, sql));
        self.send()?;
        let frame = self.receive()?;
        match frame.tag {
            b'W' => Ok(()),
            b'E' => {
                let failure = self.server_failure(frame);
                if !self.broken {
                    self.ready()?;
                }
                Err(failure)
            }
            tag => Err(unexpected(tag)),
        }
    }

    /// The next COPY data message; `None` when none came in time.
    pub fn copy_receive(&mut self, wait: Wait) -> Result<Option<Frame>> {
        let deadline = match wait {
            Wait::None => None,
            Wait::Millis(millis) => Some(self.platform.monotonic_ms() + millis),
        };
        loop {
            while let Some(frame) = self.inbox.take().inspect_err(|_| self.broken = true)? {
                match frame.tag {
                    b'd' => return Ok(Some(frame)),
                    b'E' => {
                        self.broken = true;
                        return Err(self.server_failure(frame));
                    }
                    b'c' | b'C' | b'Z' => {
                        self.broken = true;
                        return Err(Failure::Closed("the server ended the stream".into()));
                    }
                    _ => {
                        self.is_news(frame);
                    }
                }
            }
            let wait = match deadline {
                None => Wait::None,
                Some(deadline) => match deadline.saturating_sub(self.platform.monotonic_ms()) {
                    0 => Wait::None,
                    left => Wait::Millis(left),
                },
            };
            if self.fill(wait)? == 0 && wait == Wait::None {
                return Ok(None);
            }
        }
    }

    /// A received message's body.
    pub fn body(&self, frame: Frame) -> &[u8] {
        self.inbox.body(frame)
    }

    /// Received bytes not yet looked at.
    pub fn pending_bytes(&self) -> usize {
        self.inbox.pending_bytes()
    }

    /// Send one COPY data message.
    pub fn copy_send(&mut self, body: &[u8]) -> Result<()> {
        put(&mut self.out, b'd', |out| out.extend_from_slice(body));
        self.send()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.broken {
            self.out.clear();
            put(&mut self.out, b'X', |_| {});
            let _ = self.send();
        }
    }
}

fn unexpected(tag: u8) -> Failure {
    Failure::Protocol(format!("message `{}` out of turn", tag.escape_ascii()))
}

fn out_of_turn() -> Failure {
    Failure::Protocol("a SCRAM message out of turn".into())
}
