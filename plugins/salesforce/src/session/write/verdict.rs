//! What an error about one row means for its intent.

use lockstep_sdk::model::Outcome;

use crate::failure::{ApiError, CONCURRENCY_RETRY_MS, Failure, Trouble};
use crate::value::{is_id, long_id};

/// What to do about a row that was not written.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Look at it and try it again in a moment.
    Again(String),
    Settled(Outcome),
    /// A create found its values taken, by this row where it is named.
    Taken {
        holder: Option<String>,
        error: ApiError,
    },
}

/// The verdict on one row's errors.
pub fn on_row(errors: &[ApiError]) -> Verdict {
    let Some(error) = errors.first() else {
        return Verdict::Settled(rejected("LS-SF-NO-REASON", "other", "Salesforce refused the row without a reason"));
    };
    match error.trouble() {
        Trouble::Busy | Trouble::Changed => Verdict::Again(error.message.clone()),
        Trouble::Limit { retry_ms } => Verdict::Settled(Outcome::Throttled(retry_ms)),
        // A service that fails without a word may have done it all the same.
        Trouble::Away if error.code.is_empty() => Verdict::Settled(Outcome::Unknown(error.message.clone())),
        Trouble::Away | Trouble::Auth => Verdict::Settled(Outcome::Unavailable(error.message.clone())),
        Trouble::Missing if matches!(error.code.as_str(), "NOT_FOUND" | "ENTITY_IS_DELETED") => {
            Verdict::Settled(Outcome::Gone)
        }
        Trouble::Refused if error.code == "DUPLICATE_VALUE" => {
            Verdict::Taken { holder: id_in(&error.message), error: error.clone() }
        }
        Trouble::Missing | Trouble::Denied | Trouble::Refused => Verdict::Settled(refusal(error)),
    }
}

/// The outcome for every row of a request that got no answer.
pub fn on_silence(failure: &Failure) -> Outcome {
    match failure {
        Failure::Broken(why) | Failure::Protocol(why) => Outcome::Unknown(why.clone()),
        other => Outcome::Unavailable(other.to_string()),
    }
}

/// A row that trying again does not cure.
pub fn refusal(error: &ApiError) -> Outcome {
    let mut message = error.message.clone();
    if !error.matches.is_empty() {
        message.push_str(" (");
        message.push_str(&error.matches.join(", "));
        message.push(')');
    }
    Outcome::reject(error.code.clone(), class(&error.code), message, error.fields.clone())
}

pub fn rejected(code: &str, class: &str, message: &str) -> Outcome {
    Outcome::reject(code, class, message, Vec::new())
}

/// Where a request could not even be read, each of its rows is tried by itself.
pub fn is_about_some_row(error: &ApiError) -> bool {
    error.status == 400 && error.trouble() == Trouble::Refused
}

/// When rows that were throttled may come back.
pub fn retry_ms(error: &ApiError) -> u32 {
    match error.trouble() {
        Trouble::Limit { retry_ms } => retry_ms,
        _ => CONCURRENCY_RETRY_MS,
    }
}

/// The contract's classes of the vendor's codes (documented, some seen).
fn class(code: &str) -> &'static str {
    match code {
        "REQUIRED_FIELD_MISSING" => "not-null",
        "DUPLICATE_VALUE" | "DUPLICATES_DETECTED" | "DUPLICATE_EXTERNAL_ID" => "unique",
        "INVALID_CROSS_REFERENCE_KEY"
        | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
        | "MALFORMED_ID"
        | "DELETE_FAILED"
        | "CIRCULAR_DEPENDENCY" => "foreign-key",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" | "FIELD_FILTER_VALIDATION_EXCEPTION" => "check",
        "STRING_TOO_LONG" => "too-long",
        "NUMBER_OUTSIDE_VALID_RANGE" => "out-of-range",
        "JSON_PARSER_ERROR" | "INVALID_TYPE_ON_FIELD_IN_RECORD" | "INVALID_BOOLEAN" => "type",
        "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" | "INSUFFICIENT_ACCESS_ON_RECORD" => "denied",
        "INVALID_FIELD_FOR_INSERT_UPDATE" | "CANNOT_UPDATE_CONVERTED_LEAD" | "ENTITY_IS_LOCKED" => "read-only",
        "INVALID_EMAIL_ADDRESS"
        | "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        | "FIELD_INTEGRITY_EXCEPTION"
        | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        | "CANNOT_EXECUTE_FLOW_TRIGGER" => "validation",
        _ => "other",
    }
}

/// The id that a message ends with: `… duplicates value on record with id: 0034S000005YJY8`.
fn id_in(message: &str) -> Option<String> {
    let (_, rest) = message.rsplit_once("id: ")?;
    let id: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    is_id(&id).then(|| long_id(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str) -> ApiError {
        ApiError { status: 200, code: code.into(), message: message.into(), ..ApiError::default() }
    }

    #[test]
    fn every_refusal_named_by_the_vendor_is_answered() {
        for (code, class) in [
            ("REQUIRED_FIELD_MISSING", "not-null"),
            ("INVALID_EMAIL_ADDRESS", "validation"),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "validation"),
            ("DUPLICATES_DETECTED", "unique"),
            ("STRING_TOO_LONG", "too-long"),
            ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "check"),
            ("CANNOT_UPDATE_CONVERTED_LEAD", "read-only"),
            ("INSUFFICIENT_ACCESS", "denied"),
            ("SOMETHING_NEW", "other"),
        ] {
            let Verdict::Settled(Outcome::Rejected(rejection)) = on_row(&[error(code, "m")]) else {
                panic!("{code} is not refused");
            };
            assert_eq!((rejection.code.as_str(), rejection.class.as_str()), (code, class));
        }
    }

    #[test]
    fn what_passes_is_tried_again_and_what_is_gone_is_gone() {
        assert!(matches!(on_row(&[error("UNABLE_TO_LOCK_ROW", "m")]), Verdict::Again(_)));
        assert_eq!(on_row(&[error("ENTITY_IS_DELETED", "m")]), Verdict::Settled(Outcome::Gone));
        assert!(matches!(on_row(&[error("REQUEST_LIMIT_EXCEEDED", "m")]), Verdict::Settled(Outcome::Throttled(_))));
        let silent = ApiError { status: 502, ..ApiError::default() };
        assert!(matches!(on_row(&[silent]), Verdict::Settled(Outcome::Unknown(_))));
    }

    #[test]
    fn a_taken_value_names_the_row_that_has_it() {
        let message = "duplicate value found: Key__c duplicates value on record with id: 0034S000005YJY8";
        let Verdict::Taken { holder, .. } = on_row(&[error("DUPLICATE_VALUE", message)]) else {
            panic!("not taken");
        };
        assert_eq!(holder.as_deref(), Some("0034S000005YJY8QAO"));
    }
}
