//! What `describe` answers: the declared field, with everything the vendor
//! derives from it. Keys and their order as the vendor writes them.

use serde_json::{Value, json};

use super::{Field, Kind, Object, Schema};

/// Bytes the vendor counts a character of text with.
const BYTES_PER_CHAR: u32 = 3;
/// Text areas longer than this can be neither filtered, sorted nor grouped.
const LONG_AREA_CHARS: u32 = 255;

/// The whole description of one object. `instance` begins the links for people.
pub fn describe(schema: &Schema, object: &Object, version: &str, instance: &str) -> Value {
    let mut whole = summary(object, version);
    let name = &object.name;
    let base = format!("/services/data/v{version}/sobjects/{name}");
    let prefix = &object.key_prefix;
    let fields: Vec<Value> = object.fields.iter().filter(|field| !field.hidden).map(field).collect();
    let own = json!({
        "actionOverrides": [],
        "childRelationships": children(schema, object),
        "compactLayoutable": true,
        "fields": fields,
        "listviewable": null,
        "lookupLayoutable": null,
        "namedLayoutInfos": [],
        "networkScopeFieldName": null,
        "recordTypeInfos": [{
            "active": true,
            "available": true,
            "defaultRecordTypeMapping": true,
            "master": true,
            "name": "Master",
            "recordTypeId": "012000000000000AAA",
            "urls": {"layout": format!("{base}/describe/layouts/012000000000000AAA")},
        }],
        "searchLayoutable": true,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [
            {"label": format!("All {}", object.label_plural.to_lowercase()), "name": "everything"},
            {"label": format!("My {}", object.label_plural.to_lowercase()), "name": "mine"},
        ],
        "urls": {
            "compactLayouts": format!("{base}/describe/compactLayouts"),
            "rowTemplate": format!("{base}/{{ID}}"),
            "approvalLayouts": format!("{base}/describe/approvalLayouts"),
            "uiDetailTemplate": format!("{instance}/{{ID}}"),
            "uiEditTemplate": format!("{instance}/{{ID}}/e"),
            "listviews": format!("{base}/listviews"),
            "describe": format!("{base}/describe"),
            "uiNewRecord": format!("{instance}/{prefix}/e"),
            "quickActions": format!("{base}/quickActions"),
            "layouts": format!("{base}/describe/layouts"),
            "sobject": base,
        },
    });
    if let (Value::Object(whole), Value::Object(own)) = (&mut whole, own) {
        whole.extend(own);
        whole.sort_keys();
    }
    whole
}

/// One object as the list of all objects shows it.
pub fn summary(object: &Object, version: &str) -> Value {
    let base = format!("/services/data/v{version}/sobjects/{}", object.name);
    json!({
        "activateable": false,
        "createable": true,
        "custom": object.is_custom(),
        "customSetting": false,
        "deletable": object.name != "User",
        "deprecatedAndHidden": false,
        "feedEnabled": object.capturable,
        "hasSubtypes": false,
        "isSubtype": false,
        "keyPrefix": object.key_prefix,
        "label": object.label,
        "labelPlural": object.label_plural,
        "layoutable": true,
        "mergeable": object.mergeable,
        "mruEnabled": true,
        "name": object.name,
        "queryable": true,
        "replicateable": true,
        "retrieveable": true,
        "searchable": true,
        "triggerable": true,
        "undeletable": object.name != "User",
        "updateable": true,
        "urls": {
            "rowTemplate": format!("{base}/{{ID}}"),
            "describe": format!("{base}/describe"),
            "sobject": base,
        },
    })
}

/// The fields of other objects that point here.
fn children(schema: &Schema, parent: &Object) -> Vec<Value> {
    let mut found = Vec::new();
    for child in schema.objects() {
        for field in child.fields.iter().filter(|field| field.reference_to.contains(&parent.name)) {
            let usual = matches!(field.name.as_str(), "AccountId" | "CampaignId" | "ContactId" | "LeadId");
            found.push(json!({
                "cascadeDelete": false,
                "childSObject": child.name,
                "deprecatedAndHidden": false,
                "field": field.name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": usual.then(|| child.label_plural.replace(' ', "")),
                "restrictedDelete": false,
            }));
        }
    }
    found
}

fn field(field: &Field) -> Value {
    let long = field.kind == Kind::Textarea && field.length > LONG_AREA_CHARS;
    let compound = field.kind == Kind::Address;
    let multi = field.kind == Kind::Multipicklist;
    let optional = field.nillable || field.formula.is_some() || field.kind == Kind::Boolean;
    let permissionable = field.permissionable.unwrap_or(optional);
    let picklist: Vec<Value> = field
        .picklist
        .iter()
        .map(|value| {
            let default = field.default.as_str() == Some(value);
            json!({"active": true, "defaultValue": default, "label": value, "validFor": null, "value": value})
        })
        .collect();
    json!({
        "aggregatable": !(long || compound || multi || field.kind == Kind::Boolean),
        "autoNumber": false,
        "byteLength": byte_length(field),
        "calculated": field.formula.is_some(),
        "calculatedFormula": field.formula.as_ref().map(|_| "formula"),
        "cascadeDelete": false,
        "caseSensitive": false,
        "compoundFieldName": field.compound,
        "controllerName": null,
        "createable": field.createable,
        "custom": field.is_custom(),
        "defaultValue": field.default,
        "defaultValueFormula": null,
        "defaultedOnCreate": field.defaulted,
        "dependentPicklist": false,
        "deprecatedAndHidden": false,
        "digits": field.digits,
        "displayLocationInDecimal": false,
        "encrypted": false,
        "externalId": field.external_id,
        "extraTypeInfo": field.extra,
        "filterable": !long,
        "filteredLookupInfo": null,
        "groupable": groupable(field) && !long,
        "highScaleNumber": false,
        "htmlFormatted": false,
        "idLookup": field.id_lookup,
        "inlineHelpText": null,
        "label": field.label,
        "length": field.length,
        "mask": null,
        "maskType": null,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": field.reference_to.len() > 1,
        "nillable": field.nillable,
        "permissionable": permissionable,
        "picklistValues": picklist,
        "polymorphicForeignKey": field.reference_to.len() > 1,
        "precision": field.precision,
        "queryByDistance": compound,
        "referenceTargetField": null,
        "referenceTo": field.reference_to,
        "relationshipName": field.relationship,
        "relationshipOrder": null,
        "restrictedDelete": false,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": is_prefilterable(field),
        "soapType": soap_type(field.kind),
        "sortable": !(long || compound || multi),
        "type": field.kind,
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": false,
    })
}

fn byte_length(field: &Field) -> u32 {
    match field.kind {
        Kind::Id | Kind::Reference => field.length,
        kind if kind.is_text() => field.length * BYTES_PER_CHAR,
        _ => 0,
    }
}

fn groupable(field: &Field) -> bool {
    let long = field.kind == Kind::String && field.length > LONG_AREA_CHARS;
    !long
        && !matches!(
            field.kind,
            Kind::Double | Kind::Currency | Kind::Percent | Kind::Datetime | Kind::Address | Kind::Multipicklist
        )
}

/// References to records, but not to users and not to a merge's winner.
fn is_prefilterable(field: &Field) -> bool {
    let people = field.reference_to.iter().any(|target| target == "User");
    field.kind == Kind::Reference && !people && field.name != "MasterRecordId"
}

fn soap_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Int => "xsd:int",
        Kind::Double | Kind::Currency | Kind::Percent => "xsd:double",
        Kind::Date => "xsd:date",
        Kind::Datetime => "xsd:dateTime",
        Kind::Address => "urn:address",
        Kind::String
        | Kind::Textarea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::Multipicklist => "xsd:string",
    }
}
