//! Authentication schemes, a step at a time. What is declared here is carried
//! out by the host; templates and secrets are explained at
//! [`AuthScheme`](crate::model::AuthScheme).

use crate::model::AuthScheme;

impl AuthScheme {
    fn of(name: &str, kind: &str) -> Self {
        AuthScheme {
            name: name.to_owned(),
            kind: kind.to_owned(),
            token_url: String::new(),
            client_id: String::new(),
            subject: String::new(),
            audience: String::new(),
            scope: String::new(),
            header: String::new(),
            secret: String::new(),
            client_secret: String::new(),
            hosts: Vec::new(),
            answers: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// OAuth 2.0 client credentials (RFC 6749, 4.4). `secret`: the client's.
    #[must_use]
    pub fn client_credentials(name: &str, token_url: &str, client_id: &str, secret: &str) -> Self {
        AuthScheme {
            token_url: token_url.to_owned(),
            client_id: client_id.to_owned(),
            secret: secret.to_owned(),
            ..AuthScheme::of(name, "oauth2-client-credentials")
        }
    }

    /// OAuth 2.0 with a signed assertion (RFC 7523). `secret`: an RSA private key.
    #[must_use]
    pub fn jwt_bearer(
        name: &str,
        token_url: &str,
        client_id: &str,
        subject: &str,
        audience: &str,
        secret: &str,
    ) -> Self {
        AuthScheme {
            token_url: token_url.to_owned(),
            client_id: client_id.to_owned(),
            subject: subject.to_owned(),
            audience: audience.to_owned(),
            secret: secret.to_owned(),
            ..AuthScheme::of(name, "oauth2-jwt-bearer")
        }
    }

    /// OAuth 2.0 refresh token (RFC 6749, 6). `secret`: the refresh token.
    #[must_use]
    pub fn refresh_token(name: &str, token_url: &str, client_id: &str, client_secret: &str, secret: &str) -> Self {
        AuthScheme {
            token_url: token_url.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            secret: secret.to_owned(),
            ..AuthScheme::of(name, "oauth2-refresh-token")
        }
    }

    /// A token that does not change: `authorization: Bearer …`.
    #[must_use]
    pub fn bearer(name: &str, secret: &str) -> Self {
        AuthScheme { secret: secret.to_owned(), ..AuthScheme::of(name, "bearer") }
    }

    /// A key in a header of its own.
    #[must_use]
    pub fn api_key(name: &str, header: &str, secret: &str) -> Self {
        AuthScheme { header: header.to_owned(), secret: secret.to_owned(), ..AuthScheme::of(name, "api-key-header") }
    }

    /// A user and a password. `user`: a template.
    #[must_use]
    pub fn basic(name: &str, user: &str, secret: &str) -> Self {
        AuthScheme { subject: user.to_owned(), secret: secret.to_owned(), ..AuthScheme::of(name, "basic") }
    }

    /// Where it may be sent to: permissions, or `answer.NAME`.
    #[must_use]
    pub fn for_hosts<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.hosts.extend(hosts.into_iter().map(str::to_owned));
        self
    }

    /// A template of the scopes to ask for, separated by spaces.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// What of the token's answer the connector wants to see.
    #[must_use]
    pub fn with_answers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.answers.extend(names.into_iter().map(str::to_owned));
        self
    }
}
