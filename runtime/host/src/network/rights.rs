//! What a connector would get of what it asks for, told before anything of it runs: its
//! asks, with a connection's configuration filled in, against what the operator grants. Pure.

use serde_json::Value;

use super::{
    address::{Reach, reach},
    rule::{BadRule, HostRule, Protocol, Rule, resolve_ask},
};

/// Why something asked for may or may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Granted,
    /// The operator's own configuration names it: granted where it leads to a public address.
    Configured,
    Missing,
}

/// One thing that a connector asks to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// As the connector writes it.
    pub ask: String,
    /// With the configuration filled in; as a grant for exactly this would be written.
    pub line: String,
    pub standing: Standing,
}

/// Everything asked for. What the configuration leaves out is not asked for.
///
/// # Errors
/// When an ask or a grant cannot be read.
pub fn rights(asks: &[String], grants: &[String], config: &Value) -> Result<Vec<Right>, BadRule> {
    let rules = grants.iter().filter(|grant| *grant != "private-network");
    let grants: Vec<Rule> = rules.map(|grant| Rule::parse(grant)).collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    for ask in asks {
        for (rule, own) in resolve_ask(ask, config)? {
            let standing = if grants.iter().any(|grant| covers(grant, &rule)) {
                Standing::Granted
            } else if own && rule.protocol != Protocol::Http && may_be_public(&rule.host) {
                Standing::Configured
            } else {
                Standing::Missing
            };
            all.push(Right { ask: ask.clone(), line: rule.to_string(), standing });
        }
    }
    Ok(all)
}

/// Whether it may lead to a public address; being configured is good for those alone.
fn may_be_public(host: &HostRule) -> bool {
    match host {
        HostRule::Name(name) => name != "localhost",
        HostRule::Below(_) => true,
        HostRule::Range { base, .. } => reach(*base) == Reach::Public,
    }
}

/// Whether a grant allows all that a rule is about.
fn covers(grant: &Rule, asked: &Rule) -> bool {
    let port = grant.port.is_none() || grant.port == asked.port;
    let host = match &asked.host {
        HostRule::Name(name) => grant.host.covers_name(name),
        HostRule::Below(end) => match &grant.host {
            HostRule::Below(granted) => end.ends_with(granted.as_str()),
            HostRule::Name(_) | HostRule::Range { .. } => false,
        },
        HostRule::Range { base, bits } => match &grant.host {
            HostRule::Range { bits: granted, .. } => granted <= bits && grant.host.covers_address(*base),
            HostRule::Name(_) | HostRule::Below(_) => false,
        },
    };
    grant.protocol == asked.protocol && port && host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(ask: &str, grant: &str, config: &str) -> Vec<Standing> {
        let config = serde_json::from_str(config).expect("JSON");
        let all = rights(&[ask.to_owned()], &[grant.to_owned()], &config).expect("rules");
        all.into_iter().map(|right| right.standing).collect()
    }

    #[test]
    fn a_right_is_what_is_asked_for_and_granted() {
        let granted = [
            ("https:api.example.com", "https:api.example.com"),
            ("https:api.example.com", "https:*.example.com"),
            ("https:*.api.example.com", "https:*.example.com"),
            ("tcp:10.1.2.3:5432", "tcp:10.0.0.0/8:5432"),
            ("tcp:10.1.0.0/16:5432", "tcp:10.0.0.0/8:*"),
        ];
        for (ask, grant) in granted {
            assert_eq!(standing(ask, grant, "{}"), [Standing::Granted], "{ask} by {grant}");
        }
        let missing = [
            ("https:api.example.com", "tcp:api.example.com:443"),
            ("https:api.example.com:8443", "https:api.example.com"),
            ("https:*.example.com", "https:api.example.com"),
            ("tcp:0.0.0.0/0:*", "tcp:10.0.0.0/8:*"),
            ("tcp:10.1.2.3:*", "tcp:10.1.2.3:5432"),
        ];
        for (ask, grant) in missing {
            assert_eq!(standing(ask, grant, "{}"), [Standing::Missing], "{ask} by {grant}");
        }
    }

    #[test]
    fn what_the_operator_configured_counts_and_what_is_left_out_is_not_asked_for() {
        let ask = "https:config.base_url";
        let other = "tcp:elsewhere.example.com:1";
        assert_eq!(standing(ask, other, r#"{"base_url":"https://a.example.com"}"#), [Standing::Configured]);
        assert_eq!(standing(ask, other, r#"{"base_url":"http://a.example.com"}"#), [Standing::Missing]);
        for inside in ["127.0.0.1", "10.0.0.5", "[::1]", "localhost"] {
            let config = format!(r#"{{"base_url":"https://{inside}"}}"#);
            assert_eq!(standing(ask, other, &config), [Standing::Missing], "{inside}");
        }
        assert_eq!(standing(ask, other, "{}"), []);
    }
}
