//! Authentication schemes as a connector declares them, made ready for one
//! connection: templates filled in, secrets found, hosts known. Pure.

use std::{net::IpAddr, sync::Arc};

use lockstep_core::schema::AuthScheme;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::place::Place;
use crate::{
    credentials::Secrets,
    network::{Protocol, Rule, place, resolve_ask},
    template::expand,
};

/// Selects no scheme, in the place of a scheme's name.
pub(crate) const NONE: &str = "none";

/// A secret's value, shared and wiped with its last user.
pub(crate) type Secret = Arc<Zeroizing<String>>;

/// How tokens are had.
pub(crate) enum Grant {
    ClientCredentials { client_secret: Secret },
    JwtBearer { private_key: Secret, subject: String, audience: String },
    RefreshToken { client_secret: Option<Secret>, refresh_token: Secret },
}

/// What goes onto the wire.
pub(crate) enum Method {
    /// A token from a token endpoint.
    OAuth2 {
        token_url: http::Uri,
        client_id: String,
        scope: String,
        grant: Grant,
    },
    /// `authorization: Bearer …`, the same for ever.
    Bearer {
        token: Secret,
    },
    /// A header of its own.
    ApiKey {
        header: http::HeaderName,
        key: Secret,
    },
    Basic {
        user: String,
        password: Secret,
    },
}

/// Where credentials may be sent.
#[derive(Default)]
pub(crate) struct Hosts {
    rules: Vec<Rule>,
    /// Names in the token's answer that hold addresses.
    answers: Vec<String>,
}

/// A scheme made ready.
pub(crate) struct Scheme {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) hosts: Hosts,
    /// What of a token's answer the guest may see.
    pub(crate) answers: Vec<String>,
}

/// Find the scheme that a connection uses. `wanted`: what the operator selected.
///
/// # Errors
/// Words for the operator.
pub(crate) fn select<'s>(
    schemes: &'s [AuthScheme],
    wanted: Option<&str>,
    secrets: &Secrets,
) -> Result<Option<&'s AuthScheme>, String> {
    let names = || schemes.iter().map(|scheme| scheme.name.as_str()).collect::<Vec<_>>().join(", ");
    match wanted {
        Some(NONE) => Ok(None),
        Some(name) => match schemes.iter().find(|scheme| scheme.name == name) {
            Some(scheme) => Ok(Some(scheme)),
            None if schemes.is_empty() => Ok(None),
            None => Err(format!("the connector knows no authentication \"{name}\"; it knows {}", names())),
        },
        None => {
            let is_there = |name: &String| name.is_empty() || secrets.get(name).is_some();
            let fits = |scheme: &&AuthScheme| is_there(&scheme.secret) && is_there(&scheme.client_secret);
            let fitting: Vec<&AuthScheme> = schemes.iter().filter(fits).collect();
            match fitting.as_slice() {
                [] => Ok(None),
                [scheme] => Ok(Some(scheme)),
                several => {
                    let names: Vec<&str> = several.iter().map(|scheme| scheme.name.as_str()).collect();
                    Err(format!("several ways of signing in fit the secrets ({}); select one", names.join(", ")))
                }
            }
        }
    }
}

impl Scheme {
    /// Make a declared scheme ready.
    ///
    /// # Errors
    /// Words for the operator: a secret or a setting that is missing, or one that makes no sense.
    pub(crate) fn ready(declared: &AuthScheme, config: &Value, secrets: &Secrets) -> Result<Self, String> {
        let name = &declared.name;
        let fill = |template: &str| {
            expand(template, config).map_err(|missing| format!("signing in by {name} needs {missing}"))
        };
        let secret = |secret: &str| {
            let found = secrets.get(secret).map(|value| Arc::new(value.clone()));
            found.ok_or_else(|| format!("signing in by {name} needs the secret `{secret}`"))
        };
        let oauth2 = |grant: Grant| -> Result<Method, String> {
            let url = fill(&declared.token_url)?;
            let token_url: http::Uri = url.parse().map_err(|_| format!("\"{url}\" is no address for tokens"))?;
            Place::of(&token_url).ok_or_else(|| format!("\"{url}\" is no address for tokens"))?;
            let (client_id, scope) = (fill(&declared.client_id)?, fill(&declared.scope)?);
            Ok(Method::OAuth2 { token_url, client_id, scope, grant })
        };
        let method = match declared.kind.as_str() {
            "oauth2-client-credentials" => {
                oauth2(Grant::ClientCredentials { client_secret: secret(&declared.secret)? })?
            }
            "oauth2-jwt-bearer" => oauth2(Grant::JwtBearer {
                private_key: secret(&declared.secret)?,
                subject: fill(&declared.subject)?,
                audience: fill(&declared.audience)?,
            })?,
            "oauth2-refresh-token" => {
                let client_secret = Some(&declared.client_secret).filter(|name| !name.is_empty());
                oauth2(Grant::RefreshToken {
                    client_secret: client_secret.map(|name| secret(name)).transpose()?,
                    refresh_token: secret(&declared.secret)?,
                })?
            }
            "bearer" => Method::Bearer { token: secret(&declared.secret)? },
            "api-key-header" => Method::ApiKey {
                header: declared.header.parse().map_err(|_| format!("\"{}\" is no header's name", declared.header))?,
                key: secret(&declared.secret)?,
            },
            "basic" => Method::Basic { user: fill(&declared.subject)?, password: secret(&declared.secret)? },
            other => return Err(format!("signing in by {name} is of a kind that is not known here: {other}")),
        };
        let hosts = Hosts::of(&declared.hosts, config)?;
        Ok(Scheme { name: name.clone(), method, hosts, answers: declared.answers.clone() })
    }
}

impl Hosts {
    fn of(declared: &[String], config: &Value) -> Result<Self, String> {
        let mut hosts = Hosts::default();
        for host in declared {
            match host.strip_prefix("answer.") {
                Some(name) => hosts.answers.push(name.to_owned()),
                None => {
                    let rules = resolve_ask(host, config).map_err(|bad| bad.0)?;
                    hosts.rules.extend(rules.into_iter().map(|(rule, _)| rule));
                }
            }
        }
        Ok(hosts)
    }

    /// Whether a token's answer could make credentials go there, if the declared hosts do not already.
    pub(crate) fn may_cover(&self, target: &Place) -> bool {
        !self.answers.is_empty() || self.cover(target, &[])
    }

    /// Whether credentials may be sent there. `answers`: what the token's answer said.
    pub(crate) fn cover(&self, target: &Place, answers: &[(String, String)]) -> bool {
        let told = answers.iter().filter(|(name, _)| self.answers.contains(name));
        let told = told.filter_map(|(_, value)| {
            let (protocol, host, port) = place(Protocol::Https, value)?;
            Rule::of(protocol, &host, &port)
        });
        self.rules.iter().cloned().chain(told).any(|rule| {
            rule.covers_port(target.protocol, target.port)
                && match target.host.parse::<IpAddr>() {
                    Ok(address) => rule.host.covers_address(address),
                    Err(_) => rule.host.covers_name(&target.host),
                }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, kind: &str, secret: &str) -> AuthScheme {
        AuthScheme {
            name: name.into(),
            kind: kind.into(),
            token_url: "{config.url|https://login.example.com}/token".into(),
            client_id: "{config.client_id}".into(),
            subject: String::new(),
            audience: String::new(),
            scope: String::new(),
            header: String::new(),
            secret: secret.into(),
            client_secret: String::new(),
            hosts: vec!["https:api.example.com".into(), "answer.instance_url".into()],
            answers: Vec::new(),
        }
    }

    fn secrets(names: &[&str]) -> Secrets {
        let mut secrets = Secrets::new();
        names.iter().for_each(|name| secrets.insert(*name, Zeroizing::new("value".into())));
        secrets
    }

    fn selected(wanted: Option<&str>, has: &[&str]) -> Result<Option<String>, String> {
        let schemes = [declared("a", "bearer", "token"), declared("b", "basic", "password")];
        select(&schemes, wanted, &secrets(has)).map(|scheme| scheme.map(|scheme| scheme.name.clone()))
    }

    #[test]
    fn the_secrets_select_a_scheme_where_they_leave_no_doubt() {
        assert_eq!(selected(None, &["token"]), Ok(Some("a".into())));
        assert_eq!(selected(None, &["other"]), Ok(None));
        assert!(selected(None, &["token", "password"]).is_err());
        assert_eq!(selected(Some("b"), &[]), Ok(Some("b".into())));
        assert_eq!(selected(Some("none"), &["token"]), Ok(None));
        assert!(selected(Some("c"), &["token"]).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        let config = serde_json::json!({});
        let oauth2 = declared("a", "oauth2-client-credentials", "client_secret");
        let missing = |has: &[&str]| Scheme::ready(&oauth2, &config, &secrets(has)).err().unwrap_or_default();
        assert_eq!(missing(&[]), "signing in by a needs the secret `client_secret`");
        assert_eq!(missing(&["client_secret"]), "signing in by a needs config.client_id");
    }

    #[test]
    fn credentials_go_to_the_schemes_hosts_and_nowhere_else() {
        let config = serde_json::json!({});
        let scheme = Scheme::ready(&declared("a", "bearer", "token"), &config, &secrets(&["token"])).expect("a scheme");
        let cover = |url: &str, told: &str| {
            let place = Place::of(&url.parse().expect("an address")).expect("a place");
            scheme.hosts.cover(&place, &[("instance_url".into(), told.into()), ("other".into(), "https://x".into())])
        };
        assert!(cover("https://api.example.com/x", ""));
        assert!(!cover("http://api.example.com/x", ""));
        assert!(!cover("https://api.example.com:8443/x", ""));
        assert!(!cover("https://other.example.com/x", ""));
        assert!(cover("https://mine.example.com/x", "https://mine.example.com"));
        assert!(!cover("https://x/", "https://mine.example.com"));
        assert!(!cover("https://mine.example.com/x", "http://mine.example.com"));
    }
}
