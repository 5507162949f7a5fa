//! From text to tree. Says where and why a text is not a query, as the vendor does.

use super::{
    lex::{Token, words},
    syntax::{Column, Filter, Literal, Operator, Order, Path, Query, Select},
};

/// Nested parentheses, at most.
const DEPTH_MAX: usize = 50;

/// A text that is not a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub at: usize,
    pub message: String,
}

impl Malformed {
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Parses a query.
pub fn query(text: &str) -> Result<Query, Malformed> {
    let mut parser = Parser { words: words(text)?, next: 0, depth: 0 };
    parser.expect("SELECT")?;
    let select = parser.select()?;
    parser.expect("FROM")?;
    let from = parser.name()?;
    let filter = parser.filter_clause()?;
    let order = parser.order()?;
    let limit = if parser.accept("LIMIT") { Some(parser.count()?) } else { None };
    let offset = if parser.accept("OFFSET") { parser.count()? } else { 0 };
    let all_rows = parser.accept("ALL");
    if all_rows {
        parser.expect("ROWS")?;
    }
    parser.end()?;
    Ok(Query { select, from, filter, order, limit, offset, all_rows })
}

/// Parses what stands behind WHERE.
pub fn filter(text: &str) -> Result<Filter, Malformed> {
    let mut parser = Parser { words: words(text)?, next: 0, depth: 0 };
    let filter = parser.condition()?;
    parser.end()?;
    Ok(filter)
}

struct Parser {
    words: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.words.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn at(&self) -> usize {
        self.words.get(self.next).map_or(0, |(_, at)| *at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn is(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let found = self.is(keyword);
        self.next += usize::from(found);
        found
    }

    fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(own) if *own == symbol);
        self.next += usize::from(found);
        found
    }

    fn unexpected(&self) -> Malformed {
        let shown = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Text(text) => format!("'{text}'"),
            Token::Number(number) => number.to_string(),
            Token::Moment(at) => at.to_string(),
            Token::Date(date) => date.to_string(),
            Token::Symbol(symbol) => (*symbol).to_owned(),
            Token::End => return Malformed::new(self.at(), "unexpected token: <EOF>"),
        };
        Malformed::new(self.at(), format!("unexpected token: {shown}"))
    }

    fn expect(&mut self, keyword: &str) -> Result<(), Malformed> {
        if self.accept(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), Malformed> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn end(&self) -> Result<(), Malformed> {
        if *self.peek() == Token::End { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<String, Malformed> {
        match self.peek() {
            Token::Word(word) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn count(&mut self) -> Result<usize, Malformed> {
        let refused = self.unexpected();
        match self.take() {
            Token::Number(number) if number >= 0.0 && number.fract() == 0.0 => {
                format!("{number}").parse().map_err(|_| refused)
            }
            _ => Err(refused),
        }
    }

    fn path(&mut self) -> Result<Path, Malformed> {
        let at = self.at();
        let mut parts = vec![self.name()?];
        while self.accept_symbol(".") {
            parts.push(self.name()?);
        }
        Ok(Path { parts, at })
    }

    fn select(&mut self) -> Result<Select, Malformed> {
        let mut columns = Vec::new();
        loop {
            if self.is("COUNT") && self.words.get(self.next + 1).is_some_and(|(next, _)| *next == Token::Symbol("(")) {
                self.next += 2;
                self.expect_symbol(")")?;
                return Ok(Select::Count);
            }
            columns.push(self.column()?);
            if !self.accept_symbol(",") {
                return Ok(Select::Columns(columns));
            }
        }
    }

    fn column(&mut self) -> Result<Column, Malformed> {
        let path = self.path()?;
        if !(path.parts.len() == 1 && path.parts[0].eq_ignore_ascii_case("FIELDS") && self.accept_symbol("(")) {
            return Ok(Column::Path(path));
        }
        let which = self.name()?.to_uppercase();
        self.expect_symbol(")")?;
        match which.as_str() {
            "ALL" => Ok(Column::All { standard: true, custom: true }),
            "STANDARD" => Ok(Column::All { standard: true, custom: false }),
            "CUSTOM" => Ok(Column::All { standard: false, custom: true }),
            _ => Err(Malformed::new(path.at, format!("unexpected token: {which}"))),
        }
    }

    fn filter_clause(&mut self) -> Result<Option<Filter>, Malformed> {
        if self.accept("WHERE") { self.condition().map(Some) } else { Ok(None) }
    }

    /// The vendor refuses AND beside OR without parentheses.
    fn condition(&mut self) -> Result<Filter, Malformed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Malformed::new(self.at(), "too many nested conditions"));
        }
        let mut parts = vec![self.term()?];
        let conjunction = if self.is("OR") { "OR" } else { "AND" };
        while self.accept(conjunction) {
            parts.push(self.term()?);
        }
        if self.is("AND") || self.is("OR") {
            return Err(self.unexpected());
        }
        self.depth -= 1;
        Ok(match (parts.len(), conjunction) {
            (1, _) => parts.remove(0),
            (_, "OR") => Filter::Or(parts),
            _ => Filter::And(parts),
        })
    }

    fn term(&mut self) -> Result<Filter, Malformed> {
        if self.accept("NOT") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(Malformed::new(self.at(), "too many nested conditions"));
            }
            let inner = self.term()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        if self.accept_symbol("(") {
            let inner = self.condition()?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        let path = self.path()?;
        if self.accept("LIKE") {
            let refused = self.unexpected();
            let Token::Text(pattern) = self.take() else { return Err(refused) };
            return Ok(Filter::Like { path, pattern });
        }
        if self.accept("IN") {
            return Ok(Filter::In { path, values: self.list()?, negated: false });
        }
        if self.is("NOT") {
            self.next += 1;
            self.expect("IN")?;
            return Ok(Filter::In { path, values: self.list()?, negated: true });
        }
        let negated = self.is("EXCLUDES");
        if negated || self.is("INCLUDES") {
            self.next += 1;
            let sets = self.list()?.into_iter().filter_map(|set| match set {
                Literal::Text(text) => Some(text),
                _ => None,
            });
            return Ok(Filter::Includes { path, sets: sets.collect(), negated });
        }
        let operator = self.operator()?;
        Ok(Filter::Compare { path, operator, value: self.literal()? })
    }

    fn operator(&mut self) -> Result<Operator, Malformed> {
        let refused = self.unexpected();
        match self.take() {
            Token::Symbol("=") => Ok(Operator::Equal),
            Token::Symbol("!=" | "<>") => Ok(Operator::NotEqual),
            Token::Symbol("<") => Ok(Operator::Less),
            Token::Symbol("<=") => Ok(Operator::LessOrEqual),
            Token::Symbol(">") => Ok(Operator::Greater),
            Token::Symbol(">=") => Ok(Operator::GreaterOrEqual),
            _ => Err(refused),
        }
    }

    fn list(&mut self) -> Result<Vec<Literal>, Malformed> {
        self.expect_symbol("(")?;
        let mut values = vec![self.literal()?];
        while self.accept_symbol(",") {
            values.push(self.literal()?);
        }
        self.expect_symbol(")")?;
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, Malformed> {
        let refused = self.unexpected();
        match self.take() {
            Token::Text(text) => Ok(Literal::Text(text)),
            Token::Number(number) => Ok(Literal::Number(number)),
            Token::Moment(at) => Ok(Literal::Moment(at)),
            Token::Date(date) => Ok(Literal::Date(date)),
            Token::Word(word) => match word.to_lowercase().as_str() {
                "null" => Ok(Literal::Null),
                "true" => Ok(Literal::Bool(true)),
                "false" => Ok(Literal::Bool(false)),
                _ => Err(refused),
            },
            _ => Err(refused),
        }
    }

    fn order(&mut self) -> Result<Vec<Order>, Malformed> {
        let mut order = Vec::new();
        if !self.accept("ORDER") {
            return Ok(order);
        }
        self.expect("BY")?;
        loop {
            let path = self.path()?;
            let descending = self.accept("DESC");
            if !descending {
                self.accept("ASC");
            }
            let mut nulls_last = false;
            if self.accept("NULLS") {
                nulls_last = self.accept("LAST");
                if !nulls_last {
                    self.expect("FIRST")?;
                }
            }
            order.push(Order { path, descending, nulls_last });
            if !self.accept_symbol(",") {
                return Ok(order);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_with_everything_is_read() {
        let text = "select Id, Account.Name from Contact where (Email = 'a\\'b' or Phone != null) and not Name like 'x%' \
                    and SystemModstamp >= 2021-12-02T18:23:33.000+0000 order by SystemModstamp, Id desc nulls last \
                    limit 10 offset 5";
        let query = query(text).unwrap();
        assert_eq!(query.from, "Contact");
        assert_eq!((query.limit, query.offset, query.order.len()), (Some(10), 5, 2));
        assert!(query.order[1].descending && query.order[1].nulls_last);
        let Some(Filter::And(parts)) = query.filter else { panic!("an AND") };
        assert_eq!(parts.len(), 3);
        assert!(matches!(&parts[0], Filter::Or(either) if either.len() == 2));
        assert!(matches!(&parts[1], Filter::Not(_)));
    }

    #[test]
    fn what_is_not_a_query_is_refused_where_it_goes_wrong() {
        for (text, at) in [
            ("SELECT FROM Account", 12),
            ("SELECT Id FROM Account WHERE", 28),
            ("SELECT Id FROM Account WHERE A = 1 AND B = 2 OR C = 3", 45),
            ("SELECT Id FROM Account LIMIT x", 29),
            ("SELECT Id FROM Account WHERE Name = 'x", 36),
            ("SELECT Id FROM Account extra", 23),
        ] {
            assert_eq!(query(text).unwrap_err().at, at, "{text}");
        }
        let deep = format!("SELECT Id FROM A WHERE {}B = 1", "(".repeat(80));
        assert!(query(&deep).is_err());
    }
}
