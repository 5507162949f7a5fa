//! What is remembered of connections as such, beside what syncs know of their
//! sides: which connector serves them. Must not know what the text means.

use rusqlite::OptionalExtension;

use crate::{error::StateError, people::Operation, store::Store};

impl Store {
    /// What is remembered of a connection's connector.
    pub fn connector(&self, connection: &str) -> Result<Option<String>, StateError> {
        self.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT connector FROM connection WHERE name = ?1")?
                .query_row([connection], |row| row.get(0))
                .optional()?)
        })
    }

    /// Remembers it, together with who did what for it to become so.
    pub fn set_connector(&self, connection: &str, text: &str, why: Option<Operation>) -> Result<(), StateError> {
        let (connection, text) = (connection.to_owned(), text.to_owned());
        self.write(move |conn| {
            conn.execute(
                "INSERT INTO connection VALUES (?1, ?2) ON CONFLICT DO UPDATE SET connector = excluded.connector",
                (&connection, &text),
            )?;
            match why {
                Some(why) => crate::people::log_operation(conn, &why),
                None => Ok(()),
            }
        })
    }
}
