//! Proposing a mapping: which columns of two or more objects hold the same
//! thing, how sure that is, and why. Each column is used once; what a person
//! decided before is kept. Proposes, never decides; knows no file and no screen.

mod agreement;
mod assign;
mod cells;
mod choices;
mod evidence;
mod likeness;
mod objects;
mod pair;
mod rows;
mod samples;
mod vocabulary;
mod words;

use std::collections::BTreeSet;

use self::{
    cells::Cell,
    likeness::{Named, Rarity, own_concepts},
    pair::{Subject, Verdict, compare},
    rows::{Joined, Rows},
    samples::Profile,
    words::Seen,
};
pub use self::{
    objects::{ObjectProposal, System, propose_objects},
    samples::{SAMPLE_VALUES_MAX, Shape},
};
use crate::{cast::Cast, mapping::field_name, schema::Object, value::Value};

/// Mapped without asking, unless told otherwise.
pub const ACCEPT_ABOVE: f64 = 0.9;
/// Below this nothing is proposed.
pub const REVIEW_ABOVE: f64 = 0.6;
/// A rival this near makes a choice unsure.
const RIVAL_WITHIN: f64 = 0.06;
/// What an unsure choice keeps of its confidence.
const RIVAL_SHARE: f64 = 0.85;

/// Two choices are rivals when their names are this near, too.
const RIVAL_NAME_WITHIN: f64 = 0.25;
/// And when they share almost as many words.
const RIVAL_CLOSENESS_WITHIN: f64 = 0.3;

/// A side to be mapped. `samples` holds values by column, in the object's
/// order; empty where none were read. The values at one place in all columns are
/// one row's, null where it has none, so that rows of two sides can be joined.
pub struct Described<'a> {
    pub side: &'a str,
    pub object: &'a Object,
    pub samples: &'a [Vec<Value>],
}

/// Columns that are known to belong together, or not to: side name and column.
pub type Columns = Vec<(String, String)>;

/// What was decided before.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// Fields as they are mapped, by name.
    pub mapped: Vec<(String, Columns)>,
    /// Columns that a person said do not belong together.
    pub declined: Vec<Columns>,
}

/// Why two columns are thought to hold the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    SameName,
    /// Names of the same concepts.
    SameMeaning(Vec<String>),
    SimilarName,
    /// Both refer to objects of the same meaning.
    SameTarget,
    BothUnique,
    SameChoices {
        percent: u8,
    },
    SameShape(Shape),
    SharedValues {
        percent: u8,
    },
    /// Rows that are the same record have the same values.
    SameOnRows {
        percent: u8,
        rows: usize,
    },
    /// Rows that are the same record mostly have other values.
    OtherOnRows {
        percent: u8,
        rows: usize,
    },
    /// The same amounts in another unit.
    OtherScale(u32),
    /// Rows that are the same record have values that stand for each other.
    InOtherWords,
    /// Few values on both sides, and none in common.
    OtherChoices,
    /// Amounts of another size altogether.
    OtherSize,
    /// A name that other systems use for other things, and nothing else speaks for it.
    SaysLittle,
    /// Another column fits almost as well: its side and name.
    Rival(String, String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::SameName => f.write_str("same name"),
            Reason::SameMeaning(concepts) => write!(f, "both say {}", concepts.join(", ")),
            Reason::SimilarName => f.write_str("similar names"),
            Reason::SameTarget => f.write_str("both refer to the same kind of record"),
            Reason::BothUnique => f.write_str("unique at both"),
            Reason::SameChoices { percent } => write!(f, "{percent}% of the choices are the same"),
            Reason::SameShape(shape) => write!(f, "both hold {}", shape.plural()),
            Reason::SharedValues { percent } => write!(f, "{percent}% of the sampled values are shared"),
            Reason::SameOnRows { percent, rows } => {
                write!(f, "equal on {percent}% of {rows} rows that are the same record")
            }
            Reason::OtherOnRows { percent, rows } => {
                write!(f, "equal on only {percent}% of {rows} rows that are the same record")
            }
            Reason::OtherScale(factor) => write!(f, "the amounts differ by a factor of {factor}"),
            Reason::InOtherWords => f.write_str("the values stand for each other on rows that are the same record"),
            Reason::OtherChoices => f.write_str("the sampled values have nothing in common"),
            Reason::OtherSize => f.write_str("the sampled amounts are of another size"),
            Reason::SaysLittle => f.write_str("a name that may mean other things"),
            Reason::Rival(side, column) => write!(f, "{side}.{column} fits almost as well"),
        }
    }
}

/// Columns that are thought to hold the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The mapped field that it extends, or a name for a new one.
    pub field: String,
    /// The field is mapped already, and these columns are new to it.
    pub extends: bool,
    /// In the sides' order.
    pub columns: Columns,
    /// 0 to 1: of its weakest column.
    pub confidence: f64,
    pub reasons: Vec<Reason>,
    /// What values would lose on their way, where the types do not hold all of each other's.
    pub loss: Option<String>,
    /// By side, the column's word for each of the field's values, where the columns
    /// have different words for the same choices.
    pub words: Vec<(String, Vec<(String, String)>)>,
    /// The objects that the columns refer to, by side: the field holds another record.
    pub targets: Vec<(String, String)>,
}

/// What was found, the surest first, and what is left over.
#[derive(Clone, Debug, Default)]
pub struct Proposals {
    pub proposals: Vec<Proposal>,
    /// Columns that could be mapped and have no partner.
    pub unmapped: Columns,
}

/// A field in the making.
struct Cluster {
    field: Option<String>,
    /// Side, place among that side's subjects.
    members: Vec<(usize, usize)>,
    /// Columns of the field that were mapped before.
    before: usize,
    confidence: f64,
    reasons: Vec<Reason>,
}

/// Proposes fields over all sides at once. Keys are linked, not mapped, and are
/// left out, as are columns that can never be written where nothing else could.
pub fn propose(sides: &[Described<'_>], decided: &Decided) -> Proposals {
    let mut seen = Seen::default();
    for column in sides.iter().flat_map(|side| &side.object.columns) {
        seen.add(&column.name);
        seen.add(&column.label);
        seen.add(&column.comment);
    }
    let subjects: Vec<Vec<Subject<'_>>> = sides.iter().map(|side| self::subjects(side, &seen)).collect();
    let rarity = Rarity::of(subjects.iter().flatten().map(|subject| &subject.named));
    let joined = joined(sides);
    let mut board = Board { sides, subjects, joined, rarity, decided, clusters: Vec::new() };
    board.begin();
    for side in 0..sides.len() {
        board.join(side);
    }
    board.finish()
}

/// The rows of each two sides that are the same record, the earlier side first.
fn joined(sides: &[Described<'_>]) -> Vec<((usize, usize), Joined)> {
    let rows: Vec<Rows> = sides.iter().map(|side| Rows::of(side.samples)).collect();
    let mut all = Vec::new();
    for (left, one) in rows.iter().enumerate() {
        for (right, other) in rows.iter().enumerate().skip(left + 1) {
            all.extend(rows::join(one, other).map(|joined| ((left, right), joined)));
        }
    }
    all
}

fn subjects<'a>(side: &Described<'a>, seen: &Seen) -> Vec<Subject<'a>> {
    let own = own_concepts(side.object, seen);
    let columns = side.object.columns.iter().enumerate();
    let columns = columns.filter(|(_, column)| !side.object.key.contains(&column.name));
    let mut subjects: Vec<Subject<'_>> = columns
        .map(|(place, column)| {
            let target = column.references.as_ref().map(|reference| {
                let name = reference.object.rsplit('.').next().unwrap_or_default();
                seen.concepts(name)
            });
            Subject {
                column,
                place,
                named: Named::new(column, &own, seen),
                profile: side.samples.get(place).map(|values| Profile::of(values)).unwrap_or_default(),
                refers_home: column.references.as_ref().is_some_and(|to| to.object == side.object.name),
                target: target.unwrap_or_default(),
            }
        })
        .collect();
    // A state beside no city is what something is in.
    if !subjects.iter().any(|subject| subject.named.says_only("city")) {
        subjects.iter_mut().filter(|subject| subject.named.spelt == "state").for_each(|s| s.named.mean_status());
    }
    subjects
}

struct Board<'a> {
    sides: &'a [Described<'a>],
    subjects: Vec<Vec<Subject<'a>>>,
    joined: Vec<((usize, usize), Joined)>,
    rarity: Rarity,
    decided: &'a Decided,
    clusters: Vec<Cluster>,
}

impl Board<'_> {
    fn subject(&self, (side, place): (usize, usize)) -> Option<&Subject<'_>> {
        self.subjects.get(side)?.get(place)
    }

    fn name(&self, member: (usize, usize)) -> (String, String) {
        let side = self.sides.get(member.0).map_or("", |side| side.side);
        let column = self.subject(member).map_or("", |subject| subject.column.name.as_str());
        (side.to_owned(), column.to_owned())
    }

    /// Fields that are mapped already are where everything starts.
    fn begin(&mut self) {
        for (field, columns) in &self.decided.mapped {
            let members: Vec<_> = columns.iter().filter_map(|(side, column)| self.find(side, column)).collect();
            let before = members.len();
            self.clusters.push(Cluster {
                field: Some(field.clone()),
                members,
                before,
                confidence: 1.0,
                reasons: Vec::new(),
            });
        }
    }

    fn find(&self, side: &str, column: &str) -> Option<(usize, usize)> {
        let side = self.sides.iter().position(|known| known.side == side)?;
        let place = self.subjects.get(side)?.iter().position(|subject| subject.column.name == column)?;
        Some((side, place))
    }

    /// Gives every free column of a side to a cluster that has none of that side yet.
    fn join(&mut self, side: usize) {
        let taken: BTreeSet<usize> =
            self.clusters.iter().flat_map(|c| &c.members).filter(|m| m.0 == side).map(|m| m.1).collect();
        let count = self.subjects.get(side).map_or(0, Vec::len);
        let free: Vec<usize> = (0..count).filter(|place| !taken.contains(place)).collect();
        let open: Vec<usize> = (0..self.clusters.len())
            .filter(|at| self.clusters.get(*at).is_some_and(|c| c.members.iter().all(|(s, _)| *s != side)))
            .collect();
        let verdicts: Vec<Vec<Verdict>> =
            free.iter().map(|place| open.iter().map(|at| self.judge(*at, (side, *place))).collect()).collect();
        let scores: Vec<Vec<f64>> =
            verdicts.iter().map(|row| row.iter().map(|verdict| verdict.confidence).collect()).collect();
        let pairs = assign::assign(&scores, REVIEW_ABOVE);
        for (row, column) in &pairs {
            let (Some(place), Some(at)) = (free.get(*row), open.get(*column)) else { continue };
            let Some(verdict) = verdicts.get(*row).and_then(|row| row.get(*column)) else { continue };
            let rival = self.rival(&verdicts, (*row, *column), side, &free, &open);
            let Some(cluster) = self.clusters.get_mut(*at) else { continue };
            let unsure = if rival.is_some() { RIVAL_SHARE } else { 1.0 };
            cluster.members.push((side, *place));
            cluster.confidence = cluster.confidence.min(verdict.confidence * unsure).min(verdict.ceiling);
            for reason in verdict.reasons.iter().cloned().chain(rival) {
                if !cluster.reasons.contains(&reason) {
                    cluster.reasons.push(reason);
                }
            }
        }
        for (row, place) in free.iter().enumerate() {
            if !pairs.iter().any(|(paired, _)| *paired == row) {
                let members = vec![(side, *place)];
                self.clusters.push(Cluster { field: None, members, before: 0, confidence: 1.0, reasons: Vec::new() });
            }
        }
    }

    /// How well a column goes with all that a cluster holds.
    fn judge(&self, cluster: usize, member: (usize, usize)) -> Verdict {
        let (Some(cluster), Some(subject)) = (self.clusters.get(cluster), self.subject(member)) else {
            return Verdict::default();
        };
        let mut best = Verdict::default();
        let mut sum = 0.0;
        let mut ceiling = 1.0f64;
        for known in &cluster.members {
            if self.is_declined(*known, member) {
                return Verdict::default();
            }
            let Some(other) = self.subject(*known) else { continue };
            let verdict = compare(other, subject, self.cells((known.0, other), (member.0, subject)), &self.rarity);
            if verdict.confidence == 0.0 {
                return Verdict::default();
            }
            sum += verdict.confidence;
            ceiling = ceiling.min(verdict.ceiling);
            if verdict.confidence > best.confidence {
                best = verdict;
            }
        }
        let mean = sum / cluster.members.len().max(1) as f64;
        best.confidence = (best.confidence * 2.0 + mean) / 3.0;
        best.ceiling = ceiling;
        if !self.is_useful(cluster, member) {
            return Verdict::default();
        }
        best
    }

    /// Both columns' cells on the rows that are the same record.
    fn cells(&self, (a, one): (usize, &Subject<'_>), (b, other): (usize, &Subject<'_>)) -> Option<(&[Cell], &[Cell])> {
        let sides = (a.min(b), a.max(b));
        let (_, joined) = self.joined.iter().find(|(known, _)| *known == sides)?;
        let (ones, others) = if a < b { (&joined.left, &joined.right) } else { (&joined.right, &joined.left) };
        Some((ones.get(one.place)?, others.get(other.place)?))
    }

    /// News has to have somewhere to go: some column has to be writable.
    fn is_useful(&self, cluster: &Cluster, member: (usize, usize)) -> bool {
        cluster.members.iter().chain([&member]).any(|member| {
            self.subject(*member).is_some_and(|subject| subject.column.createable || subject.column.updateable)
        })
    }

    fn is_declined(&self, a: (usize, usize), b: (usize, usize)) -> bool {
        let (a, b) = (self.name(a), self.name(b));
        self.decided.declined.iter().any(|columns| columns.contains(&a) && columns.contains(&b))
    }

    /// Another choice for either of the two that is almost as good.
    fn rival(
        &self,
        verdicts: &[Vec<Verdict>],
        (row, column): (usize, usize),
        side: usize,
        free: &[usize],
        open: &[usize],
    ) -> Option<Reason> {
        let chosen = verdicts.get(row)?.get(column)?;
        let near = |other: &Verdict| {
            (!chosen.same_name || other.same_name)
                && other.confidence > chosen.confidence - RIVAL_WITHIN
                && other.by_name > chosen.by_name - RIVAL_NAME_WITHIN
                && other.closeness > chosen.closeness - RIVAL_CLOSENESS_WITHIN
        };
        let rows = verdicts.iter().enumerate().filter(|(at, _)| *at != row);
        let other_row = rows.filter_map(|(at, row)| Some((at, row.get(column)?))).find(|(_, other)| near(other));
        if let Some((at, _)) = other_row {
            let (side, column) = self.name((side, *free.get(at)?));
            return Some(Reason::Rival(side, column));
        }
        let columns = verdicts.get(row)?.iter().enumerate().filter(|(at, _)| *at != column);
        let (at, _) = columns.into_iter().find(|(_, other)| near(other))?;
        let member = self.clusters.get(*open.get(at)?)?.members.first()?;
        let (side, column) = self.name(*member);
        Some(Reason::Rival(side, column))
    }

    fn loss(&self, members: &[(usize, usize)]) -> Option<String> {
        let columns: Vec<_> = members.iter().filter_map(|member| Some(self.subject(*member)?.column)).collect();
        if columns.iter().all(|column| column.references.is_some()) {
            return None;
        }
        let types = || columns.iter().map(|column| &column.column_type);
        types().flat_map(|from| types().map(move |to| (from, to))).find_map(|(from, to)| Cast::between(from, to).loss)
    }

    fn words(&self, members: &[(usize, usize)]) -> Vec<(String, Vec<(String, String)>)> {
        let columns: Vec<_> = members.iter().filter_map(|member| Some(self.subject(*member)?.column)).collect();
        members.iter().map(|member| self.name(*member).0).zip(choices::words(&columns)).collect()
    }

    fn targets(&self, members: &[(usize, usize)]) -> Vec<(String, String)> {
        let target = |member: &(usize, usize)| {
            let reference = self.subject(*member)?.column.references.as_ref()?;
            Some((self.name(*member).0, reference.object.clone()))
        };
        members.iter().filter_map(target).collect()
    }

    fn finish(self) -> Proposals {
        let mut all = Proposals::default();
        let mut names: BTreeSet<String> = self.decided.mapped.iter().map(|(field, _)| field.clone()).collect();
        for cluster in &self.clusters {
            let mut members = cluster.members.clone();
            members.sort_unstable();
            let columns: Columns = members.iter().map(|member| self.name(*member)).collect();
            let grown = members.len() > cluster.before;
            if !grown {
                continue;
            }
            if columns.len() < 2 || cluster.confidence < REVIEW_ABOVE {
                let mappable = members
                    .iter()
                    .any(|member| self.subject(*member).is_some_and(|s| s.column.createable || s.column.updateable));
                if mappable {
                    all.unmapped.extend(columns);
                }
                continue;
            }
            let field = cluster.field.clone().unwrap_or_else(|| fresh_name(&self, &members, &mut names));
            all.proposals.push(Proposal {
                extends: cluster.field.is_some(),
                field,
                columns,
                confidence: cluster.confidence,
                reasons: cluster.reasons.clone(),
                loss: self.loss(&members),
                words: self.words(&members),
                targets: self.targets(&members),
            });
        }
        all.proposals.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        all
    }
}

/// A name for a new field: the plainest of its columns' names, not taken yet.
fn fresh_name(board: &Board<'_>, members: &[(usize, usize)], names: &mut BTreeSet<String>) -> String {
    let columns =
        members.iter().filter_map(|member| board.subject(*member)).map(|subject| subject.column.name.as_str());
    // Words parted by `_` read best; a vendor's own prefix or suffix worst.
    let plainness = |name: &&str| {
        let vendor = name.contains("__") || name.starts_with("hs_") || name.starts_with("hubspot_");
        let parted = name.contains('_') && name.chars().all(|c| !c.is_ascii_uppercase());
        let cased = name.chars().any(|c| c.is_ascii_uppercase());
        (vendor, cased, !parted, name.len())
    };
    let plain = columns.min_by_key(plainness).unwrap_or("field");
    let words = words::split(plain).join("_");
    let base = field_name(if words.is_empty() { plain } else { &words });
    let mut name = base.clone();
    let mut times = 1;
    while !names.insert(name.clone()) {
        times += 1;
        name = format!("{base}_{times}");
    }
    name
}
