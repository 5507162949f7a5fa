//! How much alike two names are, as sets of concepts: each concept finds its
//! best partner, and counts by how much it says. Knows names and labels only.

use rustc_hash::FxHashMap;
use strsim::jaro_winkler;

use super::{
    vocabulary::{is_bookkeeping, is_faint, is_uncertain, is_vague, tell_apart, vocabulary, weight},
    words::Seen,
};
use crate::schema::{Column, Object};

/// What a word of the object's own name says inside a column's: `contact_email`.
const OWN_WEIGHT: f64 = 0.03;
/// Spelt less alike than this, two unknown words are different words.
const SPELLING_MIN: f64 = 0.92;
/// Longer comments are prose.
const COMMENT_BYTES_MAX: usize = 80;
/// Names that contain concepts which tell them apart keep this much.
const APART_SHARE: f64 = 0.15;

/// Concepts that are the same in other words keep at least this.
const OTHER_WORDS_SHARE: f64 = 0.95;

/// What a name, a label or a comment says.
#[derive(Default)]
struct Form {
    concepts: Vec<String>,
    /// As it is written, without words that say little.
    words: Vec<String>,
}

impl Form {
    /// The share of words that both have, as they are written.
    fn closeness(&self, other: &Form) -> f64 {
        let both = self.words.iter().filter(|word| other.words.contains(word)).count();
        let all = self.words.len() + other.words.len() - both;
        if all == 0 { 1.0 } else { both as f64 / all as f64 }
    }
}

/// A column's name and label as concepts.
pub(super) struct Named {
    /// Letters and digits of the name alone, in lower case.
    pub(super) spelt: String,
    name: Form,
    label: Form,
    comment: Form,
    own: Vec<String>,
    /// Of nothing but words that systems use for different things.
    vague: bool,
    key: bool,
}

impl Named {
    pub(super) fn new(column: &Column, own: &[String], seen: &Seen) -> Self {
        let concepts = |text: &str| {
            let mut concepts = seen.concepts(text);
            // `account_name` of an account is its name.
            if let [only] = concepts.as_mut_slice()
                && own.contains(only)
                && column.references.is_none()
            {
                "name".clone_into(only);
            }
            let words = seen.words(text).into_iter().filter(|word| !own.contains(word) && !is_faint(word));
            Form { concepts, words: words.collect() }
        };
        let name = concepts(&column.name);
        let label = if column.label.is_empty() { Form::default() } else { concepts(&column.label) };
        let comment = &column.comment;
        let comment = if comment.len() <= COMMENT_BYTES_MAX { concepts(comment) } else { Form::default() };
        let spelt: String = super::words::split(&column.name).concat();
        let words = seen.words(&column.name);
        let mut telling = words.iter().filter(|word| !own.contains(*word) && !is_faint(word)).peekable();
        let vague = telling.peek().is_some() && telling.all(|word| is_vague(word));
        let key = words.len() > 1 && words.last().is_some_and(|word| matches!(word.as_str(), "id" | "uid" | "guid"));
        Named { spelt, name, label, comment, own: own.to_vec(), vague, key }
    }

    /// Whether the name says just this.
    pub(super) fn says_only(&self, concept: &str) -> bool {
        self.name.concepts == [concept]
    }

    /// Whether the name says nothing but what other systems say of other things,
    /// and what usually goes with everything.
    pub(super) fn says_little(&self) -> bool {
        self.vague || matches!(self.name.concepts.as_slice(), [only] if is_uncertain(only))
    }

    /// Both refer to a company, by other words: one may be the customer's, and the
    /// other the company that keeps the records.
    pub(super) fn is_other_company(&self, other: &Named) -> bool {
        let company = |named: &Named| named.name.concepts.iter().any(|concept| concept == "company");
        company(self) && company(other) && self.spelt != other.spelt
    }

    /// Says when the record was made or changed, or by whom: each system has its own.
    pub(super) fn is_bookkeeping(&self) -> bool {
        self.name.concepts.iter().chain(&self.label.concepts).any(|concept| is_bookkeeping(concept))
    }

    /// Whether the name or its label says this, among other things.
    pub(super) fn says(&self, concept: &str) -> bool {
        [&self.name, &self.label].iter().any(|form| form.concepts.iter().any(|one| one == concept))
    }

    /// Holds another record's key, by its name.
    pub(super) fn is_key(&self) -> bool {
        self.key
    }

    /// Takes `state` for what an order is in, not for where an address is.
    pub(super) fn mean_status(&mut self) {
        for form in [&mut self.name, &mut self.label] {
            if form.concepts == ["state"] {
                form.concepts = vec!["status".to_owned()];
            }
        }
    }

    /// Each with how far it is from the name itself.
    fn forms(&self) -> impl Iterator<Item = (&Form, f64)> {
        let forms = [(&self.name, 1.0), (&self.label, 0.98), (&self.comment, 0.96)];
        forms.into_iter().filter(|(form, _)| !form.concepts.is_empty())
    }
}

/// What an object's own name means.
pub(super) fn own_concepts(object: &Object, seen: &Seen) -> Vec<String> {
    let name = object.name.rsplit('.').next().unwrap_or(&object.name);
    let mut own = seen.concepts(name);
    for concept in seen.concepts(&object.label) {
        if !own.contains(&concept) {
            own.push(concept);
        }
    }
    own
}

/// How common each concept is among the columns at hand.
#[derive(Default)]
pub(super) struct Rarity(FxHashMap<String, f64>);

impl Rarity {
    pub(super) fn of<'n>(all: impl Iterator<Item = &'n Named>) -> Self {
        let mut counts: FxHashMap<String, f64> = FxHashMap::default();
        for named in all {
            for concept in &named.name.concepts {
                *counts.entry(concept.clone()).or_default() += 1.0;
            }
        }
        Rarity(counts)
    }

    fn share(&self, concept: &str) -> f64 {
        let count = self.0.get(concept).copied().unwrap_or(1.0).max(1.0);
        1.0 / (1.0 + 0.35 * count.ln())
    }
}

/// Likeness of two names, 0 to 1, with the concepts they share when it rests on them.
pub(super) struct Likeness {
    pub(super) score: f64,
    pub(super) shared: Vec<String>,
    /// The names themselves hold words of which a column has one or the other.
    pub(super) apart: bool,
    /// The share of words that both names have, as they are written.
    pub(super) closeness: f64,
}

/// The best likeness of any of the names and labels.
pub(super) fn likeness(a: &Named, b: &Named, rarity: &Rarity) -> Likeness {
    let mut best = Likeness {
        score: 0.0,
        shared: Vec::new(),
        apart: are_apart(&a.name.concepts, &b.name.concepts),
        closeness: 0.0,
    };
    for (left, left_share) in a.forms() {
        for (right, right_share) in b.forms() {
            let mut one = of_forms(&left.concepts, &right.concepts, a, b, rarity);
            one.closeness = left.closeness(right);
            one.score *= OTHER_WORDS_SHARE + (1.0 - OTHER_WORDS_SHARE) * one.closeness;
            // Labels and comments are for people and less exact than names.
            one.score *= f64::min(left_share, right_share);
            if one.score > best.score {
                best = Likeness { apart: best.apart, ..one };
            }
        }
    }
    best
}

fn of_forms(left: &[String], right: &[String], a: &Named, b: &Named, rarity: &Rarity) -> Likeness {
    let (left_sum, left_found, shared) = one_way(left, right, &a.own, rarity);
    let (right_sum, right_found, _) = one_way(right, left, &b.own, rarity);
    let all = left_sum + right_sum;
    let mut score = if all > 0.0 { (left_found + right_found) / all } else { 0.0 };
    let apart = are_apart(left, right);
    if apart {
        score *= APART_SHARE;
    }
    Likeness { score, shared, apart, closeness: 0.0 }
}

/// Each has a word that cannot be said of the other.
fn are_apart(left: &[String], right: &[String]) -> bool {
    left.iter().any(|one| right.iter().any(|other| tell_apart(one, other)) && !right.contains(one))
        && right.iter().any(|one| left.iter().any(|other| tell_apart(one, other)) && !left.contains(one))
}

/// Weight of all concepts, weight of those that found a partner, and what is shared.
fn one_way(from: &[String], to: &[String], own: &[String], rarity: &Rarity) -> (f64, f64, Vec<String>) {
    let (mut sum, mut found, mut shared) = (0.0, 0.0, Vec::new());
    let lone = from.len() == 1;
    for concept in from {
        let own_word = !lone && own.contains(concept);
        let says = if own_word { OWN_WEIGHT } else { weight(concept) * rarity.share(concept) };
        let partner = to.iter().map(|other| partner(concept, other)).fold(0.0, f64::max);
        sum += says;
        found += says * partner;
        if partner >= 1.0 && !own_word {
            shared.push(concept.clone());
        }
    }
    (sum, found, shared)
}

/// How far two concepts mean the same, 0 to 1.
pub(super) fn partner(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    let near = vocabulary().near(a, b);
    if near > 0.0 {
        return near;
    }
    let known = vocabulary().is_word(a) && vocabulary().is_word(b);
    if known || a.len() < 4 || b.len() < 4 || a.chars().any(char::is_numeric) {
        return 0.0;
    }
    let spelling = jaro_winkler(a, b);
    if spelling >= SPELLING_MIN { spelling * 0.9 } else { 0.0 }
}
