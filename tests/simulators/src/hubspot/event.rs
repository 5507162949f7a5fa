//! What happened to a record, and how a webhook's payload tells it.

use serde_json::{Map, Value};

use super::{record::Source, store::Store, subscription::Queued};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Creation,
    Deletion,
    Restore,
    Property { name: String, value: String },
    Merge { primary: u64, merged: Vec<u64>, new: u64, moved: usize },
    Association { to_type: String, to: u64, name: String, removed: bool, primary: bool },
    PrivacyDeletion,
}

impl Change {
    /// The second half of an event's name.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Deletion => "deletion",
            Self::Restore => "restore",
            Self::Property { .. } => "propertyChange",
            Self::Merge { .. } => "merge",
            Self::Association { .. } => "associationChange",
            Self::PrivacyDeletion => "privacyDeletion",
        }
    }

    /// The journal's word for it.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Creation => "CREATE",
            Self::Deletion => "DELETE",
            Self::Restore => "RESTORE",
            Self::Property { .. } => "UPDATE",
            Self::Merge { .. } => "MERGE",
            Self::Association { removed: false, .. } => "ASSOCIATION_ADDED",
            Self::Association { removed: true, .. } => "ASSOCIATION_REMOVED",
            Self::PrivacyDeletion => "GDPR_DELETE",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub type_id: String,
    pub id: u64,
    pub at_ms: i64,
    pub source: Source,
    pub change: Change,
}

impl Event {
    pub fn new(type_id: &str, id: u64, at_ms: i64, source: &Source, change: Change) -> Self {
        Self { type_id: type_id.to_owned(), id, at_ms, source: source.clone(), change }
    }

    /// The members that say what happened, after those every payload has.
    fn told(&self) -> Map<String, Value> {
        let mut out = Map::new();
        let mut set = |name: &str, value: Value| out.insert(name.to_owned(), value);
        match &self.change {
            Change::Creation => drop(set("changeFlag", "CREATED".into())),
            Change::Deletion => drop(set("changeFlag", "DELETED".into())),
            Change::Restore => drop(set("changeFlag", "RESTORED".into())),
            Change::PrivacyDeletion => {}
            Change::Property { name, value } => {
                set("propertyName", name.clone().into());
                set("propertyValue", value.clone().into());
            }
            Change::Merge { primary, merged, new, moved } => {
                set("primaryObjectId", (*primary).into());
                set("mergedObjectIds", merged.clone().into());
                set("newObjectId", (*new).into());
                set("numberOfPropertiesMoved", (*moved).into());
            }
            Change::Association { to, name, removed, primary, .. } => {
                set("associationType", name.clone().into());
                set("fromObjectId", self.id.into());
                set("toObjectId", (*to).into());
                set("associationRemoved", (*removed).into());
                set("isPrimaryAssociation", (*primary).into());
            }
        }
        out
    }
}

impl Store {
    /// Hands an event to the journal and to every subscription that asked for it.
    pub fn emit(&mut self, event: Event) {
        if !self.subscriptions.is_empty() {
            self.queue(&event);
        }
        self.journal.note(event);
    }

    fn queue(&mut self, event: &Event) {
        let portal_id = self.portal_id;
        let Some(object) = self.schema.find(&event.type_id) else { return };
        let verb = event.change.verb();
        let (own, generic) = (format!("{}.{verb}", object.name), format!("object.{verb}"));
        let wanted: Vec<(u64, u64, String)> = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.wants(event, &own, &generic))
            .map(|subscription| (subscription.id, subscription.app_id, subscription.event_type.clone()))
            .collect();
        for (subscription_id, app_id, name) in wanted {
            let mut body = Map::new();
            body.insert("eventId".into(), self.take_number().into());
            body.insert("subscriptionId".into(), subscription_id.into());
            body.insert("portalId".into(), portal_id.into());
            body.insert("appId".into(), app_id.into());
            body.insert("occurredAt".into(), event.at_ms.into());
            body.insert(self.settings.webhooks.event_name_member.clone(), name.clone().into());
            body.insert("attemptNumber".into(), 0.into());
            if !matches!(event.change, Change::Association { .. }) {
                body.insert("objectId".into(), event.id.into());
            }
            if name == generic {
                body.insert("objectTypeId".into(), event.type_id.clone().into());
            }
            body.extend(event.told());
            body.insert("changeSource".into(), event.source.kind.clone().into());
            if !event.source.id.is_empty() {
                body.insert("sourceId".into(), event.source.id.clone().into());
            }
            self.outbox.push_back(Queued::new(app_id, body));
        }
    }
}
