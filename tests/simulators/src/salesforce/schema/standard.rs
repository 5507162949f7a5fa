//! The standard objects the simulated organisation starts with. Fields, labels,
//! lengths and flags as the vendor's describe shows them; fields nobody syncs
//! are left out.

use super::{Field, Kind, Object};

const INDUSTRIES: &[&str] = &[
    "Agriculture",
    "Apparel",
    "Banking",
    "Biotechnology",
    "Chemicals",
    "Communications",
    "Construction",
    "Consulting",
    "Education",
    "Electronics",
    "Energy",
    "Engineering",
    "Entertainment",
    "Environmental",
    "Finance",
    "Food & Beverage",
    "Government",
    "Healthcare",
    "Hospitality",
    "Insurance",
    "Machinery",
    "Manufacturing",
    "Media",
    "Not For Profit",
    "Recreation",
    "Retail",
    "Shipping",
    "Technology",
    "Telecommunications",
    "Transportation",
    "Utilities",
    "Other",
];
const SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
const RATINGS: &[&str] = &["Hot", "Warm", "Cold"];
const ACCURACIES: &[&str] = &[
    "Address",
    "NearAddress",
    "Block",
    "Street",
    "ExtendedZip",
    "Zip",
    "Neighborhood",
    "City",
    "County",
    "State",
    "Unknown",
];

pub fn objects() -> Vec<Object> {
    vec![account(), contact(), lead(), opportunity(), user(), campaign(), campaign_member(), topic(), task(), group()]
}

fn object(name: &str, label_plural: &str, key_prefix: &str, fields: Vec<Field>) -> Object {
    Object {
        name: name.into(),
        label: name.into(),
        label_plural: label_plural.into(),
        key_prefix: key_prefix.into(),
        fields,
        mergeable: false,
        capturable: true,
        etag: false,
        owned: true,
    }
}

/// The eight parts and the whole. `prefix` is empty for a lead's only address.
fn address(prefix: &str, label: &str) -> Vec<Field> {
    let whole = format!("{prefix}Address");
    let name = |part: &str| format!("{prefix}{part}");
    let label = |part: &str| if label.is_empty() { part.to_owned() } else { format!("{label} {part}") };
    let mut fields = vec![
        Field::area(&name("Street"), &label("Street"), 255),
        Field::text(&name("City"), &label("City"), 40),
        Field::text(&name("State"), &label("State/Province"), 80),
        Field::text(&name("PostalCode"), &label("Zip/Postal Code"), 20),
        Field::text(&name("Country"), &label("Country"), 80),
        Field::number(&name("Latitude"), &label("Latitude"), Kind::Double, 18, 15),
        Field::number(&name("Longitude"), &label("Longitude"), Kind::Double, 18, 15),
        Field::picklist(&name("GeocodeAccuracy"), &label("Geocode Accuracy"), 40, ACCURACIES).restricted(),
    ];
    fields = fields.into_iter().map(|field| field.part_of(&whole)).collect();
    let whole = Field { kind: Kind::Address, length: 0, ..Field::text(&whole, &label("Address"), 0) };
    fields.push(Field { permissionable: Some(true), ..whole.read_only() });
    fields
}

fn person_name() -> Vec<Field> {
    let part = |field: Field| Field { permissionable: Some(false), ..field.part_of("Name").extra("personname") };
    vec![
        part(Field::text("LastName", "Last Name", 80).required()),
        part(Field::text("FirstName", "First Name", 40)),
        part(Field::picklist("Salutation", "Salutation", 40, &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."])),
        Field { name_field: true, nillable: false, ..Field::text("Name", "Full Name", 121).system() }
            .extra("personname"),
    ]
}

/// Times of who looked at it when; the vendor fills them, no event carries them.
fn viewed() -> Vec<Field> {
    vec![
        Field::date("LastActivityDate", "Last Activity").system(),
        Field::datetime("LastViewedDate", "Last Viewed Date").system(),
        Field::datetime("LastReferencedDate", "Last Referenced Date").system(),
    ]
}

fn photo() -> Field {
    Field::url("PhotoUrl", "Photo URL").system().extra("imageurl")
}

fn account() -> Object {
    let name = Field { name_field: true, ..Field::text("Name", "Account Name", 255).required() };
    let mut fields = vec![
        Field { permissionable: Some(false), ..name.part_of("Name").extra("switchablepersonname") },
        Field::picklist(
            "Type",
            "Account Type",
            40,
            &[
                "Prospect",
                "Customer - Direct",
                "Customer - Channel",
                "Channel Partner / Reseller",
                "Installation Partner",
                "Technology Partner",
                "Other",
            ],
        ),
        Field::reference("ParentId", "Parent Account ID", "Parent", &["Account"]),
    ];
    fields.extend(address("Billing", "Billing"));
    fields.extend(address("Shipping", "Shipping"));
    fields.extend([
        Field::phone("Phone", "Account Phone"),
        Field::phone("Fax", "Account Fax"),
        Field::text("AccountNumber", "Account Number", 40),
        Field::url("Website", "Website"),
        photo(),
        Field::text("Sic", "SIC Code", 20),
        Field::picklist("Industry", "Industry", 40, INDUSTRIES),
        Field::number("AnnualRevenue", "Annual Revenue", Kind::Currency, 18, 0),
        Field::int("NumberOfEmployees", "Employees", 8),
        Field::picklist("Ownership", "Ownership", 40, &["Public", "Private", "Subsidiary", "Other"]),
        Field::text("TickerSymbol", "Ticker Symbol", 20),
        Field::area("Description", "Account Description", 32_000),
        Field::picklist("Rating", "Account Rating", 40, RATINGS),
        Field::text("Site", "Account Site", 80),
    ]);
    fields.extend(viewed());
    fields.push(Field::picklist("AccountSource", "Account Source", 40, SOURCES));
    Object { mergeable: true, etag: true, ..object("Account", "Accounts", "001", fields) }
}

fn contact() -> Object {
    let mut fields = vec![Field::reference("AccountId", "Account ID", "Account", &["Account"])];
    fields.extend(person_name());
    fields.extend(address("Other", "Other"));
    fields.extend(address("Mailing", "Mailing"));
    fields.extend([
        Field::phone("Phone", "Business Phone"),
        Field::phone("Fax", "Business Fax"),
        Field::phone("MobilePhone", "Mobile Phone"),
        Field::phone("HomePhone", "Home Phone"),
        Field::phone("OtherPhone", "Other Phone"),
        Field::phone("AssistantPhone", "Asst. Phone"),
        Field::reference("ReportsToId", "Reports To ID", "ReportsTo", &["Contact"]),
        Field { id_lookup: true, ..Field::email("Email", "Email") },
        Field::text("Title", "Title", 128),
        Field::text("Department", "Department", 80),
        Field::text("AssistantName", "Assistant's Name", 40),
        Field::picklist("LeadSource", "Lead Source", 40, SOURCES),
        Field::date("Birthdate", "Birthdate"),
        Field::area("Description", "Contact Description", 32_000),
    ]);
    fields.extend(viewed());
    fields.push(photo());
    Object { mergeable: true, ..object("Contact", "Contacts", "003", fields) }
}

fn lead() -> Object {
    let statuses = &["Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"];
    let status = Field::picklist("Status", "Status", 40, statuses).defaulted();
    let mut fields = person_name();
    fields.extend([
        Field::text("Title", "Title", 128),
        Field { permissionable: Some(false), ..Field::text("Company", "Company", 255).required() },
    ]);
    fields.extend(address("", ""));
    fields.extend([
        Field::phone("Phone", "Phone"),
        Field::phone("MobilePhone", "Mobile Phone"),
        Field::phone("Fax", "Fax"),
        Field { id_lookup: true, ..Field::email("Email", "Email") },
        Field::url("Website", "Website"),
        photo(),
        Field::area("Description", "Description", 32_000),
        Field::picklist("LeadSource", "Lead Source", 40, SOURCES),
        Field { default: "Open - Not Contacted".into(), permissionable: Some(false), ..status },
        Field::picklist("Industry", "Industry", 40, INDUSTRIES),
        Field::picklist("Rating", "Rating", 40, RATINGS),
        Field::number("AnnualRevenue", "Annual Revenue", Kind::Currency, 18, 0),
        Field::int("NumberOfEmployees", "Employees", 8),
        Field {
            permissionable: Some(false),
            ..Field::reference("OwnerId", "Owner ID", "Owner", &["Group", "User"]).defaulted()
        },
        Field { updateable: false, permissionable: Some(false), ..Field::checkbox("IsConverted", "Converted") },
        Field::date("ConvertedDate", "Converted Date").system(),
        Field::reference("ConvertedAccountId", "Converted Account ID", "ConvertedAccount", &["Account"]).system(),
        Field::reference("ConvertedContactId", "Converted Contact ID", "ConvertedContact", &["Contact"]).system(),
        Field { permissionable: Some(false), ..Field::checkbox("IsUnreadByOwner", "Unread By Owner") },
    ]);
    fields.extend(viewed());
    Object { mergeable: true, ..object("Lead", "Leads", "00Q", fields) }
}

fn opportunity() -> Object {
    let stages = &[
        "Prospecting",
        "Qualification",
        "Needs Analysis",
        "Value Proposition",
        "Id. Decision Makers",
        "Perception Analysis",
        "Proposal/Price Quote",
        "Negotiation/Review",
        "Closed Won",
        "Closed Lost",
    ];
    let fixed = |field: Field| Field { permissionable: Some(false), ..field };
    let mut fields = vec![
        Field::reference("AccountId", "Account ID", "Account", &["Account"]),
        fixed(Field { name_field: true, ..Field::text("Name", "Name", 120).required() }),
        Field::area("Description", "Description", 32_000),
        fixed(Field::picklist("StageName", "Stage", 255, stages).required()),
        Field::number("Amount", "Amount", Kind::Currency, 18, 2),
        Field::number("Probability", "Probability (%)", Kind::Percent, 3, 0),
        fixed(Field::date("CloseDate", "Close Date").required()),
        Field::picklist(
            "Type",
            "Opportunity Type",
            255,
            &[
                "Existing Customer - Upgrade",
                "Existing Customer - Replacement",
                "Existing Customer - Downgrade",
                "New Customer",
            ],
        ),
        Field::text("NextStep", "Next Step", 255),
        Field::picklist("LeadSource", "Lead Source", 255, SOURCES),
    ];
    fields.extend(viewed());
    object("Opportunity", "Opportunities", "006", fields)
}

fn user() -> Object {
    let fixed = |field: Field| Field { permissionable: Some(false), ..field };
    let mut fields = vec![fixed(Field { id_lookup: true, ..Field::text("Username", "Username", 80).required() })];
    fields.extend(person_name());
    fields.extend([
        fixed(Field { id_lookup: true, ..Field::email("Email", "Email").required() }),
        fixed(Field::text("Alias", "Alias", 8).required()),
        fixed(Field { default: true.into(), ..Field::checkbox("IsActive", "Active") }),
        Field::text("Title", "Title", 80),
        Field::text("Department", "Department", 80),
        Field::phone("Phone", "Phone"),
    ]);
    Object { owned: false, ..object("User", "Users", "005", fields) }
}

fn campaign() -> Object {
    let name = Field { name_field: true, id_lookup: true, ..Field::text("Name", "Name", 80).required() };
    let fields = vec![
        Field { permissionable: Some(false), ..name },
        Field::checkbox("IsActive", "Active"),
        Field::date("StartDate", "Start Date"),
        Field::date("EndDate", "End Date"),
        Field::area("Description", "Description", 32_000),
    ];
    object("Campaign", "Campaigns", "701", fields)
}

/// A member is a lead or a contact: one row, two references, one of them empty.
fn campaign_member() -> Object {
    let fields = vec![
        Field {
            updateable: false,
            ..Field::reference("CampaignId", "Campaign ID", "Campaign", &["Campaign"]).required()
        },
        Field { updateable: false, ..Field::reference("LeadId", "Lead ID", "Lead", &["Lead"]) },
        Field { updateable: false, ..Field::reference("ContactId", "Contact ID", "Contact", &["Contact"]) },
        Field::picklist("Status", "Status", 40, &["Sent", "Responded"]),
    ];
    Object {
        owned: false,
        capturable: false,
        label: "Campaign Member".into(),
        ..object("CampaignMember", "Campaign Members", "00v", fields)
    }
}

fn topic() -> Object {
    let name = Field { name_field: true, id_lookup: true, ..Field::text("Name", "Name", 99).required() };
    let description = Field { permissionable: Some(false), ..Field::text("Description", "Description", 1_000) };
    let fields = vec![name, description];
    Object { owned: false, capturable: false, ..object("Topic", "Topics", "0TO", fields) }
}

/// Points at a person by one reference and at anything else by another.
fn task() -> Object {
    let status = Field::picklist("Status", "Status", 255, &["Not Started", "In Progress", "Completed"]).defaulted();
    let fields = vec![
        Field::reference("WhoId", "Name ID", "Who", &["Contact", "Lead"]),
        Field::reference("WhatId", "Related To ID", "What", &["Account", "Campaign", "Opportunity"]),
        Field { name_field: true, ..Field::text("Subject", "Subject", 255) },
        Field::date("ActivityDate", "Due Date Only"),
        Field { default: "Not Started".into(), ..status },
        Field::area("Description", "Description", 32_000),
    ];
    object("Task", "Tasks", "00T", fields)
}

/// Owners that are not people, such as queues.
fn group() -> Object {
    let fields = vec![
        Field { name_field: true, ..Field::text("Name", "Name", 40).required() },
        Field::picklist("Type", "Type", 40, &["Regular", "Queue"]).required(),
    ];
    Object { owned: false, capturable: false, ..object("Group", "Groups", "00G", fields) }
}
