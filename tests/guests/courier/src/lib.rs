//! A connector that sends the HTTP requests it is told to, for tests of the host.
//!
//! Configuration: `{"base_url": …}` is where paths lead, `{"other_url": …}` a
//! second system, `client_id`, `user` and `audience` fill the authentication
//! schemes. `check` carries out one command per object:
//!
//! - `GET /path`, `POST /path {"body":1}`: sends it, and answers with the status
//!   as the item's name, the body as its message, the headers as its remedy. An
//!   absolute address goes where it says.
//! - `header NAME VALUE`: sets it in all requests that follow.
//! - `timeout MS`: for all requests that follow.
//! - `start GET /path`, then `wait MS`, in the same call or a later one.
//! - `body BYTES`: the next request's body, so long.
//! - `sign-in`, `sign-in anew`: what the token's answer told.
//! - `sign TEXT`, `limit NAME USED LIMIT RESETS_IN_MS`.

use std::time::Duration;

use lockstep_sdk::{
    AuthScheme, CheckItem, Connector, ConnectorSpec, Error, Result, Role, credentials,
    http::{Client, Failure, HostClient, Pending, Request, Response},
};

struct Courier {
    base_url: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
    body: Vec<u8>,
    pending: Option<Box<dyn Pending>>,
}

/// Every kind of authentication there is.
fn schemes() -> Vec<AuthScheme> {
    let (token, id) = ("{config.base_url}/token", "{config.client_id}");
    let hosts = ["https:config.base_url", "answer.instance_url"];
    [
        AuthScheme::client_credentials("client-credentials", token, id, "client_secret").with_scope("{config.scope|}"),
        AuthScheme::jwt_bearer("jwt-bearer", token, id, "{config.user}", "{config.audience}", "private_key"),
        AuthScheme::refresh_token("refresh-token", token, id, "client_secret", "refresh_token"),
        AuthScheme::bearer("bearer", "token"),
        AuthScheme::api_key("api-key", "x-api-key", "key"),
        AuthScheme::basic("basic", "{config.user}", "password"),
    ]
    .into_iter()
    .map(|scheme| scheme.for_hosts(hosts).with_answers(["instance_url"]))
    .collect()
}

impl Connector for Courier {
    fn spec() -> ConnectorSpec {
        ConnectorSpec {
            name: "courier".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            changes: "none".into(),
            precondition: "none".into(),
            abilities: Vec::new(),
            config_schema: r#"{"type":"object"}"#.into(),
            cursor_version: 1,
            permissions: vec!["https:config.base_url".into(), "https:config.other_url".into()],
            credentials: vec!["sign-rs256:private_key".into()],
            auth_schemes: schemes(),
            extras: Vec::new(),
        }
    }

    fn open(_role: Role, config: &str) -> Result<Self> {
        let config: serde_json::Value =
            serde_json::from_str(config).map_err(|error| Error::config(error.to_string()))?;
        Ok(Courier {
            base_url: config["base_url"].as_str().unwrap_or_default().to_owned(),
            headers: Vec::new(),
            timeout: Duration::from_secs(20),
            body: Vec::new(),
            pending: None,
        })
    }

    fn check(&mut self, commands: Vec<String>) -> Result<Vec<CheckItem>> {
        commands.iter().map(|command| self.carry_out(command)).collect()
    }
}

impl Courier {
    fn carry_out(&mut self, command: &str) -> Result<CheckItem> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let number = || rest.parse::<u64>().map_err(|_| Error::config(format!("no number: {rest}")));
        match verb {
            "header" => {
                let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                self.headers.push((name.to_owned(), value.to_owned()));
            }
            "timeout" => self.timeout = Duration::from_millis(number()?),
            "body" => self.body = vec![b'x'; usize::try_from(number()?).unwrap_or_default()],
            "start" => self.pending = Some(HostClient::new().start(self.request(rest))),
            "wait" => {
                let Some(mut pending) = self.pending.take() else { return Err(Error::config("nothing is pending")) };
                return Ok(match pending.wait(Duration::from_millis(number()?)) {
                    Some(answer) => told(answer),
                    None => {
                        self.pending = Some(pending);
                        CheckItem::warn("pending", "", "")
                    }
                });
            }
            "sign-in" => {
                let answers = credentials::sign_in(rest == "anew")?;
                let answers: Vec<String> = answers.iter().map(|(name, value)| format!("{name}={value}")).collect();
                return Ok(CheckItem::ok("signed-in", answers.join(" ")));
            }
            "sign" => {
                let signature = credentials::sign_rs256("private_key", rest.as_bytes())?;
                return Ok(CheckItem::ok("signed", format!("{} bytes", signature.len())));
            }
            "limit" => {
                let mut parts = rest.split(' ');
                let name = parts.next().unwrap_or_default().to_owned();
                let mut next = || parts.next().and_then(|part| part.parse().ok());
                let (used, limit, resets_in_ms) = (next(), next(), next());
                lockstep_sdk::rate_limit(&name, used, limit, resets_in_ms);
            }
            _ => return Ok(told(HostClient::new().send(self.request(command)))),
        }
        Ok(CheckItem::ok("done", ""))
    }

    fn request(&mut self, line: &str) -> Request {
        let mut parts = line.splitn(3, ' ');
        let (method, target) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let url = match target.contains("://") {
            true => target.to_owned(),
            false => format!("{}{target}", self.base_url),
        };
        let mut request = Request::new(method, url);
        request.headers.clone_from(&self.headers);
        request.timeout = self.timeout;
        request.body = std::mem::take(&mut self.body);
        if let Some(body) = parts.next() {
            body.as_bytes().clone_into(&mut request.body);
        }
        request
    }
}

fn told(answer: std::result::Result<Response, Failure>) -> CheckItem {
    match answer {
        Ok(response) => {
            let headers: Vec<String> =
                response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let body = match response.body.len() {
                0..=4096 => String::from_utf8_lossy(&response.body).into_owned(),
                long => format!("{long} bytes"),
            };
            CheckItem {
                name: response.status.to_string(),
                status: "ok".into(),
                message: body,
                remedy: headers.join("; "),
            }
        }
        Err(failure) => {
            let name = match &failure {
                Failure::NotSent(_) => "not-sent",
                Failure::Denied(_) => "denied",
                Failure::Unknown(_) => "unknown",
            };
            CheckItem::fail(name, failure.to_string(), "")
        }
    }
}

lockstep_sdk::export!(Courier, "connector.json");
