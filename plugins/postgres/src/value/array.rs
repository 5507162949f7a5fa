//! The text notation of one-dimensional arrays (PostgreSQL manual, "Array
//! Input and Output Syntax").

/// The elements of `{a,"b c",NULL}`. `None` for what is not a plain
/// one-dimensional array: nested braces, explicit bounds, nonsense.
pub fn elements(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut found = Vec::new();
    if inner.is_empty() {
        return Some(found);
    }
    let mut rest = inner.chars().peekable();
    loop {
        let mut element = String::new();
        let quoted = rest.next_if_eq(&'"').is_some();
        if quoted {
            loop {
                match rest.next()? {
                    '\\' => element.push(rest.next()?),
                    '"' => break,
                    other => element.push(other),
                }
            }
        } else {
            while let Some(next) = rest.next_if(|c| *c != ',') {
                match next {
                    '{' | '}' | '"' => return None,
                    '\\' => element.push(rest.next()?),
                    other => element.push(other),
                }
            }
            if element.is_empty() {
                return None;
            }
        }
        let null = !quoted && element.eq_ignore_ascii_case("null");
        found.push((!null).then_some(element));
        match rest.next() {
            None => return Some(found),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// Append one element in its notation; everything is quoted, so nothing is ambiguous.
pub fn push_element(out: &mut String, element: Option<&str>) {
    match element {
        None => out.push_str("NULL"),
        Some(text) => {
            out.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            }
            out.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_null_is_text_and_bare_null_is_null() {
        let found = elements(r#"{a,"NULL",NULL,"b \"c\" \\ d",""}"#).expect("an array");
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, [Some("a"), Some("NULL"), None, Some(r#"b "c" \ d"#), Some("")]);
    }

    #[test]
    fn what_is_not_one_plain_dimension_is_left_alone() {
        for text in ["{{1,2},{3,4}}", "[0:1]={1,2}", "{1,,2}", "{", "", "{\"a}", "{\"a\"b}"] {
            assert!(elements(text).is_none(), "{text}");
        }
        assert_eq!(elements("{}"), Some(vec![]));
    }

    proptest::proptest! {
        #[test]
        fn every_list_comes_back(list in proptest::collection::vec(proptest::option::of(".*"), 0..6)) {
            let mut text = String::from("{");
            for (at, element) in list.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                push_element(&mut text, element.as_deref());
            }
            text.push('}');
            proptest::prop_assert_eq!(elements(&text), Some(list));
        }
    }
}
