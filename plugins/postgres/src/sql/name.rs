//! Names of tables as the runtime writes them, and quoting.

use std::fmt;

/// A table's schema and name. Written `schema.table`; a part that holds a dot
/// or a quote is written in double quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    pub schema: String,
    pub table: String,
}

impl ObjectName {
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        ObjectName { schema: schema.into(), table: table.into() }
    }

    /// Parse `schema.table`; without a schema it is in `public`.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, rest) = part(text)?;
        if rest.is_empty() {
            return Some(Self::new("public", first));
        }
        let (second, rest) = part(rest.strip_prefix('.')?)?;
        rest.is_empty().then(|| Self::new(first, second))
    }

    /// For use in statements.
    pub fn sql(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.table))
    }
}

fn part(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in [&self.schema, &self.table].into_iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            if name.contains(['.', '"']) { f.write_str(&identifier(name))? } else { f.write_str(name)? }
        }
        Ok(())
    }
}

/// A quoted identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted text literal that does not depend on `standard_conforming_strings`.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_however_odd() {
        for (schema, table) in [("public", "contacts"), ("a.b", "c"), ("a", "b\"c.d"), ("Über", "Große Tabelle")] {
            let name = ObjectName::new(schema, table);
            assert_eq!(ObjectName::parse(&name.to_string()), Some(name));
        }
        assert_eq!(ObjectName::parse("t"), Some(ObjectName::new("public", "t")));
        for bad in ["", ".", "a.", "a.b.c", "\"a"] {
            assert_eq!(ObjectName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert_eq!(identifier("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }
}
