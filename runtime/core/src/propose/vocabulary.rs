//! The words people use for the same thing: wordings and what they stand for,
//! words that tell two columns apart, and words that tell little. Data, in one
//! place; knows nothing of columns.

use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};

/// Wordings of more words are not looked for.
pub(super) const WORDING_WORDS_MAX: usize = 5;

/// Words of which a column has one or the other: columns that differ in them
/// are different columns, however alike the rest is.
const APART: &[&[&str]] = &[
    &["billing", "shipping"],
    &["home", "work"],
    &["given", "family", "middle", "full"],
    &["email", "phone", "mobile", "fax", "website", "linkedin", "twitter", "facebook"],
    &["city", "state", "street", "postcode", "country", "latitude", "longitude"],
    &["created", "modified", "birth", "close", "closed", "due", "start", "end"],
    &["min", "max"],
    &["first", "last", "next"],
    &["old", "new"],
    &["created by", "modified by", "owner"],
    &["gross", "net"],
    &[
        "order total",
        "subtotal",
        "tax",
        "discount total",
        "shipping total",
        "paid total",
        "refunded total",
        "amount due",
    ],
    &["mailing", "other"],
    &["primary", "other"],
    &["billing", "other"],
    &["hired", "terminated"],
    &["cost", "price"],
    &["personal email", "email"],
    &["personal phone", "phone", "other phone", "mobile"],
    &["created", "hired"],
    &["won reason", "lost reason"],
    &["from", "to"],
];

/// Said of the column that is meant when nothing is said: `MailingCity` is what
/// another system calls `city`.
const USUAL: &[&str] = &["mailing", "billing", "primary", "main", "default", "work", "business", "office", "1"];

/// Words that say little about what a column holds.
const FAINT: &[&str] = &[
    "is",
    "has",
    "the",
    "of",
    "a",
    "an",
    "c",
    "id",
    "hs",
    "field",
    "custom",
    "value",
    "data",
    "info",
    "text",
    "date",
    "code",
    "name",
    "at",
    "on",
    "for",
    "and",
    "number",
    "associated",
    "hubspot",
    "salesforce",
    "total",
    "key",
    "link",
    "flag",
    "type of",
];

/// Forms of saying when: what happened is in the other words.
const WHEN: &[&str] = &["at", "on", "date", "time", "datetime", "timestamp", "dt"];

/// A word that goes without saying beside these: an address's city is a city.
const IMPLIED: &[(&str, &[&str])] = &[
    ("address", &["street", "street two", "city", "state", "postcode", "country", "latitude", "longitude"]),
    ("phone", &["mobile", "fax"]),
    ("website", &["linkedin", "twitter", "facebook", "domain", "photo"]),
];

/// Pairs that often, not always, mean the same.
const NEAR: &[(&str, &str, f64)] = &[
    ("street", "address", 0.85),
    ("website", "domain", 0.7),
    ("company", "name", 0.3),
    ("job title", "title", 0.95),
    ("salutation", "title", 0.3),
    ("status", "stage", 0.5),
    ("lifecycle stage", "stage", 0.5),
    ("amount", "price", 0.6),
    ("amount", "revenue", 0.5),
    ("full name", "name", 0.8),
    ("subject", "title", 0.85),
    ("subject", "name", 0.65),
    ("name", "title", 0.65),
    ("description", "content", 0.8),
    ("description", "summary", 0.7),
    ("description", "message", 0.65),
    ("sku", "product", 0.4),
    ("job title", "function", 0.8),
    ("job title", "job function", 0.7),
    ("employees", "company size", 0.7),
    ("subject", "summary", 0.85),
    ("name", "summary", 0.5),
    ("title", "summary", 0.6),
    ("total", "order total", 0.95),
    ("order total", "amount", 0.75),
    ("order number", "number", 0.85),
    ("invoice number", "number", 0.85),
    ("order number", "name", 0.5),
    ("order date", "created", 0.5),
    ("order number", "purchase order number", 0.7),
    ("personal email", "email", 0.5),
    ("owner", "person", 0.5),
    ("requester", "customer", 0.6),
    ("requester", "contact", 0.7),
    ("channel", "source", 0.7),
    ("group", "department", 0.5),
    ("product category", "category", 0.85),
    ("product category", "type", 0.6),
    ("sku", "code", 0.6),
    ("stock", "quantity", 0.7),
    ("order date", "date", 0.6),
    ("close date", "closed", 0.75),
    ("revenue", "amount", 0.5),
    ("due", "end", 0.6),
    ("due", "close date", 0.7),
    ("location", "address", 0.5),
    ("signed up", "created", 0.6),
    ("type", "kind", 0.95),
    ("solved", "closed", 0.8),
    ("solved", "close date", 0.7),
    ("total", "amount", 0.7),
    ("name", "subject", 0.6),
    ("owner", "manager", 0.7),
    ("owner", "group", 0.7),
    ("description", "subject", 0.3),
    ("type", "category", 0.6),
    ("state", "status", 0.75),
    ("company", "customer", 0.5),
    ("lead source", "channel", 0.5),
    ("external id", "identifier", 0.5),
    ("priority", "rating", 0.4),
    ("owner", "user", 0.9),
    ("owner", "staff", 0.9),
    ("user", "staff", 0.9),
    ("owner", "employees", 0.8),
    ("user", "employees", 0.8),
    ("description", "about", 0.7),
    ("person", "contact", 0.9),
    ("customer", "contact", 0.7),
    ("lead", "contact", 0.7),
];

/// Words that systems use for different things, so that a name of nothing else
/// proves little although it is the same.
const VAGUE: &[&str] = &[
    "type",
    "kind",
    "status",
    "stage",
    "category",
    "source",
    "state",
    "priority",
    "level",
    "rating",
    "class",
    "mode",
    "group",
    "code",
    "reference",
    "score",
    "flag",
    "tier",
    "segment",
];

/// Amounts that one system weights or taxes and another does not.
const UNCERTAIN: &[&str] = &["expected revenue", "weighted amount"];

/// Each system notes these for itself: that they differ says nothing.
const BOOKKEEPING: &[&str] = &["created", "modified", "created by", "modified by", "last activity date"];

const TEXT: &str = include_str!("vocabulary.txt");

pub(super) struct Vocabulary {
    /// Wording, words joined by a space, to concept.
    concepts: FxHashMap<&'static str, &'static str>,
    /// Every single word there is, for names that are written together.
    words: FxHashSet<&'static str>,
    near: FxHashMap<(&'static str, &'static str), f64>,
}

/// The one vocabulary.
pub(super) fn vocabulary() -> &'static Vocabulary {
    static ONE: OnceLock<Vocabulary> = OnceLock::new();
    ONE.get_or_init(Vocabulary::read)
}

impl Vocabulary {
    fn read() -> Self {
        let mut all =
            Vocabulary { concepts: FxHashMap::default(), words: FxHashSet::default(), near: FxHashMap::default() };
        let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
        for (concept, wordings) in lines.filter_map(|line| line.split_once('=')) {
            let concept = concept.trim();
            for wording in wordings.split('|').map(str::trim).chain([concept]) {
                all.concepts.insert(wording, concept);
                all.words.extend(wording.split(' ').filter(|word| word.len() > 2));
            }
        }
        for list in [USUAL, FAINT].into_iter().chain(APART.iter().copied()) {
            all.words.extend(list.iter().flat_map(|words| words.split(' ')).filter(|word| word.len() > 2));
        }
        for (a, b, share) in NEAR {
            all.near.insert((a, b), *share);
            all.near.insert((b, a), *share);
            all.words.extend([*a, *b].into_iter().flat_map(|words| words.split(' ')).filter(|word| word.len() > 2));
        }
        all
    }

    pub(super) fn concept(&self, wording: &str) -> Option<&'static str> {
        self.concepts.get(wording).copied()
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// How far two concepts mean the same, 0 to 1.
    pub(super) fn near(&self, a: &str, b: &str) -> f64 {
        self.near.get(&(a, b)).copied().unwrap_or(0.0)
    }
}

/// Whether the two concepts cannot be said of one column.
pub(super) fn tell_apart(a: &str, b: &str) -> bool {
    a != b && APART.iter().any(|group| group.contains(&a) && group.contains(&b))
}

/// How much a word says about what a column holds, before counting how common it is.
pub(super) fn weight(concept: &str) -> f64 {
    if USUAL.contains(&concept) {
        0.15
    } else if WHEN.contains(&concept) {
        0.1
    } else if FAINT.contains(&concept) {
        0.3
    } else {
        1.0
    }
}

pub(super) fn is_faint(concept: &str) -> bool {
    FAINT.contains(&concept) && !VAGUE.contains(&concept)
}

pub(super) fn is_vague(concept: &str) -> bool {
    VAGUE.contains(&concept)
}

pub(super) fn is_uncertain(concept: &str) -> bool {
    UNCERTAIN.contains(&concept)
}

pub(super) fn is_bookkeeping(concept: &str) -> bool {
    BOOKKEEPING.contains(&concept)
}

/// Whether a concept goes without saying beside the others of a name.
pub(super) fn is_implied(concept: &str, all: &[String]) -> bool {
    let with = IMPLIED.iter().filter(|(implied, _)| *implied == concept);
    with.flat_map(|(_, parts)| parts.iter()).any(|part| all.iter().any(|other| other == part))
}
