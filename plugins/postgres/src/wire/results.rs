//! Rows as they come back, all values in text notation.

use crate::failure::{Failure, Result};

use super::frame::Reader;

/// One row on the wire: values are taken in order.
pub struct RowView<'a> {
    reader: Reader<'a>,
    left: u16,
}

impl<'a> RowView<'a> {
    pub fn parse(body: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let left = reader.u16()?;
        Ok(RowView { reader, left })
    }

    /// Bytes not yet taken.
    pub fn size_bytes(&self) -> usize {
        self.reader.rest().len()
    }

    /// The next value; `None` is null.
    pub fn take(&mut self) -> Result<Option<&'a [u8]>> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Failure::Protocol("a row with too few columns".into()))?;
        match self.reader.i32()? {
            -1 => Ok(None),
            length => {
                let length =
                    usize::try_from(length).map_err(|_| Failure::Protocol("a value of negative length".into()))?;
                Ok(Some(self.reader.bytes(length)?))
            }
        }
    }

    /// The next value as text; null is empty.
    pub fn text(&mut self) -> Result<&'a str> {
        let bytes = self.take()?.unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| Failure::Protocol("text that is not UTF-8".into()))
    }

    /// The next value, parsed; null is `None`.
    pub fn parsed<T: std::str::FromStr>(&mut self) -> Result<Option<T>> {
        match self.take()? {
            None => Ok(None),
            Some(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Some)
                .ok_or_else(|| Failure::Protocol("a value of an unexpected type".into())),
        }
    }

    /// The next value as a boolean; null is false.
    pub fn boolean(&mut self) -> Result<bool> {
        Ok(self.take()? == Some(b"t"))
    }
}

/// A small result, held whole: for catalogs and settings, not for data.
#[derive(Debug, Default)]
pub struct Rows {
    rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    pub fn push(&mut self, mut row: RowView<'_>) -> Result<()> {
        let mut values = Vec::new();
        while row.left > 0 {
            values.push(row.take()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
        }
        self.rows.push(values);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A value as text; null or missing is empty.
    pub fn text(&self, row: usize, column: usize) -> &str {
        self.value(row, column).unwrap_or_default()
    }

    /// A value, unless null or missing.
    pub fn value(&self, row: usize, column: usize) -> Option<&str> {
        self.rows.get(row)?.get(column)?.as_deref()
    }

    pub fn is_true(&self, row: usize, column: usize) -> bool {
        self.text(row, column) == "t"
    }
}
