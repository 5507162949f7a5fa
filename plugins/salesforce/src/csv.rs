//! CSV as the Bulk API writes it (RFC 4180): commas, quotes doubled inside
//! quotes, line feeds in quoted fields.

/// Records of a whole text, the header among them. `None`: a quote is never closed.
pub fn records(text: &str) -> Option<Vec<Vec<String>>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (quoted, char) {
            (true, '"') if chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            (true, '"') => quoted = false,
            (true, other) => field.push(other),
            (false, '"') => quoted = true,
            (false, ',') => record.push(std::mem::take(&mut field)),
            (false, '\r') => {}
            (false, '\n') => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            (false, other) => field.push(other),
        }
    }
    if quoted {
        return None;
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_quotes_and_line_feeds() {
        let text = "\"Id\",\"Name\"\n\"001\",\"a \"\"b\"\", c\nd\"\n002,\n";
        assert_eq!(records(text).expect("closed"), [vec!["Id", "Name"], vec!["001", "a \"b\", c\nd"], vec!["002", ""]]);
    }

    #[test]
    fn an_open_quote_is_not_half_a_row() {
        assert_eq!(records("a,\"b"), None);
    }
}
