//! Where a request goes: protocol, host and port. Pure.

use std::fmt;

use crate::network::{Protocol, normal_name};

/// What connections are shared by, and rights are judged by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) protocol: Protocol,
    /// A name in lower case, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// Of an absolute address whose authority names nobody but a host.
    pub(crate) fn of(uri: &http::Uri) -> Option<Self> {
        let protocol = match Protocol::parse(uri.scheme_str()?)? {
            Protocol::Tcp => return None,
            protocol @ (Protocol::Http | Protocol::Https) => protocol,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        let host = match bare.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => normal_name(bare).filter(|name| !name.contains('*'))?,
        };
        let rest = authority.as_str().strip_prefix(authority.host())?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None if rest.is_empty() => protocol.default_port()?,
            None => return None,
        };
        Some(Place { protocol, host, port })
    }

    /// Host and port as a `host` header has them.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.protocol.default_port() == Some(self.port) { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.protocol.name(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        Place::of(&text.parse().ok()?).map(|place| place.to_string())
    }

    #[test]
    fn equal_places_are_written_alike() {
        for (text, place) in [
            ("https://API.example.com/x?y", "https://api.example.com"),
            ("https://api.example.com.:443/", "https://api.example.com"),
            ("http://api.example.com:443/", "http://api.example.com:443"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://127.0.0.1/", "http://127.0.0.1"),
        ] {
            assert_eq!(of(text).as_deref(), Some(place), "{text}");
        }
    }

    #[test]
    fn an_address_that_hides_its_host_is_none() {
        for text in
            ["/path", "ftp://a/", "https://user@a/", "https://a:0/", "https://a:/", "https://a:99999/", "tcp://a:1/"]
        {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
