//! Comma-separated files as the bulk API reads and writes them.

use serde_json::Value;

use crate::salesforce::moment;

/// One line, every cell quoted.
pub fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
    format!("{}\n", quoted.join(","))
}

/// A value of a record as a cell; null is empty, times end in `Z`.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => match text.strip_suffix(".000+0000").and_then(|_| moment::parse(text)) {
            Some(at) => moment::zulu(at),
            None => text.clone(),
        },
        other => other.to_string(),
    }
}

/// The rows of a file. Nothing where a quote is never closed.
pub fn rows(text: &str) -> Option<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if quoted {
        return None;
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()) || row.len() > 1);
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let cells = ["plain", "with \"quotes\"", "two\nlines", "", "a,b"];
        let text = line(cells.into_iter());
        assert_eq!(rows(&text), Some(vec![cells.map(String::from).to_vec()]));
        assert_eq!(rows("A,B\r\n1,2\r\n"), Some(vec![vec!["A".into(), "B".into()], vec!["1".into(), "2".into()]]));
        assert_eq!(rows("A\n\"open"), None);
        assert_eq!(cell(&"2021-12-02T18:23:33.000+0000".into()), "2021-12-02T18:23:33.000Z");
    }
}
