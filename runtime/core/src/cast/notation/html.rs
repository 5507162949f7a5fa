//! Markup to text and back: what a person reads of it, line by line.
//!
//! No parser of documents: tags are taken away, characters that markup has names
//! for are put in. Looks at each byte once.

use super::super::CastError;

/// Elements that begin a new line.
const BLOCKS: [&str; 21] = [
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "section",
    "article",
    "header",
    "footer",
    "hr",
    "dd",
];
/// Elements whose contents nobody reads.
const HIDDEN: [&str; 4] = ["script", "style", "head", "title"];

pub(super) fn to_text(markup: &str) -> Result<String, CastError> {
    let broken = CastError::NotA { what: "the text", wanted: "markup whose tags end" };
    let mut lines = Lines::default();
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        let (words, tail) = rest.split_at(at);
        lines.words(words);
        if let Some(comment) = tail.strip_prefix("<!--") {
            rest = comment.split_once("-->").ok_or_else(|| broken.clone())?.1;
            continue;
        }
        // A lone sign, as in `1 < 2`.
        let opens = tail.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        if !opens {
            lines.words("<");
            rest = tail.get(1..).unwrap_or_default();
            continue;
        }
        let (tag, after) = tail.split_once('>').ok_or_else(|| broken.clone())?;
        let tag = tag.trim_start_matches(['<', '/']);
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        rest = after;
        if name == "br" {
            lines.end();
        } else if BLOCKS.contains(&name.as_str()) {
            lines.end_if_begun();
        }
        if HIDDEN.contains(&name.as_str()) && !tail.starts_with("</") {
            let end = closing(rest, &name).ok_or_else(|| broken.clone())?;
            rest = rest.get(end..).unwrap_or_default();
        }
    }
    lines.words(rest);
    Ok(lines.finish())
}

/// Where the end tag of this element begins.
fn closing(markup: &str, name: &str) -> Option<usize> {
    let is_it = |at: &usize| {
        let word = markup.get(at + 2..at + 2 + name.len());
        word.is_some_and(|word| word.eq_ignore_ascii_case(name))
    };
    markup.match_indices("</").map(|(at, _)| at).find(is_it)
}

#[derive(Default)]
struct Lines {
    done: Vec<String>,
    line: String,
}

impl Lines {
    /// Blanks of any kind are one blank, as they are shown.
    fn words(&mut self, markup: &str) {
        let text = html_escape::decode_html_entities(markup);
        let begins_blank = markup.starts_with(|c: char| c.is_ascii_whitespace());
        for (at, word) in text.split_ascii_whitespace().enumerate() {
            let apart = at > 0 || begins_blank;
            if apart && !self.line.is_empty() && !self.line.ends_with(' ') {
                self.line.push(' ');
            }
            self.line.push_str(word);
        }
        if markup.ends_with(|c: char| c.is_ascii_whitespace()) && !self.line.is_empty() && !self.line.ends_with(' ') {
            self.line.push(' ');
        }
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.done.push(line.trim_end_matches(' ').to_owned());
    }

    fn end_if_begun(&mut self) {
        if !self.line.trim_end().is_empty() {
            self.end();
        }
    }

    fn finish(mut self) -> String {
        self.end_if_begun();
        self.done.join("\n").trim_matches('\n').to_owned()
    }
}

/// Characters that markup uses are named, lines are broken where the text's are.
pub(super) fn from_text(text: &str) -> String {
    let escaped = html_escape::encode_text(text);
    escaped.replace("\r\n", "<br>").replace(['\n', '\r'], "<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_left_out_however_its_end_is_spelt() {
        let markup = "<STYLE>p { color: red }</style><p>One<script>if (a < b) { x(\"</p>\") }</SCRIPT> two</p>";
        assert_eq!(to_text(markup).unwrap(), "One two");
        assert!(to_text("<script>without an end").is_err());
        assert_eq!(to_text("<title>é</titel></title>kept").unwrap(), "kept");
    }
}
