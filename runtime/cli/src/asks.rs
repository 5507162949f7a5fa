//! What a component asks for, in words that compare: an upgrade waits for the operator over
//! the same words that `connector inspect` shows.

use lockstep_core::schema::ConnectorSpec;
use lockstep_host::{Anatomy, Bound};

/// Imports that are there for language runtimes and lead to nothing.
const EMPTY: [&str; 5] =
    ["wasi:filesystem/", "wasi:cli/environment", "wasi:cli/stdin", "wasi:cli/terminal", "wasi:sockets/udp"];

/// Whether what is imported does nothing.
pub fn leads_nowhere(import: &str) -> bool {
    EMPTY.iter().any(|empty| import.starts_with(empty))
}

/// Everything a component asks for. `spec`: what it said itself; without it, what its manifest says,
/// which it is held to.
pub fn of(anatomy: &Anatomy, spec: Option<&ConnectorSpec>) -> Vec<String> {
    let manifest = anatomy.manifest.as_ref();
    let permissions = spec.map(|spec| &spec.permissions).or(manifest.map(|manifest| &manifest.permissions));
    let credentials = spec.map(|spec| &spec.credentials).or(manifest.map(|manifest| &manifest.credentials));
    let mut asks: Vec<String> = permissions.into_iter().flatten().map(|ask| format!("to reach {ask}")).collect();
    asks.extend(credentials.into_iter().flatten().map(|ask| format!("to use {ask}")));
    asks.extend(spec.into_iter().flat_map(signing_in));
    let limits = manifest.into_iter().flat_map(|manifest| &manifest.limits);
    asks.extend(limits.map(|(key, amount)| format!("to have {key} = {}", amount_of(key, *amount))));
    // Another patch of the same interface is no other right.
    let interface = |import: &String| import.split('@').next().unwrap_or(import).to_owned();
    let imports = anatomy.imports.iter().filter(|import| !leads_nowhere(import));
    asks.extend(imports.map(|import| format!("to import {}", interface(import))));
    asks
}

/// As a configuration would say it.
pub fn amount_of(key: &str, amount: u64) -> String {
    Bound::named(key).map_or(amount.to_string(), |bound| bound.unit.show(amount))
}

fn signing_in(spec: &ConnectorSpec) -> Vec<String> {
    let mut asks = Vec::new();
    for scheme in &spec.auth_schemes {
        let secrets = [&scheme.secret, &scheme.client_secret].into_iter().filter(|name| !name.is_empty());
        let secrets: Vec<&str> = secrets.map(String::as_str).collect();
        let with = format!("to sign in by {} with {}", scheme.kind, secrets.join(" and "));
        let places = [&scheme.token_url].into_iter().filter(|url| !url.is_empty()).chain(&scheme.hosts);
        asks.extend(places.map(|place| format!("{with} at {place}")));
        asks.extend(scheme.answers.iter().map(|name| format!("to see `{name}` of the answer to {}", scheme.name)));
    }
    asks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lockstep_host::Manifest;

    use super::*;

    fn anatomy() -> Anatomy {
        let manifest = Manifest {
            permissions: vec!["https:a.example.com".into()],
            credentials: vec!["hmac-sha256:key".into()],
            limits: BTreeMap::from([("memory".to_owned(), 1 << 30)]),
            ..Manifest::default()
        };
        let imports = ["wasi:io/poll@0.2.12", "wasi:cli/environment@0.2.6"].map(str::to_owned);
        Anatomy { imports: imports.into(), contract: lockstep_host::Version(0, 1, 0), manifest: Some(manifest) }
    }

    #[test]
    fn a_manifest_and_a_spec_that_say_the_same_ask_for_the_same() {
        let asked = of(&anatomy(), None);
        let all = [
            "to reach https:a.example.com",
            "to use hmac-sha256:key",
            "to have memory = 1GiB",
            "to import wasi:io/poll",
        ];
        assert_eq!(asked, all);
        let mut newer = anatomy();
        newer.imports[0] = "wasi:io/poll@0.2.13".into();
        assert_eq!(of(&newer, None), asked, "a patch of an interface is no other right");
    }
}
