//! Who may be connected to. A right is what the connector asks ∩ what the
//! operator grants:
//!
//! - The connector's `permissions` name what it will ever want; with the
//!   connection's configuration filled in they are its *asks*.
//! - The operator's `grants` list what it gets. The host and port that the
//!   operator wrote into the connection's own configuration, and that the connector asks as
//!   `config.…`, count as granted, but only where they lead to a public address, and not
//!   for requests in the clear (`http:`).
//! - This machine and private networks must be granted by address or range
//!   (`tcp:127.0.0.1:5432`, `tcp:10.0.0.0/8:5432`; the name `localhost` counts as this
//!   machine). A name is not enough: whoever runs its DNS would choose. `private-network`
//!   trusts that choice: names that are granted may then lead to private networks, though
//!   still not to this machine.
//! - Link-local addresses, cloud metadata and reserved ranges must be granted as
//!   that very address.
//!
//! Pure but for the memory of what was denied.

use std::{collections::VecDeque, net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use serde_json::Value;

use super::{
    address::{Reach, canonical, reach},
    rule::{BadRule, HostRule, Protocol, Rule, normal_name, resolve_ask, show},
};

const DENIALS_KEPT: usize = 100;

/// The grant that lets granted names lead to private networks.
const PRIVATE_NETWORK: &str = "private-network";

/// Something a connector tried and may not, with the line that would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What was tried, such as `tcp:10.0.0.5:5432`.
    pub tried: String,
    pub reason: String,
    /// The line to add to the connection's `grant`; empty where the connector itself did not ask for it.
    pub line: String,
    pub count: u64,
}

impl Denial {
    /// A sentence for the operator.
    pub fn remedy(&self) -> String {
        if self.line.is_empty() { String::new() } else { format!("Add to the connection: grant = [\"{}\"]", self.line) }
    }
}

/// The latest denials of a connection, oldest first, equal ones counted.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<VecDeque<Denial>>);

impl Denials {
    pub(crate) fn note(&self, denial: Denial) {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|known| known.tried == denial.tried && known.line == denial.line);
        let count = at.and_then(|at| kept.remove(at)).map_or(0, |known| known.count);
        if kept.len() >= DENIALS_KEPT {
            kept.pop_front();
        }
        kept.push_back(Denial { count: count + 1, ..denial });
    }

    pub(crate) fn list(&self) -> Vec<Denial> {
        self.0.lock().iter().cloned().collect()
    }

    pub(crate) fn latest(&self) -> Option<Denial> {
        self.0.lock().back().cloned()
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.lock().iter().map(|denial| denial.count).sum()
    }
}

/// The rights of one connection.
#[derive(Debug)]
pub(crate) struct Policy {
    asks: Vec<Rule>,
    grants: Vec<Rule>,
    /// Granted by being configured; good for public addresses.
    implied: Vec<Rule>,
    /// Names that are granted may lead to private networks.
    private_network: bool,
    pub(crate) denials: Arc<Denials>,
}

impl Policy {
    pub(crate) fn new(
        asks: &[String],
        grants: &[String],
        config: &Value,
        denials: Arc<Denials>,
    ) -> Result<Self, BadRule> {
        let private_network = grants.iter().any(|grant| grant == PRIVATE_NETWORK);
        let mut policy = Policy { asks: Vec::new(), grants: Vec::new(), implied: Vec::new(), private_network, denials };
        for ask in asks {
            for (rule, own) in resolve_ask(ask, config)? {
                if own && rule.protocol != Protocol::Http {
                    policy.implied.push(rule.clone());
                }
                policy.asks.push(rule);
            }
        }
        let rules = grants.iter().filter(|grant| *grant != PRIVATE_NETWORK);
        policy.grants = rules.map(|grant| Rule::parse(grant)).collect::<Result<_, _>>()?;
        Ok(policy)
    }

    /// Whether the connector wants to reach anything.
    pub(crate) fn asks_anything(&self) -> bool {
        !self.asks.is_empty()
    }

    /// Whether the name may be looked up at all, for a connection of the connector's own.
    pub(crate) fn may_look_up(&self, name: &str) -> Result<String, Denial> {
        let normal = normal_name(name).unwrap_or_default();
        let is_tcp = |rule: &&Rule| rule.protocol == Protocol::Tcp;
        let covers = |rules: &[Rule]| rules.iter().filter(is_tcp).any(|rule| rule.host.covers_name(&normal));
        if !covers(&self.asks) {
            return Err(self.deny(format!("looking up {normal}"), "the connector did not ask for it", None));
        }
        if !covers(&self.grants) && !covers(&self.implied) {
            let asked = self.asks.iter().filter(is_tcp).find(|rule| rule.host.covers_name(&normal));
            let port = asked.and_then(|rule| rule.port);
            let port = port.map_or_else(|| "*".into(), |port| port.to_string());
            let line = format!("tcp:{normal}:{port}");
            return Err(self.deny(format!("looking up {normal}"), "it is not granted", Some(line)));
        }
        Ok(normal)
    }

    /// Those addresses of a looked-up name that can be connected to on some port that was asked for.
    pub(crate) fn usable(&self, name: &str, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, Denial> {
        let names = [name.to_owned()];
        let asked = self.asks.iter().filter(|rule| rule.protocol == Protocol::Tcp && rule.host.covers_name(name));
        let ports: Vec<u16> = asked.map(|rule| rule.port.unwrap_or(1)).collect();
        let mut usable = Vec::new();
        let mut refused = None;
        for address in addresses {
            for port in &ports {
                match self.judge(Protocol::Tcp, *address, *port, &names) {
                    Ok(()) if !usable.contains(address) => usable.push(*address),
                    Ok(()) => {}
                    Err(denial) => refused = Some(denial),
                }
            }
        }
        match refused {
            Some(denial) if usable.is_empty() => Err(self.keep(denial)),
            _ => Ok(usable),
        }
    }

    /// Whether this address may be connected to; `names` are those that led to it.
    pub(crate) fn may_connect(&self, address: IpAddr, port: u16, names: &[String]) -> Result<(), Denial> {
        self.judge(Protocol::Tcp, address, port, names).map_err(|denial| self.keep(denial))
    }

    /// Whether requests may go to this host at all, before its name is looked up. A host that
    /// is an address is judged whole. What is denied is not kept here.
    pub(crate) fn may_request(&self, protocol: Protocol, host: &str, port: u16) -> Result<(), Denial> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.judge(protocol, address, port, &[]);
        }
        let covers = |rule: &Rule| rule.covers_port(protocol, port) && rule.host.covers_name(host);
        let tried = line(protocol, host, port);
        if !self.asks.iter().any(covers) {
            return Err(denial(tried, "the connector did not ask for it", None));
        }
        // A name without a grant of its own may lead to an address that has one.
        let by_address = |rule: &Rule| rule.covers_port(protocol, port) && matches!(rule.host, HostRule::Range { .. });
        if self.grants.iter().chain(&self.implied).any(covers) || self.grants.iter().any(by_address) {
            return Ok(());
        }
        Err(denial(tried.clone(), "it is not granted", Some(tried)))
    }

    /// Those addresses that a request for this host may go to. What is denied is not kept here.
    pub(crate) fn may_request_at(
        &self,
        protocol: Protocol,
        host: &str,
        port: u16,
        addresses: &[IpAddr],
    ) -> Result<Vec<IpAddr>, Denial> {
        let names = [host.to_owned()];
        let mut usable = Vec::new();
        let mut refused = None;
        for address in addresses {
            match self.judge(protocol, *address, port, &names) {
                Ok(()) => usable.push(*address),
                Err(denial) => refused = Some(denial),
            }
        }
        match refused {
            Some(denial) if usable.is_empty() => Err(denial),
            _ => Ok(usable),
        }
    }

    fn judge(&self, protocol: Protocol, address: IpAddr, port: u16, names: &[String]) -> Result<(), Denial> {
        let address = canonical(address);
        let tried = line(protocol, &show(address), port);
        let covers = |rule: &Rule| {
            rule.covers_port(protocol, port)
                && (rule.host.covers_address(address) || names.iter().any(|name| rule.host.covers_name(name)))
        };
        if !self.asks.iter().any(covers) {
            return Err(denial(tried, "the connector did not ask for it", None));
        }
        let by_address = |rule: &Rule| rule.covers_port(protocol, port) && rule.host.covers_address(address);
        let trusted = |rule: &Rule| self.private_network && covers(rule);
        let granted = match reach(address) {
            Reach::Public => self.grants.iter().chain(&self.implied).any(covers),
            Reach::Private => {
                self.grants.iter().any(|rule| by_address(rule) || trusted(rule)) || self.implied.iter().any(trusted)
            }
            Reach::Loopback => self
                .grants
                .iter()
                .any(|rule| by_address(rule) || (rule.covers_port(protocol, port) && is_localhost(rule, names))),
            Reach::Special => {
                self.grants.iter().any(|rule| rule.covers_port(protocol, port) && rule.host.is_address(address))
            }
        };
        if granted {
            return Ok(());
        }
        let reason = match reach(address) {
            Reach::Public => "it is not granted",
            Reach::Private => "it lies in a private network, which is granted by address only",
            Reach::Loopback => "it is this machine, which is granted by address only",
            Reach::Special => "it lies in a special range, which is granted by that address only",
        };
        Err(denial(tried.clone(), reason, Some(tried)))
    }

    fn deny(&self, tried: String, reason: &str, line: Option<String>) -> Denial {
        self.keep(denial(tried, reason, line))
    }

    fn keep(&self, denial: Denial) -> Denial {
        self.denials.note(denial.clone());
        denial
    }
}

fn is_localhost(rule: &Rule, names: &[String]) -> bool {
    rule.host == HostRule::Name("localhost".into()) && names.iter().any(|name| name == "localhost")
}

/// The grant for exactly this, as the operator would write it.
fn line(protocol: Protocol, host: &str, port: u16) -> String {
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    match protocol.default_port() {
        Some(default) if default == port => format!("{}:{host}", protocol.name()),
        _ => format!("{}:{host}:{port}", protocol.name()),
    }
}

fn denial(tried: String, reason: &str, line: Option<String>) -> Denial {
    Denial { tried, reason: reason.to_owned(), line: line.unwrap_or_default(), count: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(asks: &[&str], grants: &[&str], config: &str) -> Policy {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let config = serde_json::from_str(config).expect("JSON");
        Policy::new(&own(asks), &own(grants), &config, Arc::default()).expect("a policy")
    }

    const OWN: &[&str] = &["tcp:config.host:config.port"];

    fn connect(policy: &Policy, address: &str, port: u16, names: &[&str]) -> Result<(), Denial> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        policy.may_connect(address.parse().expect("an address"), port, &names)
    }

    #[test]
    fn a_configured_host_is_granted_where_it_is_public() {
        let policy = policy(OWN, &[], r#"{"host":"db.example.com","port":5432}"#);
        assert!(policy.may_look_up("DB.example.com.").is_ok());
        assert!(connect(&policy, "93.184.216.34", 5432, &["db.example.com"]).is_ok());
        assert!(connect(&policy, "93.184.216.34", 5433, &["db.example.com"]).is_err());
        assert!(connect(&policy, "93.184.216.34", 5432, &[]).is_err());
    }

    #[test]
    fn a_configured_name_that_leads_inside_needs_the_address_granted() {
        let config = r#"{"host":"db.example.com","port":5432}"#;
        for inside in ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.5", "fd00:ec2::254"] {
            let denied = connect(&policy(OWN, &[], config), inside, 5432, &["db.example.com"]).expect_err(inside);
            let line = denied.line;
            assert!(connect(&policy(OWN, &[&line], config), inside, 5432, &["db.example.com"]).is_ok(), "{line}");
        }
        let by_name = policy(OWN, &["tcp:db.example.com:5432"], config);
        assert!(connect(&by_name, "10.0.0.5", 5432, &["db.example.com"]).is_err());
        let by_range = policy(OWN, &["tcp:10.0.0.0/8:5432"], config);
        assert!(connect(&by_range, "10.0.0.5", 5432, &["db.example.com"]).is_ok());
    }

    #[test]
    fn metadata_is_not_reached_through_a_range() {
        let wide = policy(&["tcp:0.0.0.0/0:*"], &["tcp:0.0.0.0/0:*"], "{}");
        assert!(connect(&wide, "169.254.169.254", 80, &[]).is_err());
        assert!(connect(&wide, "93.184.216.34", 80, &[]).is_ok());
    }

    #[test]
    fn what_was_granted_but_never_asked_for_stays_closed() {
        let policy = policy(&[], &["tcp:93.184.216.34:80"], "{}");
        let denied = connect(&policy, "93.184.216.34", 80, &[]).expect_err("not asked");
        assert_eq!(denied.line, "");
    }

    #[test]
    fn localhost_is_this_machine() {
        let config = r#"{"host":"localhost","port":5432}"#;
        assert!(connect(&policy(OWN, &[], config), "127.0.0.1", 5432, &["localhost"]).is_err());
        let granted = policy(OWN, &["tcp:localhost:5432"], config);
        assert!(connect(&granted, "127.0.0.1", 5432, &["localhost"]).is_ok());
        assert!(connect(&granted, "10.0.0.1", 5432, &["localhost"]).is_err());
    }

    #[test]
    fn names_lead_to_private_networks_where_the_operator_trusts_them_to() {
        let config = r#"{"host":"db.example.com","port":5432}"#;
        let trusting = policy(OWN, &["tcp:db.example.com:5432", PRIVATE_NETWORK], config);
        assert!(connect(&trusting, "10.0.0.5", 5432, &["db.example.com"]).is_ok());
        assert!(connect(&trusting, "127.0.0.1", 5432, &["db.example.com"]).is_err());
        assert!(connect(&trusting, "169.254.169.254", 5432, &["db.example.com"]).is_err());
        assert!(connect(&trusting, "10.0.0.5", 5433, &["db.example.com"]).is_err());
    }

    fn request(policy: &Policy, protocol: Protocol, host: &str, port: u16, at: &str) -> Result<(), Denial> {
        policy.may_request(protocol, host, port)?;
        policy.may_request_at(protocol, host, port, &[at.parse().expect("an address")]).map(drop)
    }

    #[test]
    fn requests_need_a_right_of_their_own() {
        let (name, public) = ("api.example.com", "93.184.216.34");
        let asks = &["https:api.example.com", "http:api.example.com", "tcp:api.example.com:443"];
        let by_tcp = policy(asks, &["tcp:api.example.com:443"], "{}");
        let denied = request(&by_tcp, Protocol::Https, name, 443, public).expect_err("another protocol");
        assert_eq!(denied.line, "https:api.example.com");
        let granted = policy(asks, &[&denied.line], "{}");
        assert!(request(&granted, Protocol::Https, name, 443, public).is_ok());
        assert!(request(&granted, Protocol::Http, name, 80, public).is_err());
        assert!(request(&granted, Protocol::Https, name, 8443, public).is_err());
        assert!(request(&granted, Protocol::Https, "other.example.com", 443, public).is_err());
        for inside in ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00:ec2::254"] {
            let denied = request(&granted, Protocol::Https, name, 443, inside).expect_err(inside);
            assert!(request(&policy(asks, &[&denied.line], "{}"), Protocol::Https, name, 443, inside).is_ok());
        }
    }

    #[test]
    fn a_configured_address_counts_as_granted_only_when_it_is_encrypted() {
        let ask = &["https:config.base_url"];
        let encrypted = policy(ask, &[], r#"{"base_url":"https://api.example.com"}"#);
        assert!(request(&encrypted, Protocol::Https, "api.example.com", 443, "93.184.216.34").is_ok());
        let clear = policy(ask, &[], r#"{"base_url":"http://api.example.com"}"#);
        let denied = request(&clear, Protocol::Http, "api.example.com", 80, "93.184.216.34").expect_err("in the clear");
        assert_eq!(denied.line, "http:api.example.com");
    }

    #[test]
    fn equal_denials_are_counted_and_the_oldest_forgotten() {
        let policy = policy(&["tcp:0.0.0.0/0:*"], &[], "{}");
        for port in 1..=200 {
            let _ = connect(&policy, "10.0.0.1", port, &[]);
            let _ = connect(&policy, "10.0.0.1", port, &[]);
        }
        let kept = policy.denials.list();
        assert_eq!(kept.len(), DENIALS_KEPT);
        assert!(kept.iter().all(|denial| denial.count == 2));
    }
}
