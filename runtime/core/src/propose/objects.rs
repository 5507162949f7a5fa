//! Proposing which objects of two or more systems hold the same records: by their
//! names, and by how many of their columns have the same names.

use std::collections::BTreeSet;

use super::{
    likeness::partner,
    words::{Seen, split},
};
use crate::schema::Object;

/// Below this nothing is proposed.
const SURE_ENOUGH: f64 = 0.55;
/// Names this far apart are not compared by their columns.
const NAME_MIN: f64 = 0.5;
/// Objects of one system that are looked at.
const OBJECTS_MAX: usize = 5_000;
/// Columns by which an object is compared.
const COLUMNS_MAX: usize = 400;

/// A system with its objects.
pub struct System<'a> {
    pub name: &'a str,
    pub objects: &'a [Object],
}

/// Objects that are thought to hold the same records.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectProposal {
    /// A name for the sync.
    pub name: String,
    /// System and object, in the systems' order.
    pub objects: Vec<(String, String)>,
    /// 0 to 1: of its weakest pair.
    pub confidence: f64,
    /// Column names that all of them have.
    pub shared_columns: usize,
}

/// One object, ready to be compared.
struct Subject<'a> {
    system: &'a str,
    object: &'a Object,
    concepts: Vec<String>,
    columns: BTreeSet<String>,
}

/// Proposes syncs over the systems, the surest first: each object in one at most.
/// Objects that cannot take part are left out.
pub fn propose_objects(systems: &[System<'_>]) -> Vec<ObjectProposal> {
    let mut seen = Seen::default();
    for object in systems.iter().flat_map(|system| system.objects) {
        seen.add(plain_name(&object.name));
    }
    let subjects: Vec<Vec<Subject<'_>>> = systems.iter().map(|system| of(system, &seen)).collect();
    let mut pairs = Vec::new();
    for (place, ones) in subjects.iter().enumerate() {
        for others in subjects.iter().skip(place + 1) {
            for one in ones {
                for other in others {
                    let (confidence, shared) = compare(one, other);
                    if confidence >= SURE_ENOUGH {
                        pairs.push((confidence, shared, one, other));
                    }
                }
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut found: Vec<(Vec<&Subject<'_>>, f64, usize)> = Vec::new();
    for (confidence, shared, one, other) in pairs {
        let place = |subject: &Subject<'_>, found: &[(Vec<&Subject<'_>>, f64, usize)]| {
            found.iter().position(|(members, ..)| members.iter().any(|known| std::ptr::eq(*known, subject)))
        };
        let joins = match (place(one, &found), place(other, &found)) {
            (None, None) => {
                found.push((vec![one, other], confidence, shared));
                continue;
            }
            (Some(at), None) => Some((at, other)),
            (None, Some(at)) => Some((at, one)),
            (Some(_), Some(_)) => None,
        };
        let Some((at, new)) = joins else { continue };
        if let Some((members, sure, columns)) = found.get_mut(at)
            && members.iter().all(|known| known.system != new.system)
        {
            members.push(new);
            *sure = sure.min(confidence);
            *columns = (*columns).min(shared);
        }
    }
    let mut proposals: Vec<ObjectProposal> = found.iter().map(|one| proposal(one, systems)).collect();
    proposals.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    proposals
}

fn proposal((members, sure, shared): &(Vec<&Subject<'_>>, f64, usize), systems: &[System<'_>]) -> ObjectProposal {
    let order = |subject: &&&Subject<'_>| systems.iter().position(|system| system.name == subject.system);
    let mut sorted: Vec<&&Subject<'_>> = members.iter().collect();
    sorted.sort_by_key(order);
    let plainest = sorted.iter().map(|one| plain_name(&one.object.name)).min_by_key(|name| {
        let cased = name.chars().any(|c| c.is_ascii_uppercase());
        (cased, name.len())
    });
    ObjectProposal {
        name: split(plainest.unwrap_or("records")).join("_"),
        objects: sorted.iter().map(|one| (one.system.to_owned(), one.object.name.clone())).collect(),
        confidence: *sure,
        shared_columns: *shared,
    }
}

fn of<'a>(system: &System<'a>, seen: &Seen) -> Vec<Subject<'a>> {
    let able = system.objects.iter().filter(|object| object.obstacle.is_empty() && !object.key.is_empty());
    able.take(OBJECTS_MAX)
        .map(|object| Subject {
            system: system.name,
            object,
            concepts: seen.concepts(plain_name(&object.name)).iter().map(|concept| singular(concept)).collect(),
            columns: object
                .columns
                .iter()
                .take(COLUMNS_MAX)
                .map(|column| seen.concepts(&column.name).join(" "))
                .filter(|name| !name.is_empty())
                .collect(),
        })
        .collect()
}

/// Without a schema before it or a vendor's ending.
fn plain_name(name: &str) -> &str {
    let name = name.rsplit('.').next().unwrap_or(name);
    name.strip_suffix("__c").unwrap_or(name)
}

fn singular(concept: &str) -> String {
    match concept.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => concept.strip_suffix('s').unwrap_or(concept).to_owned(),
    }
}

/// How sure it is that two objects hold the same records, and the names of columns
/// that both have.
fn compare(one: &Subject<'_>, other: &Subject<'_>) -> (f64, usize) {
    let (short, long) = match one.concepts.len() <= other.concepts.len() {
        true => (&one.concepts, &other.concepts),
        false => (&other.concepts, &one.concepts),
    };
    if short.is_empty() {
        return (0.0, 0);
    }
    let near = |concept: &String| long.iter().map(|known| alike(concept, known)).fold(0.0, f64::max);
    // A word that only one of them has makes it another thing.
    let name = short.iter().map(near).sum::<f64>() / long.len() as f64;
    if name < NAME_MIN {
        return (0.0, 0);
    }
    let shared = one.columns.intersection(&other.columns).count();
    let fewest = one.columns.len().min(other.columns.len()).max(1);
    // A third of the columns in common is a lot between two vendors.
    let columns = (shared as f64 * 3.0 / fewest as f64).min(1.0);
    (0.65 * name + 0.35 * columns, shared)
}

fn alike(a: &str, b: &str) -> f64 {
    if a == b { 1.0 } else { partner(a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, ColumnType, Kind};

    fn object(name: &str, columns: &[&str]) -> Object {
        let column = |name: &&str| Column::new(*name, ColumnType::of(Kind::Text));
        Object {
            name: name.into(),
            label: String::new(),
            columns: columns.iter().map(column).collect(),
            key: vec!["id".into()],
            unique_keys: Vec::new(),
            rows_estimate: None,
            obstacle: String::new(),
        }
    }

    #[test]
    fn objects_of_three_systems_find_each_other_and_others_stay_alone() {
        let crm = [
            object("Contact", &["FirstName", "LastName", "Email", "Phone"]),
            object("ContactHistory", &["Field", "OldValue"]),
            object("Account", &["Name", "Website"]),
        ];
        let hub = [
            object("contacts", &["firstname", "lastname", "email", "phone"]),
            object("companies", &["name", "website"]),
        ];
        let db = [
            object("public.contacts", &["first_name", "last_name", "email", "phone"]),
            object("public.invoices", &["number", "total"]),
        ];
        let systems = [
            System { name: "crm", objects: &crm },
            System { name: "hub", objects: &hub },
            System { name: "db", objects: &db },
        ];
        let found = propose_objects(&systems);
        let first = found.first().map(|one| (one.name.as_str(), one.objects.clone()));
        let of =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        assert_eq!(
            first,
            Some(("contacts", of(&[("crm", "Contact"), ("hub", "contacts"), ("db", "public.contacts")])))
        );
        assert!(!found.iter().any(|one| one.objects.iter().any(|(_, object)| object == "public.invoices")));
        assert!(!found.iter().any(|one| one.objects.iter().any(|(_, object)| object == "ContactHistory")));
    }
}
