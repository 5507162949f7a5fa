//! A connector that misbehaves as its configuration tells it: `{"mode": …}`.
//! `check` is always well-behaved, so that tests see whether a new instance works.

#[cfg(target_family = "wasm")]
mod network;

use std::time::Duration;

use lockstep_sdk::{
    Cell, ChangesAnswer, ChangesRequest, CheckItem, Connector, ConnectorSpec, Error, FetchRequest, Found, Outcome,
    Page, PageRequest, Result, Role, Row, WriteRequest, clock, net,
};

struct Hostile {
    mode: String,
    host: String,
    port: u16,
    calls: u32,
    hoard: Vec<Vec<u8>>,
}

impl Connector for Hostile {
    fn spec() -> ConnectorSpec {
        ConnectorSpec {
            name: "hostile".into(),
            version: "0.1.0".into(),
            changes: "log".into(),
            precondition: "none".into(),
            abilities: Vec::new(),
            config_schema: "{}".into(),
            cursor_version: 1,
            permissions: vec!["tcp:config.host:config.port".into(), "https:config.base_url".into()],
            credentials: vec!["scram-sha-256:password".into()],
            auth_schemes: Vec::new(),
            extras: Vec::new(),
        }
    }

    fn open(_role: Role, config: &str) -> Result<Self> {
        let config: serde_json::Value =
            serde_json::from_str(config).map_err(|error| Error::config(error.to_string()))?;
        let mode = config["mode"].as_str().unwrap_or_default().to_owned();
        match mode.as_str() {
            "open-error" => return Err(Error::unavailable("nobody there")),
            "open-trap" => panic!("cannot even open"),
            _ => {}
        }
        let host = config["host"].as_str().unwrap_or_default().to_owned();
        let port = config["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
        Ok(Hostile { mode, host, port, calls: 0, hoard: Vec::new() })
    }

    /// Says how many calls this instance has had.
    fn check(&mut self, _objects: Vec<String>) -> Result<Vec<CheckItem>> {
        self.calls += 1;
        Ok(vec![CheckItem::ok("calls", self.calls.to_string())])
    }

    fn read(&mut self, request: PageRequest) -> Result<Page> {
        match self.mode.as_str() {
            "loop" => loop {
                std::hint::black_box(&mut self.calls);
            },
            "host-calls" => loop {
                std::hint::black_box(clock::now_us());
            },
            // Takes all it can get, and keeps it.
            "hoard" => {
                let mut block = Vec::new();
                while block.try_reserve_exact(1 << 20).is_ok() {
                    block.resize(1 << 20, 1);
                    self.hoard.push(std::mem::take(&mut block));
                }
            }
            "terminal" => {
                lockstep_sdk::error!("\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}all is well\n2026 INFO forged line")
            }
            "circle" => {
                let mut page = Page::last(Vec::new());
                page.next = vec![b'a' + request.after.first().map_or(0, |at| (at - b'a' + 1) % 3)];
                return Ok(page);
            }
            "random" => {
                std::hint::black_box(lockstep_sdk::bindings::wasi::random::random::get_random_bytes(1 << 30));
            }
            "headers" | "empty-writes" | "handles" | "sockets" | "connections" => self.use_the_network()?,
            "sleep" => clock::sleep(Duration::from_secs(3600)),
            "memory" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            "stack" => {
                std::hint::black_box(deeper(1));
            }
            "log" => {
                for line in 0..100_000 {
                    lockstep_sdk::error!("\u{1b}[2Jline {line}");
                    println!("and again");
                }
            }
            "huge" => {
                let row = || Row::new(vec![1_i64.into()], vec![Cell::Text("x".repeat(1 << 20))]);
                return Ok(Page::last((0..80).map(|_| row()).collect()));
            }
            "cells" => {
                let row = Row::new(vec![1_i64.into()], vec![Cell::Null; request.selection.columns.len() + 1]);
                return Ok(Page::last(vec![row]));
            }
            "no-key" => {
                let row = Row::new(Vec::new(), vec![Cell::Null; request.selection.columns.len()]);
                return Ok(Page::last(vec![row]));
            }
            "elsewhere" => {
                net::TcpStream::connect("169.254.169.254", 80, Duration::from_secs(1))?;
            }
            "lookup" => {
                net::resolve("internal.example.com", Duration::from_secs(1))?;
            }
            "secret" => {
                lockstep_sdk::credentials::hmac_sha256("password", b"anything")?;
            }
            other => return Err(Error::config(format!("no such mode: {other}"))),
        }
        Ok(Page::last(Vec::new()))
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Vec<Found>> {
        // Rows of keys that nobody asked for.
        let cells = vec![Cell::Null; request.selection.columns.len()];
        Ok(vec![Found { index: 1_000_000, row: Row::new(vec![1_i64.into()], cells) }])
    }

    fn changes(&mut self, request: ChangesRequest) -> Result<ChangesAnswer> {
        match self.mode.as_str() {
            "cursor" => Ok(ChangesAnswer::new(Vec::new(), vec![0; 10 << 20])),
            "changes-trap" => panic!("in the middle of a batch"),
            _ => Ok(ChangesAnswer::new(Vec::new(), request.after)),
        }
    }

    fn write(&mut self, request: WriteRequest) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for (index, _) in request.intents.iter().enumerate() {
            if self.mode == "trap" && index == request.intents.len() / 2 {
                panic!("in the middle of a batch");
            }
            outcomes.push(match self.mode.as_str() {
                "lie" => Outcome::Applied(Row::new(vec![1_i64.into()], vec![Cell::Null; request.returning.len()])),
                _ => Outcome::Gone,
            });
        }
        if self.mode == "outcomes" {
            outcomes.pop();
        }
        Ok(outcomes)
    }

    fn close(self) {
        match self.mode.as_str() {
            "close-loop" => loop {
                std::hint::black_box(clock::now_us());
            },
            "close-sleep" => clock::sleep(Duration::from_secs(3600)),
            "close-trap" => panic!("no goodbye"),
            _ => {}
        }
    }
}

impl Hostile {
    #[cfg(target_family = "wasm")]
    fn use_the_network(&mut self) -> Result<()> {
        let count = match self.mode.as_str() {
            "headers" => return network::many_headers(40_000),
            "empty-writes" => return network::empty_writes(&format!("{}:{}", self.host, self.port), 1_000_000),
            "handles" => return network::leak_handles(),
            "sockets" => network::leak_sockets(),
            _ => network::leak_connections(&self.host, self.port),
        };
        Err(Error::internal(format!("{count} and no more")))
    }

    #[cfg(not(target_family = "wasm"))]
    fn use_the_network(&mut self) -> Result<()> {
        Err(Error::unsupported(format!("{} {}", self.host, self.port)))
    }
}

#[allow(unconditional_recursion)]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[3]
}

lockstep_sdk::export!(Hostile, "connector.json");
