//! The query language's words.

use jiff::{Timestamp, civil::Date};

use super::parse::Malformed;
use crate::salesforce::moment;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Moment(Timestamp),
    Date(Date),
    Symbol(&'static str),
    End,
}

const SYMBOLS: &[&str] = &["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ",", ".", ":"];

/// The words, each with where it begins.
pub fn words(text: &str) -> Result<Vec<(Token, usize)>, Malformed> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = word(&text[at..], at)?;
        found.push((token, at));
        at += length;
    }
    found.push((Token::End, text.len()));
    Ok(found)
}

fn word(rest: &str, at: usize) -> Result<(Token, usize), Malformed> {
    let first = rest.chars().next().unwrap_or_default();
    if first == '\'' {
        return quoted(rest, at);
    }
    if first.is_ascii_digit() || matches!(first, '-' | '+') {
        return number_or_time(rest, at);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        return Ok((Token::Word(rest[..end].to_owned()), end));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok((Token::Symbol(symbol), symbol.len())),
        None => Err(Malformed::new(at, format!("unexpected token: '{first}'"))),
    }
}

fn quoted(rest: &str, at: usize) -> Result<(Token, usize), Malformed> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((place, c)) = chars.next() {
        match c {
            '\'' => return Ok((Token::Text(text), place + 1)),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'b')) => text.push('\u{8}'),
                Some((_, 'f')) => text.push('\u{c}'),
                // Kept escaped: LIKE tells a wildcard from a character by it.
                Some((_, kept @ ('%' | '_'))) => text.extend(['\\', kept]),
                Some((_, kept @ ('\'' | '"' | '\\'))) => text.push(kept),
                _ => return Err(Malformed::new(at + place, "Illegal escape sequence in string literal")),
            },
            c => text.push(c),
        }
    }
    Err(Malformed::new(at, "unterminated string literal"))
}

fn number_or_time(rest: &str, at: usize) -> Result<(Token, usize), Malformed> {
    let end =
        rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | ':' | '.'))).unwrap_or(rest.len());
    let text = &rest[..end];
    let token = if text.len() == 10 && text.contains('-') {
        text.parse::<Date>().ok().map(Token::Date)
    } else if text.contains('T') || text.contains(':') {
        moment::parse(text).map(Token::Moment)
    } else {
        text.parse::<f64>().ok().map(Token::Number)
    };
    token.map(|token| (token, end)).ok_or_else(|| Malformed::new(at, format!("unexpected token: '{text}'")))
}
