//! Apps, their tokens and what these may do. Two kinds: a private app's key,
//! which stays, and OAuth tokens, which expire and are refreshed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    error::{ApiError, uuid},
    interject::SOMEONE,
    show::iso,
};

/// A program that was let into the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: u64,
    pub client_id: String,
    pub client_secret: String,
    /// Where its webhooks go.
    pub target_url: Option<String>,
}

#[derive(Debug, Clone)]
struct Token {
    app_id: u64,
    oauth: bool,
    /// Empty: everything.
    scopes: Vec<String>,
    expires_ms: Option<i64>,
}

#[derive(Debug, Clone)]
struct Refresh {
    app_id: u64,
    scopes: Vec<String>,
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub app_id: u64,
    pub oauth: bool,
    pub scopes: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Access {
    pub apps: BTreeMap<u64, App>,
    tokens: BTreeMap<String, Token>,
    refresh: BTreeMap<String, Refresh>,
    issued: u64,
}

impl Access {
    pub fn add_app(&mut self, id: u64) -> &App {
        self.apps.entry(id).or_insert_with(|| App {
            id,
            client_id: uuid(id),
            client_secret: uuid(id.wrapping_add(1 << 32)),
            target_url: None,
        })
    }

    /// A private app's key. No scopes: everything.
    pub fn private_token(&mut self, app_id: u64, scopes: &[&str]) -> String {
        self.add_app(app_id);
        self.issued += 1;
        let name = format!("pat-na1-{}", uuid(app_id ^ (self.issued << 40)));
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.tokens.insert(name.clone(), Token { app_id, oauth: false, scopes, expires_ms: None });
        name
    }

    /// What an app gets when a person installs it.
    pub fn refresh_token(&mut self, app_id: u64, scopes: &[&str]) -> String {
        self.add_app(app_id);
        self.issued += 1;
        let name = format!("na1-{}", uuid(app_id ^ (self.issued << 41)));
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.refresh.insert(name.clone(), Refresh { app_id, scopes });
        name
    }

    /// Every OAuth access token is over; refresh tokens still work.
    pub fn expire_all(&mut self, now_ms: i64) {
        for token in self.tokens.values_mut().filter(|token| token.oauth) {
            token.expires_ms = Some(now_ms);
        }
    }

    /// The app was uninstalled: nothing of its works any more.
    pub fn revoke(&mut self, app_id: u64) {
        self.tokens.retain(|_, token| token.app_id != app_id);
        self.refresh.retain(|_, refresh| refresh.app_id != app_id);
    }

    /// Who an `Authorization` header speaks for.
    pub fn caller(&self, header: Option<&str>, now_ms: i64) -> Result<Caller, ApiError> {
        let scheme = header.and_then(|header| header.split_once(' '));
        let Some((_, name)) = scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
            return Err(unauthorised(
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find \
                 more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            ));
        };
        let Some(token) = self.tokens.get(name.trim()) else {
            return Err(unauthorised("The access token used to make this call is invalid or was revoked."));
        };
        if let Some(expired) = token.expires_ms.filter(|expires| *expires <= now_ms) {
            let seconds = (now_ms - expired) / 1_000;
            let message = format!("The OAuth token used to make this call expired {seconds} second(s) ago.");
            return Err(ApiError::new(401, Some("EXPIRED_AUTHENTICATION"), message)
                .with("context", json!({ "expire time": [iso(expired)] })));
        }
        Ok(Caller { app_id: token.app_id, oauth: token.oauth, scopes: token.scopes.clone() })
    }

    /// The token endpoint. Returns the answer's body.
    pub fn grant(
        &mut self,
        form: &BTreeMap<String, String>,
        now_ms: i64,
        life_ms: i64,
        portal_id: u64,
    ) -> Result<Value, ApiError> {
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let app = self.apps.values().find(|app| app.client_id == text("client_id"));
        let Some(app) = app else {
            return Err(refused("invalid_client", "BAD_CLIENT_ID", "missing or invalid client id"));
        };
        if app.client_secret != text("client_secret") {
            return Err(refused("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret"));
        }
        let app_id = app.id;
        let (token_use, refresh, scopes) = match text("grant_type") {
            "refresh_token" => match self.refresh.get(text("refresh_token")).filter(|known| known.app_id == app_id) {
                Some(known) => ("access_token", Some(text("refresh_token").to_owned()), known.scopes.clone()),
                None => {
                    return Err(refused("invalid_grant", "BAD_REFRESH_TOKEN", "missing or invalid refresh token"));
                }
            },
            "client_credentials" => {
                ("client_credentials", None, text("scope").split_whitespace().map(str::to_owned).collect())
            }
            other => {
                let message = format!("grant type {other} is not supported");
                return Err(refused("unsupported_grant_type", "BAD_GRANT_TYPE", &message));
            }
        };
        self.issued += 1;
        let name = format!("CJ{}", uuid(app_id ^ (self.issued << 42)).replace('-', ""));
        let token = Token { app_id, oauth: true, scopes: scopes.clone(), expires_ms: Some(now_ms + life_ms) };
        self.tokens.insert(name.clone(), token);
        let mut body = json!({
            "token_type": "bearer",
            "token_use": token_use,
            "access_token": name,
            "expires_in": life_ms / 1_000,
            "hub_id": portal_id,
            "scopes": scopes,
        });
        if let (Some(refresh), Some(body)) = (refresh, body.as_object_mut()) {
            body.insert("refresh_token".into(), refresh.into());
        }
        Ok(body)
    }

    /// What the token endpoint tells of one refresh token.
    pub fn describe_refresh(&self, name: &str, portal_id: u64) -> Option<Value> {
        let refresh = self.refresh.get(name)?;
        let app = self.apps.get(&refresh.app_id)?;
        Some(json!({
            "token": name,
            "client_id": app.client_id,
            "hub_domain": "simulated.example",
            "scopes": refresh.scopes,
            "hub_id": portal_id,
            "user_id": SOMEONE,
            "token_type": "refresh",
        }))
    }

    /// Takes a refresh token back. Access tokens made with it live on.
    pub fn revoke_refresh(&mut self, name: &str) {
        self.refresh.remove(name);
    }

    /// What the token endpoint tells of one access token.
    pub fn describe(&self, name: &str, now_ms: i64, portal_id: u64) -> Option<Value> {
        let token = self.tokens.get(name)?;
        let left = token.expires_ms.map_or(0, |expires| (expires - now_ms).max(0) / 1_000);
        Some(json!({
            "token": name,
            "hub_domain": "simulated.example",
            "scopes": token.scopes,
            "hub_id": portal_id,
            "app_id": token.app_id,
            "expires_in": left,
            "user_id": SOMEONE,
            "token_type": "access",
        }))
    }
}

impl Caller {
    /// Refuses unless the token has the scope, or was given everything.
    pub fn needs(&self, scope: &str) -> Result<(), ApiError> {
        if self.scopes.is_empty() || self.scopes.iter().any(|own| own == scope) {
            return Ok(());
        }
        let message = "This app hasn't been granted all required scopes to make this call. Read more about required \
                       scopes here: https://developers.hubspot.com/scopes.";
        let needed = json!([{
            "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": [scope] },
        }]);
        Err(ApiError::new(403, Some("MISSING_SCOPES"), message).with("errors", needed))
    }
}

fn unauthorised(message: &str) -> ApiError {
    ApiError::new(401, Some("INVALID_AUTHENTICATION"), message)
}

/// A refusal of the token endpoint has a `status` of its own.
fn refused(error: &str, status: &str, message: &str) -> ApiError {
    ApiError::new(400, None, message)
        .with("status", json!(status))
        .with("error", json!(error))
        .with("error_description", json!(message))
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, Result};

    use super::*;

    #[test]
    fn an_oauth_token_expires_and_is_refreshed() -> Result<()> {
        let mut access = Access::default();
        let refresh = access.refresh_token(5, &[]);
        let app = access.apps.get(&5).context("app")?.clone();
        let form: BTreeMap<String, String> = [
            ("grant_type", "refresh_token"),
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.as_str()),
            ("refresh_token", refresh.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let granted = access.grant(&form, 0, 1_800_000, 9).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        assert_eq!(granted["expires_in"], 1_800);
        let header = format!("Bearer {}", granted["access_token"].as_str().context("token")?);
        assert_eq!(access.caller(Some(&header), 1_799_999).map(|caller| caller.app_id), Ok(5));
        let refusal = access.caller(Some(&header), 1_807_000).map_err(|error| error.message);
        assert_eq!(refusal, Err("The OAuth token used to make this call expired 7 second(s) ago.".into()));
        access.revoke(5);
        assert!(access.grant(&form, 0, 1, 9).is_err());
        Ok(())
    }

    #[test]
    fn a_missing_scope_is_named() {
        let caller = Caller { app_id: 1, oauth: false, scopes: vec!["crm.objects.contacts.read".into()] };
        assert!(caller.needs("crm.objects.contacts.read").is_ok());
        let refusal = caller.needs("crm.objects.contacts.write").map_err(|error| error.status);
        assert_eq!(refusal, Err(403));
    }
}
