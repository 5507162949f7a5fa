//! What a registry says it wants before it answers (RFC 9110, section 11.6.1): a token from
//! somewhere, or a name and a password. Pure.

use http::{HeaderMap, header::WWW_AUTHENTICATE};

/// How to sign in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Ask `realm` for a token.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
    Basic,
}

impl Challenge {
    /// A token is preferred. `None`: no way that is known.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let all = || headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        all().find_map(bearer).or_else(|| all().find_map(|text| scheme(text, "basic").map(|_| Challenge::Basic)))
    }
}

/// What follows the scheme's name.
fn scheme<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (found, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    found.eq_ignore_ascii_case(name).then_some(rest)
}

fn bearer(text: &str) -> Option<Challenge> {
    let mut rest = scheme(text, "bearer")?;
    let (mut realm, mut service, mut scope) = (None, None, None);
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => (after.split(',').next().unwrap_or_default().trim(), after.split_once(',').map_or("", |(_, b)| b)),
        };
        match key.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = Some(value.to_owned()),
            "scope" => scope = Some(value.to_owned()),
            _ => {}
        }
        rest = after;
    }
    Some(Challenge::Bearer { realm: realm?, service, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().expect("a header"));
        }
        Challenge::of(&headers)
    }

    #[test]
    fn a_token_is_asked_for_where_the_registry_says() {
        let text =
            r#"Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push""#;
        let wanted = Challenge::Bearer {
            realm: "https://auth.example.com/token".to_owned(),
            service: Some("registry".to_owned()),
            scope: Some("repository:a/b:pull,push".to_owned()),
        };
        assert_eq!(of(&["Basic realm=\"x\"", text]), Some(wanted));
        let bare = Challenge::Bearer { realm: "https://a/b".to_owned(), service: Some("s".to_owned()), scope: None };
        assert_eq!(of(&["bearer realm=https://a/b, service=s"]), Some(bare));
        assert_eq!(of(&["Basic realm=\"x\""]), Some(Challenge::Basic));
    }

    #[test]
    fn what_says_nothing_of_use_is_none() {
        for text in ["Negotiate", "Bearer service=\"x\"", "Bearer realm=\"x", ""] {
            assert_eq!(of(&[text]), None, "{text}");
        }
        assert_eq!(of(&[]), None);
    }
}
