//! Rules of the form `tcp:HOST:PORT`, `https:HOST[:PORT]` and `http:HOST[:PORT]`: what
//! a connector asks for and what the operator grants. Pure.
//!
//! `HOST` is a name, an IPv4 address, an IPv6 address in brackets, a range in
//! CIDR notation (`10.0.0.0/8`, `[fd00::/8]`), or `*.example.com` for every name
//! below that one. `PORT` is a number or `*`; 443 and 80 where it is left out. In what a
//! connector asks, `config.a.b` stands for that value of the connection's configuration,
//! `config.a|5432` for it or a default; a value that is a URL or `host:port` stands for
//! both, and a URL for `http` or `https` too. `{config.a}` stands for a part of a name.

use std::{fmt, net::IpAddr};

use serde_json::Value;

use super::address::canonical;
use crate::template::{expand, is_configured, lookup};

/// What is spoken with a host. A right to one is no right to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A connection of the connector's own.
    Tcp,
    /// Requests that the host makes, encrypted.
    Https,
    /// Requests that the host makes, in the clear.
    Http,
}

impl Protocol {
    /// As it stands in a rule and in a URL.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Https => "https",
            Protocol::Http => "http",
        }
    }

    /// Of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Protocol::Tcp, Protocol::Https, Protocol::Http].into_iter().find(|protocol| protocol.name() == name)
    }

    /// The port meant when none is said.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Protocol::Tcp => None,
            Protocol::Https => Some(443),
            Protocol::Http => Some(80),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRule {
    Name(String),
    /// Every name that ends in this, which begins with a dot.
    Below(String),
    Range {
        base: IpAddr,
        bits: u8,
    },
}

/// One thing to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub protocol: Protocol,
    pub host: HostRule,
    /// `None`: any.
    pub port: Option<u16>,
}

/// Why a rule cannot be read, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule(pub String);

impl Rule {
    /// Read `tcp:HOST:PORT`, `https:HOST[:PORT]` or `http:HOST[:PORT]`.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let bad = |why: &str| {
            BadRule(format!("\"{text}\" is no grant: {why}; write tcp:HOST:PORT, https:HOST or private-network"))
        };
        let (protocol, rest) = text.split_once(':').ok_or_else(|| bad("it begins with no protocol"))?;
        let protocol = Protocol::parse(protocol).ok_or_else(|| bad("it begins with no protocol"))?;
        let (host, port) = host_and_port(protocol, rest).ok_or_else(|| bad("it has no port"))?;
        Rule::of(protocol, &host, &port).ok_or_else(|| bad("host or port make no sense"))
    }

    /// From host and port as written; `None` when they cannot be that.
    pub fn of(protocol: Protocol, host: &str, port: &str) -> Option<Self> {
        let port = match port {
            "*" => None,
            number => Some(number.parse::<u16>().ok().filter(|port| *port != 0)?),
        };
        Some(Rule { protocol, host: HostRule::parse(host)?, port })
    }

    pub fn covers_port(&self, protocol: Protocol, port: u16) -> bool {
        self.protocol == protocol && self.port.is_none_or(|own| own == port)
    }
}

impl HostRule {
    fn parse(text: &str) -> Option<Self> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if let Some((base, bits)) = bare.split_once('/') {
            let base: IpAddr = base.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            return (bits <= width(base)).then_some(HostRule::Range { base, bits });
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            let base = canonical(address);
            return Some(HostRule::Range { base, bits: width(base) });
        }
        let name = normal_name(text)?;
        match name.strip_prefix('*') {
            Some(below) if below.starts_with('.') && below.len() > 1 && !below.contains('*') => {
                Some(HostRule::Below(below.to_owned()))
            }
            None if !name.contains('*') => Some(HostRule::Name(name)),
            _ => None,
        }
    }

    pub fn covers_name(&self, name: &str) -> bool {
        match self {
            HostRule::Name(own) => own == name,
            HostRule::Below(end) => name.ends_with(end.as_str()),
            HostRule::Range { .. } => false,
        }
    }

    pub fn covers_address(&self, address: IpAddr) -> bool {
        match self {
            HostRule::Range { base, bits } => in_range(canonical(address), *base, *bits),
            HostRule::Name(_) | HostRule::Below(_) => false,
        }
    }

    /// Names this very address and no other.
    pub fn is_address(&self, address: IpAddr) -> bool {
        matches!(self, HostRule::Range { base, bits } if *bits == width(*base) && *base == canonical(address))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.protocol.name())?;
        match &self.host {
            HostRule::Name(name) => out.write_str(name)?,
            HostRule::Below(end) => write!(out, "*{end}")?,
            HostRule::Range { base, bits } if *bits == width(*base) => write!(out, "{}", show(*base))?,
            HostRule::Range { base: IpAddr::V4(base), bits } => write!(out, "{base}/{bits}")?,
            HostRule::Range { base: IpAddr::V6(base), bits } => write!(out, "[{base}/{bits}]")?,
        }
        match self.port {
            Some(port) if self.protocol.default_port() == Some(port) => Ok(()),
            Some(port) => write!(out, ":{port}"),
            None => out.write_str(":*"),
        }
    }
}

/// An address as it stands in a rule.
pub fn show(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// Lower case, no final dot; `None` for what is no host name.
pub fn normal_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*');
    (!name.is_empty() && name.len() <= 253 && name.chars().all(fits)).then_some(name)
}

/// What a connector asks (`tcp:config.host:config.port`), with the connection's configuration filled in.
/// The flag says that the operator wrote the host into the configuration, and the port too unless
/// it is the connector's default. Empty when the configuration leaves the host out.
pub fn resolve_ask(ask: &str, config: &Value) -> Result<Vec<(Rule, bool)>, BadRule> {
    let bad = |why: &str| BadRule(format!("the connector asks for \"{ask}\": {why}"));
    let (protocol, rest) = ask.split_once(':').ok_or_else(|| bad("it begins with no protocol"))?;
    let protocol = Protocol::parse(protocol).ok_or_else(|| bad("it begins with no protocol"))?;
    if let Some(path) = rest.strip_prefix("config.").filter(|path| is_whole_place(path)) {
        let read = |value: &String| {
            let (protocol, host, port) =
                place(protocol, value).ok_or_else(|| bad("the configured value names no host and port"))?;
            let own = is_configured(path, config);
            Rule::of(protocol, &host, &port).map(|rule| (rule, own)).ok_or_else(|| bad("no such host or port"))
        };
        return lookup(path, config).iter().map(read).collect();
    }
    let (host, port) = host_and_port(protocol, rest).ok_or_else(|| bad("it has no port"))?;
    let fill = |part: &str| match part.strip_prefix("config.") {
        Some(path) => lookup(path, config),
        // A name of which the configuration leaves a part out is not asked for.
        None => expand(part, config).into_iter().collect(),
    };
    let own = host.strip_prefix("config.").is_some_and(|path| is_configured(path, config))
        && (port.starts_with("config.") || protocol.default_port().is_some());
    let ports = fill(&port);
    let mut rules = Vec::new();
    for host in fill(&host) {
        for port in &ports {
            let rule =
                Rule::of(protocol, &host, port).ok_or_else(|| bad("the configured host or port makes no sense"))?;
            rules.push((rule, own));
        }
    }
    Ok(rules)
}

/// Whether what follows `config.` names one value that stands for host and port:
/// no second part follows, but for a default that is an address itself.
fn is_whole_place(path: &str) -> bool {
    match path.split_once('|') {
        Some((path, default)) => !path.contains(':') && (default.contains("://") || !default.contains(':')),
        None => !path.contains(':'),
    }
}

/// Host and port of a rule, the protocol's own port where none is said.
fn host_and_port(protocol: Protocol, text: &str) -> Option<(String, String)> {
    match split(text) {
        Some((host, port)) => Some((host.to_owned(), port.to_owned())),
        None => {
            let port = protocol.default_port()?;
            let whole = !text.is_empty() && (!text.contains(':') || text.ends_with(']'));
            whole.then(|| (text.to_owned(), port.to_string()))
        }
    }
}

/// Protocol, host and port of a URL, of `host:port`, or of a host alone.
pub fn place(asked: Protocol, value: &str) -> Option<(Protocol, String, String)> {
    let Some((scheme, rest)) = value.split_once("://") else {
        let (host, port) = host_and_port(asked, value.trim_end_matches('/'))?;
        return Some((asked, host, port));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, after)| after);
    let protocol = match (asked, Protocol::parse(scheme)) {
        (Protocol::Tcp, _) => Protocol::Tcp,
        (Protocol::Http | Protocol::Https, Some(spoken @ (Protocol::Http | Protocol::Https))) => spoken,
        (Protocol::Http | Protocol::Https, _) => return None,
    };
    match split(authority) {
        Some((host, port)) if !port.is_empty() => Some((protocol, host.to_owned(), port.to_owned())),
        _ => {
            let port = match scheme {
                "postgres" | "postgresql" => "5432",
                "https" => "443",
                "http" => "80",
                _ => return None,
            };
            Some((protocol, authority.to_owned(), port.to_owned()))
        }
    }
}

/// Host and port at the last colon outside brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    (!host.is_empty() && !port.contains(']') && (bracketed || !host.contains(':'))).then_some((host, port))
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn in_range(address: IpAddr, base: IpAddr, bits: u8) -> bool {
    let (address, base, width) = match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let shift = u32::from(width - bits);
    address.checked_shr(shift).unwrap_or(0) == base.checked_shr(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(ask: &str, config: &str) -> Vec<String> {
        let config = serde_json::from_str(config).expect("JSON");
        let rules = resolve_ask(ask, &config).expect("rules");
        rules.into_iter().map(|(rule, own)| format!("{rule}{}", if own { " own" } else { "" })).collect()
    }

    #[test]
    fn rules_read_back_as_they_were_written() {
        for text in [
            "tcp:db.example.com:5432",
            "tcp:*.example.com:443",
            "tcp:10.0.0.0/8:5432",
            "tcp:[fd00::/8]:5432",
            "tcp:[::1]:*",
            "tcp:127.0.0.1:5432",
            "https:api.example.com",
            "https:*.example.com:8443",
            "https:[::1]",
            "http:127.0.0.1:8080",
        ] {
            assert_eq!(Rule::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_rule_that_says_nothing_certain_is_refused() {
        for text in ["tcp:*:5432", "tcp:a*b.com:1", "udp:a:1", "tcp:host", "tcp:host:0", "tcp:10.0.0.0/33:1", "tcp::1"]
        {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_ask_takes_its_host_and_port_from_the_configuration() {
        let ask = "tcp:config.host:config.port|5432";
        assert_eq!(asks(ask, r#"{"host":"DB.internal","port":6000}"#), ["tcp:db.internal:6000 own"]);
        assert_eq!(asks(ask, r#"{"host":"db"}"#), ["tcp:db:5432 own"]);
        assert_eq!(asks(ask, r#"{"host":["a","b"]}"#), ["tcp:a:5432 own", "tcp:b:5432 own"]);
        assert!(asks(ask, "{}").is_empty());
        assert_eq!(asks("tcp:config.url", r#"{"url":"postgres://me:x@[::1]/app"}"#), ["tcp:[::1]:5432 own"]);
        assert_eq!(asks("tcp:config.at", r#"{"at":"localhost:99"}"#), ["tcp:localhost:99 own"]);
        assert_eq!(asks("tcp:api.example.com:443", "{}"), ["tcp:api.example.com:443"]);
    }

    #[test]
    fn an_ask_for_requests_takes_protocol_host_and_port_from_an_address() {
        let ask = "https:config.base_url";
        assert_eq!(asks(ask, r#"{"base_url":"https://API.example.com/v3"}"#), ["https:api.example.com own"]);
        assert_eq!(asks(ask, r#"{"base_url":"http://127.0.0.1:8080"}"#), ["http:127.0.0.1:8080 own"]);
        assert_eq!(asks(ask, r#"{"base_url":"api.example.com:8443"}"#), ["https:api.example.com:8443 own"]);
        assert_eq!(asks(ask, r#"{"base_url":"api.example.com"}"#), ["https:api.example.com own"]);
        assert!(asks(ask, "{}").is_empty());
        assert_eq!(asks("https:config.login|https://login.example.com", "{}"), ["https:login.example.com"]);
        assert_eq!(asks("https:{config.org}.my.example.com", r#"{"org":"acme"}"#), ["https:acme.my.example.com"]);
        assert_eq!(asks("tcp:config.host|evil.example.com:config.port|1", "{}"), ["tcp:evil.example.com:1"]);
        assert!(asks("https:{config.org}.my.example.com", "{}").is_empty());
        assert_eq!(asks("https:*.example.com", "{}"), ["https:*.example.com"]);
        assert!(resolve_ask(ask, &serde_json::json!({"base_url": "ftp://a.example.com"})).is_err());
    }

    #[test]
    fn a_range_covers_mapped_addresses_and_nothing_beyond_its_end() {
        let rule = Rule::parse("tcp:10.0.0.0/8:*").expect("a rule").host;
        assert!(rule.covers_address("10.1.2.3".parse().expect("ip")));
        assert!(rule.covers_address("::ffff:10.1.2.3".parse().expect("ip")));
        assert!(!rule.covers_address("11.0.0.0".parse().expect("ip")));
    }
}
