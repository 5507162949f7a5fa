//! Rules of the form `tcp:HOST:PORT`: what a connector asks for and what the
//! operator grants. Pure.
//!
//! `HOST` is a name, an IPv4 address, an IPv6 address in brackets, a range in
//! CIDR notation (`10.0.0.0/8`, `[fd00::/8]`), or `*.example.com` for every name
//! below that one. `PORT` is a number or `*`. In what a connector asks, `config.a.b`
//! stands for that value of the connection's configuration, `config.a|5432` for it or a
//! default; a value that is a URL or `host:port` stands for both.

use std::{fmt, net::IpAddr};

use serde_json::Value;

use super::address::canonical;

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
    pub host: HostRule,
    /// `None`: any.
    pub port: Option<u16>,
}

/// Why a rule cannot be read, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule(pub String);

impl Rule {
    /// Read `tcp:HOST:PORT`.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let bad = |why: &str| BadRule(format!("\"{text}\" is no grant: {why}; write tcp:HOST:PORT"));
        let rest = text.strip_prefix("tcp:").ok_or_else(|| bad("it does not begin with tcp:"))?;
        let (host, port) = split(rest).ok_or_else(|| bad("it has no port"))?;
        Rule::of(host, port).ok_or_else(|| bad("host or port make no sense"))
    }

    /// From host and port as written; `None` when they cannot be that.
    pub fn of(host: &str, port: &str) -> Option<Self> {
        let port = match port {
            "*" => None,
            number => Some(number.parse::<u16>().ok().filter(|port| *port != 0)?),
        };
        Some(Rule { host: HostRule::parse(host)?, port })
    }

    pub fn covers_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
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
        out.write_str("tcp:")?;
        match &self.host {
            HostRule::Name(name) => out.write_str(name)?,
            HostRule::Below(end) => write!(out, "*{end}")?,
            HostRule::Range { base, bits } if *bits == width(*base) => write!(out, "{}", show(*base))?,
            HostRule::Range { base: IpAddr::V4(base), bits } => write!(out, "{base}/{bits}")?,
            HostRule::Range { base: IpAddr::V6(base), bits } => write!(out, "[{base}/{bits}]")?,
        }
        match self.port {
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
/// The flag says that host and port both came from the configuration. Empty when the
/// configuration leaves the host out.
pub fn resolve_ask(ask: &str, config: &Value) -> Result<Vec<(Rule, bool)>, BadRule> {
    let bad = |why: &str| BadRule(format!("the connector asks for \"{ask}\": {why}"));
    let rest = ask.strip_prefix("tcp:").ok_or_else(|| bad("only tcp: is known"))?;
    let Some((host, port)) = split(rest) else {
        let values = fill(rest, config);
        return values
            .iter()
            .map(|value| {
                let (host, port) = place(value).ok_or_else(|| bad("the configured value names no host and port"))?;
                Rule::of(&host, &port).map(|rule| (rule, true)).ok_or_else(|| bad("no such host or port"))
            })
            .collect();
    };
    let own = host.starts_with("config.") && port.starts_with("config.");
    let ports = fill(port, config);
    let mut rules = Vec::new();
    for host in fill(host, config) {
        for port in &ports {
            let rule = Rule::of(&host, port).ok_or_else(|| bad("the configured host or port makes no sense"))?;
            rules.push((rule, own));
        }
    }
    Ok(rules)
}

/// The values a part stands for: itself, or what the configuration says.
fn fill(part: &str, config: &Value) -> Vec<String> {
    let Some(path) = part.strip_prefix("config.") else { return vec![part.to_owned()] };
    let (path, default) = match path.split_once('|') {
        Some((path, default)) => (path, Some(default)),
        None => (path, None),
    };
    let found = path.split('.').try_fold(config, |value, step| value.get(step));
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let values: Vec<String> = match found {
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => Vec::new(),
    };
    if values.is_empty() { default.map(str::to_owned).into_iter().collect() } else { values }
}

/// Host and port of a URL or of `host:port`.
fn place(value: &str) -> Option<(String, String)> {
    let Some((scheme, rest)) = value.split_once("://") else {
        let (host, port) = split(value)?;
        return Some((host.to_owned(), port.to_owned()));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, after)| after);
    match split(authority) {
        Some((host, port)) if !port.is_empty() => Some((host.to_owned(), port.to_owned())),
        _ => {
            let port = match scheme {
                "postgres" | "postgresql" => "5432",
                "https" => "443",
                "http" => "80",
                _ => return None,
            };
            Some((authority.to_owned(), port.to_owned()))
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
    fn a_range_covers_mapped_addresses_and_nothing_beyond_its_end() {
        let rule = Rule::parse("tcp:10.0.0.0/8:*").expect("a rule").host;
        assert!(rule.covers_address("10.1.2.3".parse().expect("ip")));
        assert!(rule.covers_address("::ffff:10.1.2.3".parse().expect("ip")));
        assert!(!rule.covers_address("11.0.0.0".parse().expect("ip")));
    }
}
