//! A layer before a real connector that breaks one rule, and as little else as
//! it can.

mod reading;
mod session;
mod stream;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;
use lockstep_conformance::{Opening, Rule, Session, Subject};
use lockstep_core::schema::ConnectorSpec;
use lockstep_host::{HostError, Role};
use serde_json::Value;

macro_rules! mutants {
    ($($mutant:ident $rule:ident $does:literal)*) => {
        /// One way of being broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant { $($mutant),* }

        impl Mutant {
            pub const ALL: &[Mutant] = &[$(Mutant::$mutant),*];

            /// The rule that has to catch it.
            pub fn rule(self) -> Rule {
                match self { $(Mutant::$mutant => Rule::$rule),* }
            }

            /// What it does wrong.
            pub fn does(self) -> &'static str {
                match self { $(Mutant::$mutant => $does),* }
            }
        }
    };
}

mutants! {
    SpecMisspells SpecWellFormed "its spec has a word the contract does not"
    SchemaForgets ConfigSchema "its schema leaves out a setting"
    OpenTakesAll OpenRefuses "it opens with any configuration"
    CheckWithoutRemedy CheckWorks "it warns and says no remedy"
    CheckSaysOk CheckMissingObject "it checks nothing"
    CheckNeverSignsIn CheckWrongSecrets "its check does not need the secret"
    DiscoverTwice DiscoverWellFormed "it tells a column twice"
    DiscoverShuffles DiscoverStable "it tells columns in another order each time"
    DiscoverMakesUp DiscoverUnknown "it describes whatever it is asked for"
    ReadSkips ReadWhole "its pages lose their last row"
    ReadRepeats ReadWhole "its pages begin with the last row of the one before"
    PageLoops ReadEnds "its pages go round"
    PageOverflows ReadBounds "its pages have more rows than asked for"
    PageInSession ReadResumes "its page tokens mean something in their session only"
    FetchMixed FetchAnswers "it answers keys in another order"
    ColumnMadeUp ReadUnknownColumn "a column that does not exist is null"
    StreamBeginsLate StreamNoGap "the first changes after the position are missing"
    CursorSkips StreamResumes "its cursor is ahead of what it gave"
    CursorBack StreamForward "its cursor goes back"
    OrderSwapped StreamOrder "it tells changes in another order"
    DeleteDropped StreamTombstone "it does not tell deletes"
    NullForUnchanged StreamUnchanged "what an event does not tell is null"
    StreamOverflows StreamBounds "it gives more changes than asked for"
    ZeroTakes StreamIdle "it takes changes when none are wanted"
    CursorGuessed StreamBadCursor "it goes on at the end from a cursor it does not know"
    TellsAll StreamSelected "it tells columns nobody asked for"
    VersionAhead StreamVersion "its writes claim a version above all to come"
    NeverQuiet StreamQuiet "it tells the last changes again and again"
    CreateLies WriteCreate "it says applied and creates nothing"
    OutcomeLies WriteUpdate "its outcome shows another value than the row holds"
    AbsentAsNull WriteUpdate "what an update does not tell is written as null"
    PreconditionIgnored WriteStale "it writes whatever is there"
    ConflictEmpty WriteStale "its conflict does not show what is there"
    CompareThenWrite WriteRace "it compares, and then writes unconditionally"
    NullDropped WriteNull "it does not write null"
    DeleteLies WriteDelete "it says applied and deletes nothing"
    DeleteUnconditional WriteDeleteStale "it deletes whatever is there"
    GoneApplied WriteGone "a write to a row that is gone is applied"
    CreateOverwrites WriteCreateTwice "a second create is applied"
    RepeatRefused WriteAgain "an update that is sent again is rejected"
    AllOrNothing WriteIsolated "one bad row fails all"
    OutcomesSwapped WriteOrder "its outcomes are in another order"
    TextCut WriteRefused "a text that is too long is cut"
    AnswerLookedUp WriteMeanwhile "its outcome is the row as it is a moment later"
    HalfWritten CrashWrite "it writes in two steps"
    WebhookTaken WebhookForged "it takes webhooks without a signature"
}

/// A subject that is broken.
pub struct Broken<S> {
    inner: S,
    mutant: Mutant,
    config: Value,
}

impl<S: Subject> Broken<S> {
    pub fn new(inner: S, mutant: Mutant) -> Self {
        let config = inner.config().clone();
        Broken { inner, mutant, config }
    }
}

#[async_trait]
impl<S: Subject> Subject for Broken<S> {
    async fn spec(&self) -> Result<ConnectorSpec, HostError> {
        let mut spec = self.inner.spec().await?;
        match self.mutant {
            Mutant::SpecMisspells => spec.precondition = "optimistic".into(),
            Mutant::SchemaForgets => spec.config_schema = r#"{"type":"object","properties":{}}"#.into(),
            Mutant::WebhookTaken => spec.abilities.push("webhooks".into()),
            _ => {}
        }
        Ok(spec)
    }

    fn config(&self) -> &Value {
        &self.config
    }

    fn has_secrets(&self) -> bool {
        self.inner.has_secrets()
    }

    async fn open(&self, role: Role, opening: Opening) -> Result<Arc<dyn Session>, HostError> {
        let opening = match (self.mutant, opening) {
            (Mutant::OpenTakesAll, Opening::Config(_)) | (Mutant::CheckNeverSignsIn, Opening::WrongSecrets) => {
                Opening::AsConfigured
            }
            (_, opening) => opening,
        };
        let inner = self.inner.open(role, opening).await?;
        Ok(Arc::new(session::BrokenSession::new(inner, self.mutant)))
    }
}
