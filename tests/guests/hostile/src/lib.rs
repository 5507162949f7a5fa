//! A connector that misbehaves as its configuration tells it: `{"mode": …}`.
//! `check` is always well-behaved, so that tests see whether a new instance works.

use std::time::Duration;

use lockstep_sdk::{
    Cell, ChangesAnswer, ChangesRequest, CheckItem, Connector, ConnectorSpec, Error, Outcome, Page, PageRequest,
    Result, Role, Row, WriteRequest, clock, net,
};

struct Hostile {
    mode: String,
    calls: u32,
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
            permissions: vec!["tcp:config.host:config.port".into()],
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
        Ok(Hostile { mode, calls: 0 })
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

    fn changes(&mut self, request: ChangesRequest) -> Result<ChangesAnswer> {
        match self.mode.as_str() {
            "cursor" => Ok(ChangesAnswer::new(Vec::new(), vec![0; 10 << 20])),
            _ => Ok(ChangesAnswer::new(Vec::new(), request.after)),
        }
    }

    fn write(&mut self, request: WriteRequest) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for (index, _) in request.intents.iter().enumerate() {
            if self.mode == "trap" && index == request.intents.len() / 2 {
                panic!("in the middle of a batch");
            }
            outcomes.push(Outcome::Gone);
        }
        if self.mode == "outcomes" {
            outcomes.pop();
        }
        Ok(outcomes)
    }
}

#[allow(unconditional_recursion)]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[3]
}

lockstep_sdk::export!(Hostile);
