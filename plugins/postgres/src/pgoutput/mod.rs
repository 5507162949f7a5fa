//! PostgreSQL's logical replication messages, protocol version 1 (manual,
//! "Logical Replication Message Formats"). Knows bytes only: no catalog, no
//! cells. No input makes it panic.

use crate::failure::{Failure, Result};
use crate::wire::frame::Reader;

/// One message.
#[derive(Debug, PartialEq)]
pub enum Message<'a> {
    Begin {
        /// Where the commit record starts.
        final_lsn: u64,
        /// Microseconds since 2000-01-01.
        commit_time: i64,
    },
    Commit {
        /// Behind the commit record.
        end_lsn: u64,
    },
    Origin {
        name: &'a str,
    },
    Relation(Relation),
    Type,
    Insert {
        relation: u32,
        new: Tuple<'a>,
    },
    Update {
        relation: u32,
        old: Old<'a>,
        new: Tuple<'a>,
    },
    Delete {
        relation: u32,
        old: Old<'a>,
    },
    Truncate {
        relations: Vec<u32>,
    },
    Message,
}

/// The row before, as far as the replica identity tells.
#[derive(Debug, PartialEq)]
pub enum Old<'a> {
    Untold,
    /// Only the identity's columns; the others read as null.
    Key(Tuple<'a>),
    Full(Tuple<'a>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub id: u32,
    pub schema: String,
    pub name: String,
    /// `d`, `n`, `f` or `i`.
    pub identity: u8,
    pub columns: Vec<RelationColumn>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationColumn {
    pub identity: bool,
    pub name: String,
    pub type_id: u32,
    pub typmod: i32,
}

/// A row's columns; taken in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuple<'a> {
    pub columns: u16,
    bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    /// A large value that was not changed and so not told.
    Unchanged,
    Text(&'a [u8]),
}

impl<'a> Tuple<'a> {
    /// The columns in order.
    pub fn values(&self) -> impl Iterator<Item = Result<Value<'a>>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        (0..self.columns).map(move |_| value(&mut reader))
    }
}

fn value<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>> {
    match reader.u8()? {
        b'n' => Ok(Value::Null),
        b'u' => Ok(Value::Unchanged),
        b't' => {
            let length = reader.u32()? as usize;
            Ok(Value::Text(reader.bytes(length)?))
        }
        other => Err(Failure::Protocol(format!("column kind {other}"))),
    }
}

fn tuple<'a>(reader: &mut Reader<'a>) -> Result<Tuple<'a>> {
    let columns = reader.u16()?;
    let whole = reader.rest();
    for _ in 0..columns {
        value(reader)?;
    }
    let length = whole.len() - reader.rest().len();
    Ok(Tuple { columns, bytes: whole.get(..length).unwrap_or_default() })
}

/// Decode one message.
pub fn decode(bytes: &[u8]) -> Result<Message<'_>> {
    let mut reader = Reader::new(bytes);
    match reader.u8()? {
        b'B' => Ok(Message::Begin { final_lsn: reader.u64()?, commit_time: reader.i64()? }),
        b'C' => {
            reader.u8()?;
            reader.u64()?;
            Ok(Message::Commit { end_lsn: reader.u64()? })
        }
        b'O' => {
            reader.u64()?;
            Ok(Message::Origin { name: reader.text()? })
        }
        b'R' => relation(&mut reader).map(Message::Relation),
        b'Y' => Ok(Message::Type),
        b'M' => Ok(Message::Message),
        b'I' => {
            let relation = reader.u32()?;
            expect_new(reader.u8()?)?;
            Ok(Message::Insert { relation, new: tuple(&mut reader)? })
        }
        b'U' => update(&mut reader),
        b'D' => {
            let relation = reader.u32()?;
            let old = match reader.u8()? {
                b'K' => Old::Key(tuple(&mut reader)?),
                b'O' => Old::Full(tuple(&mut reader)?),
                other => return Err(Failure::Protocol(format!("a delete with row kind {other}"))),
            };
            Ok(Message::Delete { relation, old })
        }
        b'T' => {
            let count = reader.u32()?;
            reader.u8()?;
            let mut relations = Vec::new();
            for _ in 0..count {
                relations.push(reader.u32()?);
            }
            Ok(Message::Truncate { relations })
        }
        other => Err(Failure::Protocol(format!("replication message `{}`", other.escape_ascii()))),
    }
}

fn update<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>> {
    let relation = reader.u32()?;
    let old = match reader.u8()? {
        b'K' => Old::Key(tuple(reader)?),
        b'O' => Old::Full(tuple(reader)?),
        b'N' => {
            return Ok(Message::Update { relation, old: Old::Untold, new: tuple(reader)? });
        }
        other => return Err(Failure::Protocol(format!("an update with row kind {other}"))),
    };
    expect_new(reader.u8()?)?;
    Ok(Message::Update { relation, old, new: tuple(reader)? })
}

fn expect_new(kind: u8) -> Result<()> {
    match kind {
        b'N' => Ok(()),
        other => Err(Failure::Protocol(format!("row kind {other} where the new row belongs"))),
    }
}

fn relation(reader: &mut Reader<'_>) -> Result<Relation> {
    let id = reader.u32()?;
    let schema = match reader.text()? {
        "" => "pg_catalog",
        name => name,
    };
    let mut relation = Relation {
        id,
        schema: schema.to_owned(),
        name: reader.text()?.to_owned(),
        identity: reader.u8()?,
        columns: Vec::new(),
    };
    for _ in 0..reader.u16()? {
        relation.columns.push(RelationColumn {
            identity: reader.u8()? & 1 == 1,
            name: reader.text()?.to_owned(),
            type_id: reader.u32()?,
            typmod: reader.i32()?,
        });
    }
    Ok(relation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(tuple: &Tuple<'a>) -> Vec<Value<'a>> {
        tuple.values().map(|value| value.expect("checked")).collect()
    }

    #[test]
    fn an_update_that_changed_the_key_tells_both_rows() {
        let bytes = b"U\0\0\0\x07K\0\x02t\0\0\0\x011nN\0\x02t\0\0\0\x012u";
        let Message::Update { relation, old, new } = decode(bytes).expect("valid") else {
            panic!("an update");
        };
        assert_eq!(relation, 7);
        let Old::Key(old) = old else { panic!("a key") };
        assert_eq!(values(&old), [Value::Text(b"1"), Value::Null]);
        assert_eq!(values(&new), [Value::Text(b"2"), Value::Unchanged]);
    }

    #[test]
    fn a_transaction_is_framed_by_begin_and_commit() {
        let mut begin = b"B".to_vec();
        begin.extend(5u64.to_be_bytes());
        begin.extend(6i64.to_be_bytes());
        begin.extend(7u32.to_be_bytes());
        assert_eq!(decode(&begin).expect("valid"), Message::Begin { final_lsn: 5, commit_time: 6 });
        let mut commit = b"C\0".to_vec();
        commit.extend(5u64.to_be_bytes());
        commit.extend(9u64.to_be_bytes());
        commit.extend(6i64.to_be_bytes());
        assert_eq!(decode(&commit).expect("valid"), Message::Commit { end_lsn: 9 });
    }

    #[test]
    fn a_relation_names_its_columns_and_their_part_in_the_identity() {
        let bytes = b"R\0\0\0\x01public\0t\0d\0\x01\x01id\0\0\0\0\x17\xff\xff\xff\xff";
        let Message::Relation(relation) = decode(bytes).expect("valid") else {
            panic!("a relation");
        };
        assert_eq!((relation.schema.as_str(), relation.name.as_str()), ("public", "t"));
        let column = relation.columns.first().expect("one");
        assert!(column.identity);
        assert_eq!((column.type_id, column.typmod), (23, -1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_body_of_a_known_message_makes_it_panic(
            tag in proptest::sample::select(b"BCORYMIUDT".to_vec()),
            body: Vec<u8>,
        ) {
            let mut bytes = vec![tag];
            bytes.extend(body);
            let _ = decode(&bytes);
        }
    }
}
