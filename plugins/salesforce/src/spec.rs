//! What this connector says of itself: what it can do, what it asks to reach,
//! and how the host signs in for it.

use lockstep_sdk::model::{AuthScheme, ConnectorSpec};

use crate::config::SCHEMA;
use crate::cursor::CURSOR_VERSION;

/// The client credentials flow is served by the organisation's own domain only
/// (documented); the other flows by the login servers, too.
const OWN_TOKENS: &str = "{config.instance_url}/services/oauth2/token";
const LOGIN_TOKENS: &str = "{config.login_url|https://login.salesforce.com}/services/oauth2/token";
const LOGIN: &str = "{config.login_url|https://login.salesforce.com}";
const CLIENT_ID: &str = "{config.client_id}";
/// Where a token may be sent to: the organisation, as configured or as the
/// token's answer names it.
const HOSTS: [&str; 2] = ["https:config.instance_url", "answer.instance_url"];

/// What this connector is and can do.
pub fn spec() -> ConnectorSpec {
    ConnectorSpec {
        name: "salesforce".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        changes: "log".into(),
        precondition: "precondition".into(),
        abilities: vec!["delete".into()],
        config_schema: SCHEMA.into(),
        cursor_version: CURSOR_VERSION,
        permissions: vec!["https:config.instance_url".into(), "https:config.login_url".into()],
        credentials: Vec::new(),
        auth_schemes: auth_schemes(),
        extras: Vec::new(),
    }
}

fn auth_schemes() -> Vec<AuthScheme> {
    let schemes = [
        AuthScheme::client_credentials("client-credentials", OWN_TOKENS, CLIENT_ID, "client_secret"),
        AuthScheme::jwt_bearer("jwt-bearer", LOGIN_TOKENS, CLIENT_ID, "{config.username}", LOGIN, "private_key"),
        AuthScheme::refresh_token("refresh-token", LOGIN_TOKENS, CLIENT_ID, "client_secret", "refresh_token"),
    ];
    let signed_in = schemes.into_iter().map(|scheme| scheme.for_hosts(HOSTS).with_answers(["instance_url"]));
    let bearer = AuthScheme::bearer("bearer", "token").for_hosts(["https:config.instance_url"]);
    signed_in.chain([bearer]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_in_names_its_secret_and_where_it_may_go() {
        let names: Vec<String> = spec().auth_schemes.iter().map(|scheme| scheme.name.clone()).collect();
        assert_eq!(names, ["client-credentials", "jwt-bearer", "refresh-token", "bearer"]);
        for scheme in spec().auth_schemes {
            assert!(!scheme.secret.is_empty() && !scheme.hosts.is_empty(), "{}", scheme.name);
        }
    }
}
