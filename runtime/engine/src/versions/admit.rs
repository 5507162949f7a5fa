//! Whether a version may take another's place, as far as what both say of
//! themselves tells. Pure.

use super::report::{CURSORS, Came, No, OLDER, OTHER, WIDER};
use crate::port::About;

/// What the operator decided beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed {
    pub(super) wider: bool,
    /// Going back to a version that served before.
    pub(super) back: bool,
}

/// What is asked for in `new` and not in `old`.
pub fn beyond(old: &[String], new: &[String]) -> Vec<String> {
    new.iter().filter(|ask| !old.contains(ask)).cloned().collect()
}

/// # Errors
/// Why it may not.
pub(super) fn admit(connection: &str, old: &About, new: &About, allowed: Allowed) -> Result<(), No> {
    let back = format!("`lockstep connector rollback {connection}` goes back to a version that served before.");
    if old.name != new.name {
        let message = format!("it is connector '{}', and '{}' serves this connection", new.name, old.name);
        return Err(No::new(OTHER, message, "Another connector is a connection of its own in the configuration."));
    }
    if old.changes != new.changes {
        let message = format!("its stream is a {}, and that of the version in use a {}", new.changes, old.changes);
        let remedy = "Name it in the configuration and start Lockstep anew: it reads everything in full once.";
        return Err(No::new(OTHER, message, remedy));
    }
    if old.cursor_version != new.cursor_version {
        let message = format!(
            "it reads cursor version {}, and the stored cursors are of version {}",
            new.cursor_version, old.cursor_version
        );
        let remedy = format!(
            "Use a version that reads cursor version {}; nothing is started anew by itself.",
            old.cursor_version
        );
        return Err(No::new(CURSORS, message, remedy));
    }
    if !allowed.back && is_older(&new.version, &old.version) {
        let message = format!("version {} is older than {}, which is in use", new.version, old.version);
        return Err(No::new(OLDER, message, back));
    }
    let wider = beyond(&old.asks, &new.asks);
    if !wider.is_empty() && !allowed.wider && !allowed.back {
        let message = format!("it asks for more than the version in use: {}", wider.join(", "));
        let remedy = format!(
            "`lockstep connector approve {connection}` lets it take over; what it may reach is what is granted, too."
        );
        return Err(No { came: Came::Waits, differences: wider, ..No::new(WIDER, message, remedy) });
    }
    Ok(())
}

/// By numbers, part by part; what is no number counts as text.
fn is_older(version: &str, than: &str) -> bool {
    let (version, than) = (release(version), release(than));
    let numbers = version.0.cmp(&than.0);
    // A pre-release comes before its release.
    let tail = match (version.1.is_empty(), than.1.is_empty()) {
        (true, false) => std::cmp::Ordering::Greater,
        (false, true) => std::cmp::Ordering::Less,
        _ => version.1.cmp(than.1),
    };
    numbers.then(tail).is_lt()
}

/// Numbers, and what follows the first `-`; what follows a `+` has no order.
fn release(version: &str) -> (Vec<u64>, &str) {
    let version = version.split('+').next().unwrap_or_default();
    let (numbers, tail) = version.split_once('-').unwrap_or((version, ""));
    (numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect(), tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(version: &str, asks: &[&str]) -> About {
        About {
            name: "postgres".to_owned(),
            version: version.to_owned(),
            asks: asks.iter().map(|ask| (*ask).to_owned()).collect(),
            cursor_version: 1,
            changes: "log".to_owned(),
            ..About::default()
        }
    }

    fn code(old: &About, new: &About, allowed: Allowed) -> &'static str {
        admit("db", old, new, allowed).map_or_else(|no| no.code, |()| "")
    }

    #[test]
    fn an_older_version_comes_back_only_by_a_rollback() {
        let (old, new) = (about("0.10.0", &[]), about("0.9.1", &[]));
        assert_eq!(code(&old, &new, Allowed::default()), OLDER);
        assert_eq!(code(&old, &new, Allowed { back: true, wider: false }), "");
        assert_eq!(code(&new, &old, Allowed::default()), "");
        assert_eq!(code(&about("1.0.0", &[]), &about("1.0.0-rc.1", &[]), Allowed::default()), OLDER);
        assert_eq!(code(&about("1.0.0", &[]), &about("1.0.0", &[]), Allowed::default()), "");
    }

    #[test]
    fn who_asks_for_more_waits_and_who_asks_for_less_does_not() {
        let (old, new) = (about("1.0.0", &["tcp:config.host:5432"]), about("1.1.0", &["https:evil.example"]));
        let no = admit("db", &old, &new, Allowed::default()).expect_err("it asks for more");
        assert_eq!((no.came, no.code), (Came::Waits, WIDER));
        assert_eq!(no.differences, ["https:evil.example"]);
        assert!(no.remedy.contains("lockstep connector approve db"));
        assert_eq!(code(&old, &new, Allowed { wider: true, back: false }), "");
        assert_eq!(code(&old, &about("1.1.0", &[]), Allowed::default()), "");
    }

    #[test]
    fn other_cursors_and_other_connectors_are_refused_whatever_is_allowed() {
        let old = about("1.0.0", &[]);
        let all = Allowed { wider: true, back: true };
        assert_eq!(code(&old, &About { cursor_version: 2, ..old.clone() }, all), CURSORS);
        assert_eq!(code(&old, &About { name: "mysql".to_owned(), ..old.clone() }, all), OTHER);
        assert_eq!(code(&old, &About { changes: "poll".to_owned(), ..old.clone() }, all), OTHER);
    }
}
