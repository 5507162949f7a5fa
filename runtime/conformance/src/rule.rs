//! The rules: their codes, names, what each demands, and where to look when it
//! does not hold. What they do is in `rules`.

macro_rules! rules {
    ($($rule:ident $code:literal $name:literal $demand:literal $remedy:literal)*) => {
        /// One rule that a connector has to keep.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($rule),* }

        impl Rule {
            /// In the order they are tried.
            pub const ALL: &[Rule] = &[$(Rule::$rule),*];

            /// Stable, and explained by `lockstep help CODE`.
            pub fn code(self) -> &'static str {
                match self { $(Rule::$rule => $code),* }
            }

            pub fn name(self) -> &'static str {
                match self { $(Rule::$rule => $name),* }
            }

            /// What has to hold, as a sentence.
            pub fn demand(self) -> &'static str {
                match self { $(Rule::$rule => $demand),* }
            }

            /// Where an author looks when it does not.
            pub fn remedy(self) -> &'static str {
                match self { $(Rule::$rule => $remedy),* }
            }
        }
    };
}

rules! {
    SpecWellFormed "LS-KIT-101" "spec-well-formed"
        "the spec says what the connector is in the contract's words"
        "Look at `spec`: name, version, changes, precondition, abilities, permissions and schemes."
    ConfigSchema "LS-KIT-102" "config-schema"
        "the configuration schema is a JSON Schema that describes the configuration in use"
        "Describe every setting under `properties` of `config-schema`."
    OpenRefuses "LS-KIT-103" "open-refuses"
        "a configuration that cannot work is refused with `config` and words"
        "Parse the whole configuration in `open` and answer `config` where it does not fit."
    CheckWorks "LS-KIT-104" "check-works"
        "`check` of a connection that works finds nothing in the way, and gives a remedy where it does"
        "Look at the item that failed, and give every warning and failure a remedy."
    CheckMissingObject "LS-KIT-105" "check-missing-object"
        "`check` of an object that does not exist says so"
        "Look every asked object up in `check`."
    CheckWrongSecrets "LS-KIT-106" "check-wrong-secrets"
        "`check` with wrong secrets does not say that all is well"
        "Make `check` sign in and send a request that needs it."
    DiscoverWellFormed "LS-KIT-201" "discover-well-formed"
        "objects name each column once, and keys and references name columns that exist"
        "Look at what `discover` builds for this object."
    DiscoverStable "LS-KIT-202" "discover-stable"
        "`discover` tells the same again, in another session too"
        "Sort what the system gives in no order, and leave out what depends on the session."
    DiscoverUnknown "LS-KIT-203" "discover-unknown"
        "`discover` of an object that does not exist gives nothing or `not-found`"
        "Answer with an empty list or `not-found`."
    ReadWhole "LS-KIT-301" "read-whole"
        "a full read gives every row exactly once, as `fetch` shows it"
        "Order pages by something that no two rows share, and begin each after the last row of the one before."
    ReadEnds "LS-KIT-302" "read-ends"
        "a full read comes to an end, and no page comes again"
        "Answer with an empty `next` after the last row, and never with a `next` given before."
    ReadBounds "LS-KIT-303" "read-bounds"
        "a page has no more rows than were asked for"
        "Pass `max-rows` on, or cut the page and let `next` begin there."
    ReadResumes "LS-KIT-304" "read-resumes"
        "a read goes on from any page in another session"
        "Put into `next` all that the next page needs; keep nothing in the session."
    FetchAnswers "LS-KIT-305" "fetch-answers"
        "`fetch` answers each key at its position, and unknown keys not at all"
        "Match rows to keys by value, whatever order the system gives them in."
    ReadUnknownColumn "LS-KIT-306" "read-unknown-column"
        "a column or object that does not exist is refused, not made up"
        "Answer `not-found` and name it."
    StreamNoGap "LS-KIT-401" "stream-no-gap"
        "what changes while the object is read is in the read or in the stream"
        "Take the position in `start` before anything is read, and move the cursor only past changes that were given."
    StreamResumes "LS-KIT-402" "stream-resumes"
        "the stream goes on from any cursor it gave, in another session, without losing a change"
        "Let the cursor stand exactly after the last change that was given; changes held back in the session are before it."
    StreamForward "LS-KIT-403" "stream-forward"
        "cursors never go back, and move when changes were given"
        "Never answer with a cursor given before another one, and advance it with the changes."
    StreamOrder "LS-KIT-404" "stream-order"
        "changes of one row come in the order they were made, and versions grow"
        "Order by the system's own sequence, and derive `version` from it so that it compares bytewise (big-endian)."
    StreamTombstone "LS-KIT-405" "stream-tombstone"
        "a deleted row is told as deleted, once and for all"
        "Follow deletes too: tombstones, an archive, a change log."
    StreamUnchanged "LS-KIT-406" "stream-unchanged"
        "a change tells each column as it is, or `absent`; what was not told is never null"
        "Use `absent` for every column that the event does not carry."
    StreamBounds "LS-KIT-407" "stream-bounds"
        "an answer has no more changes than were asked for, and the rest follows"
        "Stop at `max-records`, let the cursor stand there, and say `more`."
    StreamIdle "LS-KIT-408" "stream-idle"
        "`changes` keeps to its wait, and with a zero budget takes nothing"
        "Return after `wait-ms`; with `max-records` 0 only keep the stream alive and answer with the cursor asked after."
    StreamBadCursor "LS-KIT-409" "stream-bad-cursor"
        "a cursor that is not the stream's is refused with `cursor-invalid`"
        "Check the whole cursor when it is parsed."
    StreamSelected "LS-KIT-410" "stream-selected"
        "only the objects and columns asked for are told"
        "Filter by the request's selections."
    StreamVersion "LS-KIT-411" "stream-version"
        "an edit made after our own write or read is newer than its version, and an older one is not newer than a read"
        "Take the version of a written or read row from the same sequence as the stream's; leave it empty where that is impossible."
    StreamQuiet "LS-KIT-412" "stream-quiet"
        "a stream without new changes becomes quiet"
        "Do not tell again in one session what was told; remember versions where an overlap is read again."
    WriteCreate "LS-KIT-501" "write-create"
        "`applied` creates exist, as the outcome shows them"
        "Answer `applied` only after the system did, with the row as the system stored it."
    WriteUpdate "LS-KIT-502" "write-update"
        "an update changes the columns it tells, and no others"
        "Write only cells that are not `absent`."
    WriteStale "LS-KIT-503" "write-stale"
        "an update whose expectation no longer holds is a `conflict` with what is there, and writes nothing"
        "Make the write conditional in the system itself, on every cell of `expected`."
    WriteRace "LS-KIT-504" "write-race"
        "of two writers that expect the same, one is told"
        "Use the system's precondition; comparing before writing leaves a gap between the two."
    WriteNull "LS-KIT-505" "write-null"
        "null is written as null, and not taken for `absent`"
        "Tell `null` from `absent` on the way to the system."
    WriteDelete "LS-KIT-506" "write-delete"
        "an `applied` delete removes the row"
        "Send the delete, and answer `applied` only after the system did."
    WriteDeleteStale "LS-KIT-507" "write-delete-stale"
        "a delete whose expectation no longer holds is a `conflict`, and the row stays"
        "Compare `expected` for deletes as for updates."
    WriteGone "LS-KIT-508" "write-gone"
        "writes to a row that is not there are `gone`"
        "Answer `gone`, not an error and not `applied`."
    WriteCreateTwice "LS-KIT-509" "write-create-twice"
        "a create that is sent twice makes one row, and the second is a `duplicate` with it"
        "Create under the key or unique column given, so that the system refuses the second; show the row that is there."
    WriteAgain "LS-KIT-510" "write-again"
        "an update that is sent again leaves the row as it is"
        "Answer `applied` or `conflict` with the row, never an error."
    WriteIsolated "LS-KIT-511" "write-isolated"
        "a row that is refused does not keep the others from being written"
        "Send rows so that one failing does not undo the rest, and repeat the rest when the system cannot."
    WriteOrder "LS-KIT-512" "write-order"
        "there is one outcome per intent, in order, and each tells the truth about its own row"
        "Match the system's answers to intents by key or position."
    WriteRefused "LS-KIT-513" "write-refused"
        "a value or column that cannot be written is refused with a code and words, and nothing is cut or made up"
        "Answer `rejected` with the system's code and message."
    WriteMeanwhile "LS-KIT-514" "write-meanwhile"
        "an outcome does not tell what somebody else set meanwhile as what was stored of ours"
        "Show what the system stored of this write; where the row is read again afterwards, show what was sent in columns that hold something else by then: the stream tells of that."
    EnsureDryRun "LS-KIT-601" "ensure-dry-run"
        "`ensure` with `dry-run` says what it would do and does nothing"
        "Return the statements before anything is sent."
    EnsureAgain "LS-KIT-602" "ensure-again"
        "`ensure` of what is there does nothing"
        "Compare with what `discover` finds and create only what is missing."
    CrashWrite "LS-KIT-701" "crash-write"
        "a write that is cut off leaves the row as it was or as wanted, and can be sent again"
        "Leave no half of a write behind: one statement or one request a row, under a precondition."
    WebhookForged "LS-KIT-702" "webhook-forged"
        "a webhook without a good signature is refused, and tells nothing"
        "Verify the signature before the body is read."
}

impl Rule {
    /// Whether it only asks what the connector is and what there is: nothing is written, and
    /// nothing waited for.
    pub fn only_asks(self) -> bool {
        self.code().starts_with("LS-KIT-1") || self.code().starts_with("LS-KIT-2")
    }

    /// By its code or its name.
    pub fn find(text: &str) -> Option<Rule> {
        Rule::ALL.iter().copied().find(|rule| rule.code().eq_ignore_ascii_case(text) || rule.name() == text)
    }
}
