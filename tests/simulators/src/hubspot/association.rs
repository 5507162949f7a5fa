//! Which records belong together: labelled, typed, seen from both ends. A
//! contact's first company becomes its primary one.

use std::collections::BTreeSet;

use super::{
    error::ApiError,
    event::{Change, Event},
    record::Source,
    schema::ObjectType,
    store::Store,
};

const CONTACT: &str = "0-1";
const COMPANY: &str = "0-2";
/// "Primary" between a contact and a company, from the contact.
const PRIMARY_COMPANY: u32 = 1;

/// One end of an association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub type_id: String,
    pub id: u64,
}

impl End {
    pub fn new(type_id: &str, id: u64) -> Self {
        Self { type_id: type_id.to_owned(), id }
    }
}

impl Store {
    /// The records of type `to` that belong to this one, with the types of association.
    pub fn associated(&self, type_id: &str, id: u64, to: &str) -> Vec<(u64, Vec<u32>)> {
        let from = (type_id.to_owned(), id, to.to_owned(), 0);
        let until = (type_id.to_owned(), id, to.to_owned(), u64::MAX);
        let live = |other: u64| self.record(to, other).is_some_and(|record| record.archived_ms.is_none());
        let found = self.links.range(from..=until).filter(|((_, _, _, other), _)| live(*other));
        found.map(|((_, _, _, other), types)| (*other, types.iter().copied().collect())).collect()
    }

    /// `contact_to_company`, `contact_to_company_unlabeled`: how a record's read names a type.
    pub fn association_name(&self, from: &ObjectType, to: &ObjectType, type_id: u32) -> String {
        let name = format!("{}_to_{}", from.name, to.name);
        let ways = self.schema.ways(&from.object_type_id, &to.object_type_id);
        let has_primary = ways.iter().any(|way| way.label.as_deref() == Some("Primary"));
        let unlabelled = ways.iter().any(|way| way.type_id == type_id && way.label.is_none());
        if unlabelled && has_primary { format!("{name}_unlabeled") } else { name }
    }

    /// Associates two records by the given types; none: the unlabelled one.
    pub fn associate(
        &mut self,
        now_ms: i64,
        from: &End,
        to: &End,
        types: &[u32],
        source: &Source,
    ) -> Result<BTreeSet<u32>, ApiError> {
        let ways = self.schema.ways(&from.type_id, &to.type_id);
        let plain = ways.iter().find(|way| way.label.is_none());
        let plain = plain.ok_or_else(|| ApiError::validation("These object types cannot be associated"))?;
        if let Some(unknown) = types.iter().find(|one| !ways.iter().any(|way| way.type_id == **one)) {
            let message = format!("One or more association types are invalid: {unknown}");
            return Err(ApiError::validation(message));
        }
        let (from_id, to_id) = (self.survivor(&from.type_id, from.id), self.survivor(&to.type_id, to.id));
        for (end, id) in [(from, from_id), (to, to_id)] {
            if self.record(&end.type_id, id).is_none_or(|record| record.archived_ms.is_some()) {
                return Err(ApiError::new(404, Some("OBJECT_NOT_FOUND"), format!("{id} does not exist")));
            }
        }
        let mut wanted: BTreeSet<u32> = types.iter().copied().collect();
        wanted.insert(plain.type_id);
        let (here, there) = (End::new(&from.type_id, from_id), End::new(&to.type_id, to_id));
        let primary = self.primary_way(&here, &there);
        if let Some((contact, company)) = &primary {
            let asked = ways.iter().any(|way| way.label.as_deref() == Some("Primary") && wanted.contains(&way.type_id));
            let has_one = self.primary_company(*contact).is_some_and(|other| other != *company);
            if asked || !has_one {
                self.demote_primary(*contact, *company);
                wanted.extend(ways.iter().filter(|way| way.label.as_deref() == Some("Primary")).map(|way| way.type_id));
            }
        }
        let key = (here.type_id.clone(), here.id, there.type_id.clone(), there.id);
        let is_new = !self.links.contains_key(&key);
        for way in ways.iter().filter(|way| wanted.contains(&way.type_id)) {
            self.links.entry(key.clone()).or_default().insert(way.type_id);
            let back = (there.type_id.clone(), there.id, here.type_id.clone(), here.id);
            self.links.entry(back).or_default().insert(way.inverse_type_id);
        }
        if is_new {
            self.emit_association(now_ms, &here, &there, false, source);
        }
        self.show_primary(now_ms, &primary, source);
        Ok(wanted)
    }

    /// Takes an association away altogether; whether there was one.
    pub fn dissociate(&mut self, now_ms: i64, from: &End, to: &End, source: &Source) -> bool {
        let (here, there) = (
            End::new(&from.type_id, self.survivor(&from.type_id, from.id)),
            End::new(&to.type_id, self.survivor(&to.type_id, to.id)),
        );
        let key = (here.type_id.clone(), here.id, there.type_id.clone(), there.id);
        if self.links.remove(&key).is_none() {
            return false;
        }
        self.links.remove(&(there.type_id.clone(), there.id, here.type_id.clone(), here.id));
        self.emit_association(now_ms, &here, &there, true, source);
        let primary = self.primary_way(&here, &there);
        self.show_primary(now_ms, &primary, source);
        true
    }

    /// Takes some types off an association; with the last one it ends.
    pub fn unlabel(&mut self, now_ms: i64, from: &End, to: &End, types: &[u32], source: &Source) {
        let ways = self.schema.ways(&from.type_id, &to.type_id);
        let (from_id, to_id) = (self.survivor(&from.type_id, from.id), self.survivor(&to.type_id, to.id));
        let key = (from.type_id.clone(), from_id, to.type_id.clone(), to_id);
        let back = (to.type_id.clone(), to_id, from.type_id.clone(), from_id);
        for way in ways.iter().filter(|way| types.contains(&way.type_id)) {
            if let Some(kept) = self.links.get_mut(&key) {
                kept.remove(&way.type_id);
            }
            if let Some(kept) = self.links.get_mut(&back) {
                kept.remove(&way.inverse_type_id);
            }
        }
        let primary = self.primary_way(&End::new(&from.type_id, from_id), &End::new(&to.type_id, to_id));
        match self.links.get(&key).is_some_and(BTreeSet::is_empty) {
            true => drop(self.dissociate(now_ms, from, to, source)),
            false => self.show_primary(now_ms, &primary, source),
        }
    }

    /// A contact's company property was set: the association follows.
    pub fn set_primary_company(&mut self, now_ms: i64, contact: u64, company: Option<u64>, source: &Source) {
        let contact_end = End::new(CONTACT, contact);
        match company {
            Some(company) => {
                // A company that does not exist stays a bare number, as with the vendor.
                let _ = self.associate(now_ms, &contact_end, &End::new(COMPANY, company), &[PRIMARY_COMPANY], source);
            }
            None => {
                if let Some(company) = self.primary_company(contact) {
                    self.dissociate(now_ms, &contact_end, &End::new(COMPANY, company), source);
                }
            }
        }
    }

    pub fn primary_company(&self, contact: u64) -> Option<u64> {
        let found = self.associated(CONTACT, contact, COMPANY);
        found.into_iter().find(|(_, types)| types.contains(&PRIMARY_COMPANY)).map(|(company, _)| company)
    }

    /// The contact and the company, where these two ends are such.
    fn primary_way(&self, here: &End, there: &End) -> Option<(u64, u64)> {
        match (here.type_id.as_str(), there.type_id.as_str()) {
            (CONTACT, COMPANY) => Some((here.id, there.id)),
            (COMPANY, CONTACT) => Some((there.id, here.id)),
            _ => None,
        }
    }

    fn demote_primary(&mut self, contact: u64, except: u64) {
        let Some(company) = self.primary_company(contact).filter(|company| *company != except) else { return };
        let there = (CONTACT.to_owned(), contact, COMPANY.to_owned(), company);
        let back = (COMPANY.to_owned(), company, CONTACT.to_owned(), contact);
        for (key, type_id) in [(there, PRIMARY_COMPANY), (back, PRIMARY_COMPANY + 1)] {
            if let Some(types) = self.links.get_mut(&key) {
                types.remove(&type_id);
            }
        }
    }

    /// Keeps `associatedcompanyid` equal to the primary company.
    fn show_primary(&mut self, now_ms: i64, primary: &Option<(u64, u64)>, source: &Source) {
        let Some((contact, _)) = *primary else { return };
        let Some(object) = self.schema.find(CONTACT).cloned() else { return };
        let company = self.primary_company(contact).map(|company| company.to_string()).unwrap_or_default();
        if self.assign_one(now_ms, &object, contact, "associatedcompanyid", &company, source) {
            self.reindex(now_ms, CONTACT, contact);
        }
    }

    fn emit_association(&mut self, now_ms: i64, here: &End, there: &End, removed: bool, source: &Source) {
        for (one, other) in [(here, there), (there, here)] {
            let (Some(from), Some(to)) = (self.schema.find(&one.type_id), self.schema.find(&other.type_id)) else {
                continue;
            };
            let change = Change::Association {
                to_type: other.type_id.clone(),
                to: other.id,
                name: format!("{}_TO_{}", from.shouted(), to.shouted()),
                removed,
                primary: self
                    .primary_way(one, other)
                    .is_some_and(|(contact, company)| self.primary_company(contact) == Some(company)),
            };
            self.emit(Event::new(&one.type_id, one.id, now_ms, source, change));
        }
    }
}
