//! What is remembered of the components that serve a connection: which one is in
//! use and who chose it, those before it, and one that waits for approval.

use lockstep_core::value::Timestamp;
use serde::{Deserialize, Serialize};

use crate::port::{About, ComponentName, KEPT};

/// The version of the stored form; a newer one is not read.
const FORM: u32 = 1;
/// Earlier versions that can be gone back to.
const BEFORE_MAX: usize = 5;
/// Versions that were refused or rolled back, newest first.
const REFUSED_MAX: usize = 10;

/// How a version came into use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// The configuration names it.
    #[default]
    Configured,
    Upgrade,
    Rollback,
    /// The version after it did not pass its probation.
    AutomaticRollback,
}

/// A version that is or was in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Use {
    pub about: About,
    pub chosen: Chosen,
    pub by: String,
    pub at: Timestamp,
    /// It is being watched, and goes back by itself when it does worse.
    pub probation: bool,
}

impl Use {
    /// Its component, as it was put aside.
    pub(crate) fn component(&self) -> ComponentName {
        ComponentName { from: KEPT.to_owned(), digest: Some(self.about.digest.clone()) }
    }
}

/// A version that waits for the operator's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    pub about: About,
    /// What it asks for that the version in use does not.
    pub wider: Vec<String>,
    /// What else its order said, for the operator's word to hold for that, too.
    pub accept_differences: bool,
    pub pin: bool,
    pub probation_ms: Option<u64>,
    pub by: String,
    pub at: Timestamp,
}

/// A version that did not come into use, or not for long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    pub about: About,
    pub code: String,
    pub why: String,
    pub at: Timestamp,
}

/// A connection that an operator switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disabled {
    pub by: String,
    pub at: Timestamp,
}

/// Everything that is remembered of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    form: u32,
    /// What the configuration said when the version in use was chosen.
    pub configured: String,
    pub in_use: Option<Use>,
    /// Newest first.
    pub before: Vec<Use>,
    pub waiting: Option<Waiting>,
    /// Newest first.
    pub refused: Vec<Refused>,
    pub disabled: Option<Disabled>,
}

impl Remembered {
    /// `None`: written by a later version of Lockstep, or damaged.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|read: &Self| read.form == FORM)
    }

    pub(crate) fn text(&self) -> String {
        let stamped = Remembered { form: FORM, ..self.clone() };
        serde_json::to_string(&stamped).unwrap_or_default()
    }

    /// The version an operator chose over the configured one, while the
    /// configuration says what it said then.
    pub(crate) fn choice(&self, configured: &str) -> Option<&Use> {
        let chosen = self.in_use.as_ref().filter(|one| one.chosen != Chosen::Configured)?;
        (self.configured == configured).then_some(chosen)
    }

    /// Another version is in use from now on.
    pub(crate) fn put_in_use(&mut self, next: Use, configured: String) {
        let digest = next.about.digest.clone();
        self.configured = configured;
        if self.waiting.as_ref().is_some_and(|waiting| waiting.about.digest == digest) {
            self.waiting = None;
        }
        self.refused.retain(|one| one.about.digest != digest);
        self.before.retain(|one| one.about.digest != digest);
        if let Some(last) = self.in_use.replace(next).filter(|last| last.about.digest != digest) {
            self.before.retain(|one| one.about.digest != last.about.digest);
            self.before.insert(0, Use { probation: false, ..last });
        }
        self.before.truncate(BEFORE_MAX);
    }

    pub(crate) fn refuse(&mut self, refused: Refused) {
        self.refused.retain(|one| one.about.digest != refused.about.digest);
        self.refused.insert(0, refused);
        self.refused.truncate(REFUSED_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(digest: &str, chosen: Chosen) -> Use {
        Use { about: About { digest: digest.to_owned(), ..About::default() }, chosen, ..Use::default() }
    }

    #[test]
    fn a_choice_holds_until_the_configuration_says_something_else() {
        let mut kept = Remembered::default();
        kept.put_in_use(version("a", Chosen::Configured), "postgres".to_owned());
        assert_eq!(kept.choice("postgres"), None, "what is configured is no choice over it");
        kept.put_in_use(version("b", Chosen::Upgrade), "postgres".to_owned());
        let kept = Remembered::read(&kept.text()).expect("it reads back");
        assert_eq!(kept.choice("postgres").map(|one| one.about.digest.as_str()), Some("b"));
        assert_eq!(kept.choice("other.wasm"), None);
    }

    #[test]
    fn versions_before_are_listed_once_newest_first_and_not_for_ever() {
        let mut kept = Remembered::default();
        for digest in ["a", "b", "a", "c", "d", "e", "f", "g"] {
            kept.put_in_use(version(digest, Chosen::Upgrade), String::new());
        }
        let before: Vec<&str> = kept.before.iter().map(|one| one.about.digest.as_str()).collect();
        assert_eq!(before, ["f", "e", "d", "c", "a"]);
    }

    #[test]
    fn a_form_of_later_is_not_taken_for_ours() {
        assert_eq!(Remembered::read("{\"form\":2}"), None);
        assert_eq!(Remembered::read("no"), None);
    }
}
