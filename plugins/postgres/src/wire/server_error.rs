//! Error and notice responses.

use crate::failure::ServerError;

use super::frame::Reader;

/// Parse an error or notice body. Unknown fields are skipped.
pub fn parse(body: &[u8]) -> ServerError {
    let mut error = ServerError::default();
    let mut reader = Reader::new(body);
    while let Ok(field) = reader.u8() {
        if field == 0 {
            break;
        }
        let Ok(text) = reader.text() else { break };
        let place = match field {
            b'V' => &mut error.severity,
            b'C' => &mut error.code,
            b'M' => &mut error.message,
            b'D' => &mut error.detail,
            b'H' => &mut error.hint,
            b's' => &mut error.schema,
            b't' => &mut error.table,
            b'c' => &mut error.column,
            b'd' => &mut error.data_type,
            b'n' => &mut error.constraint,
            _ => continue,
        };
        *place = text.to_owned();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_a_person_needs_are_kept() {
        let body = b"SERROR\0VERROR\0C23505\0Mduplicate key\0DKey (id)=(1)\0spublic\0tcontacts\0ncontacts_pkey\0Fnbtinsert.c\0\0";
        let error = parse(body);
        assert_eq!(error.code, "23505");
        assert_eq!(error.severity, "ERROR");
        assert_eq!(error.table, "contacts");
        assert_eq!(error.constraint, "contacts_pkey");
    }
}
