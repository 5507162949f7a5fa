//! What a refusal of HubSpot means for one row.

use lockstep_sdk::model::{Outcome, Rejection};
use serde_json::Value;

use crate::limits;
use crate::response::Problem;

/// Whether it is the rows that were refused, so that others may still pass.
pub fn is_about_rows(problem: &Problem) -> bool {
    matches!(problem.status, 400 | 409 | 413 | 422) || problem.category == "OBJECT_NOT_FOUND"
}

/// The outcome of a row that alone was refused.
pub fn refused(problem: &Problem) -> Outcome {
    match (problem.status, problem.category.as_str()) {
        (_, "OBJECT_NOT_FOUND") => return Outcome::Gone,
        (429, _) | (_, "RATE_LIMITS" | "RATE_LIMIT") => return Outcome::Throttled(limits::wait_ms(problem)),
        (500.., _) => return Outcome::Unknown(problem.message.clone()),
        _ => {}
    }
    let reasons = reasons(problem);
    let code = reasons.iter().map(|reason| reason.code.as_str()).find(|code| !code.is_empty());
    let code = code.unwrap_or(&problem.category).to_owned();
    let mut columns: Vec<String> = reasons.into_iter().map(|reason| reason.property).collect();
    columns.extend(problem.context.get("propertyName").into_iter().flatten().cloned());
    columns.retain(|column| !column.is_empty());
    columns.sort_unstable();
    columns.dedup();
    Outcome::Rejected(Rejection { class: class(problem, &code).into(), code, message: message(problem), columns })
}

struct Reason {
    code: String,
    property: String,
}

/// What the answer gives as reasons: in `errors`, or as a list inside the message.
fn reasons(problem: &Problem) -> Vec<Reason> {
    let told = problem.errors.iter().map(|detail| Reason {
        code: detail.code.clone(),
        property: detail
            .context
            .get("propertyName")
            .and_then(|names| names.first().cloned())
            .unwrap_or_else(|| detail.place.clone()),
    });
    let mut reasons: Vec<Reason> = told.collect();
    let list = problem.message.find('[').and_then(|at| problem.message.get(at..));
    if let Some(Value::Array(items)) = list.and_then(|list| serde_json::from_str(list).ok()) {
        let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        reasons.extend(items.iter().map(|item| Reason { code: text(item, "error"), property: text(item, "name") }));
    }
    reasons
}

/// HubSpot's code (or category) in the contract's classes. The codes rest on
/// vendor documentation and third parties' reports.
fn class(problem: &Problem, code: &str) -> &'static str {
    match code {
        "CONFLICT" | "CONFLICTING_UNIQUE_VALUE" | "UNIQUE_VALUE_CONFLICT" | "DUPLICATE_VALUE" | "NOT_UNIQUE" => {
            "unique"
        }
        "READ_ONLY_VALUE" | "READ_ONLY_PROPERTY" => "read-only",
        "MISSING_REQUIRED_PROPERTY" | "REQUIRED_FIELD" | "REQUIRED_PROPERTIES_MISSING" => "not-null",
        "INVALID_OPTION" => "check",
        "INVALID_INTEGER" | "INVALID_LONG" | "INVALID_DOUBLE" | "INVALID_NUMBER" | "INVALID_DATE"
        | "INVALID_BOOLEAN" => "type",
        "STRING_TOO_LONG" | "TEXT_TOO_LONG" | "VALUE_TOO_LONG" => "too-long",
        "NUMBER_OUT_OF_RANGE" | "INT_OUT_OF_RANGE" | "LONG_OUT_OF_RANGE" => "out-of-range",
        "MISSING_SCOPES" | "PERMISSION_DENIED" | "FORBIDDEN" => "denied",
        "PROPERTY_DOESNT_EXIST" => "other",
        _ if problem.status == 409 => "unique",
        _ if problem.status == 403 => "denied",
        _ if problem.category == "VALIDATION_ERROR" || problem.status == 400 => "validation",
        _ => "other",
    }
}

/// HubSpot repeats refused values in its messages; what stands in a JSON list
/// is told by codes and columns instead.
fn message(problem: &Problem) -> String {
    let head = problem.message.split('[').next().unwrap_or_default();
    head.trim_end_matches([':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(problem: Problem) -> Rejection {
        match refused(&problem) {
            Outcome::Rejected(rejection) => rejection,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_inside_the_message_is_read() {
        let message = r#"Property values were not valid: [{"isValid":false,"message":"Email address x is invalid","error":"INVALID_EMAIL","name":"email"}]"#;
        let problem =
            Problem { status: 400, message: message.into(), category: "VALIDATION_ERROR".into(), ..Problem::default() };
        let rejection = rejection(problem);
        assert_eq!((rejection.code.as_str(), rejection.class.as_str()), ("INVALID_EMAIL", "validation"));
        assert_eq!(rejection.columns, ["email"]);
        assert_eq!(rejection.message, "Property values were not valid");
    }

    #[test]
    fn categories_and_codes_have_their_class() {
        let with = |status, category: &str, message: &str| Problem {
            status,
            category: category.into(),
            message: message.into(),
            ..Problem::default()
        };
        let list = |code: &str| format!(r#"bad: [{{"error":"{code}","name":"p"}}]"#);
        for (problem, class) in [
            (with(409, "CONFLICT", "Contact already exists. Existing ID: 7"), "unique"),
            (with(400, "VALIDATION_ERROR", &list("INVALID_OPTION")), "check"),
            (with(400, "VALIDATION_ERROR", &list("READ_ONLY_VALUE")), "read-only"),
            (with(400, "VALIDATION_ERROR", "oops"), "validation"),
            (with(403, "MISSING_SCOPES", "no"), "denied"),
            (with(0, "SOMETHING_NEW", "hm"), "other"),
        ] {
            assert_eq!(rejection(problem.clone()).class, class, "{problem:?}");
        }
        assert_eq!(refused(&with(0, "OBJECT_NOT_FOUND", "")), Outcome::Gone);
        assert!(matches!(refused(&with(429, "RATE_LIMITS", "secondly")), Outcome::Throttled(1_000)));
        assert!(matches!(refused(&with(503, "", "")), Outcome::Unknown(_)));
    }
}
