//! `as`: how a column writes values, where its type does not say. A word, or a
//! small table.

use super::{
    error::{Code, Problems},
    node::{Data, Entry, Node},
    section::{Section, bad_value, text, texts, wrong_type},
};
use crate::{
    cast::{CountryStyle, Moment, Notation, Phone, PhoneStyle, Separators, ValueMap, Zone},
    code::TransformSlot,
    schema::Kind,
};

/// Values that one map names, at the most.
const VALUES_MAX: usize = 2_000;

const WORDS: &str = "\"phone\", \"country\", \"currency\", \"percent\", \"fraction\", \"epoch-seconds\", \
    \"epoch-milliseconds\", \"html\", or a table such as { phone = \"DE\" }, { country = \"name\" }, \
    { money = \"EUR\" }, { number = \"1.234,56\" }, { date = \"%d.%m.%Y\" }, { zone = \"Europe/Berlin\" }, \
    { values = { open = \"New\" } }, { delimiter = \",\" } or { transform = \"rules/mine.wasm\" }";

pub(super) fn read(path: &str, node: &Node, problems: &mut Problems<'_>) -> Option<Notation> {
    match &node.data {
        Data::Text(word) => {
            let notation = from_word(word);
            if notation.is_none() {
                bad_value(path, node, &format!("`{word}`"), WORDS, problems);
            }
            notation
        }
        Data::Table(_) => from_table(path, node, problems),
        _ => {
            wrong_type(path, node, WORDS, problems);
            None
        }
    }
}

fn from_word(word: &str) -> Option<Notation> {
    Some(match word {
        "phone" => Notation::Phone(Phone { region: None, style: PhoneStyle::E164 }),
        "country" => Notation::Country(CountryStyle::Alpha2),
        "currency" => Notation::Currency,
        "percent" => Notation::Percent,
        "fraction" => Notation::Fraction,
        "epoch-seconds" => Notation::Epoch { millis: false },
        "epoch-milliseconds" => Notation::Epoch { millis: true },
        "html" => Notation::Html,
        _ => return None,
    })
}

fn from_table(path: &str, node: &Node, problems: &mut Problems<'_>) -> Option<Notation> {
    let mut section = Section::of(path.to_owned(), node, problems)?;
    let before = problems.count();
    let zone = section.parsed("zone", "a zone of the IANA database, such as \"Europe/Berlin\"", Zone::named, problems);
    let phone = phone(&mut section, problems);
    let country = section.parsed("country", "\"alpha-2\", \"alpha-3\" or \"name\"", country, problems);
    let number = section.parsed("number", &separators_wanted(), Separators::by_example, problems);
    let money = section.parsed("money", "a currency's code, such as \"EUR\"", Notation::currency_code, problems);
    let moment = moment(&mut section, zone.as_ref(), problems);
    let delimiter = section.parsed("delimiter", "one character, such as \",\"", delimiter, problems);
    let values = values(&mut section, problems);
    let transform = section.component("transform", problems);
    let alone = section.entries().len() == 1;
    section.finish(problems);
    if let Some(transform) = transform.as_ref().filter(|_| alone) {
        return Some(Notation::Transform(TransformSlot::named(transform)));
    }
    let notation = match (phone, country, number, money, moment, delimiter, values, zone) {
        _ if transform.is_some() => {
            bad_value(path, node, "`transform` and something else", "`transform` alone", problems);
            return None;
        }
        (Some(phone), None, None, None, None, None, None, None) => Notation::Phone(phone),
        (None, Some(style), None, None, None, None, None, None) => Notation::Country(style),
        (None, None, Some(separators), None, None, None, None, None) => Notation::Number(separators),
        (None, None, separators, Some(currency), None, None, None, None) => {
            Notation::Money { currency, separators: separators.unwrap_or_default() }
        }
        (None, None, None, None, Some(moment), None, None, _) => Notation::Moment(moment),
        (None, None, None, None, None, None, None, Some(zone)) => Notation::Zone(zone),
        (None, None, None, None, None, None, Some(values), None) => Notation::Values(values),
        (None, None, None, None, None, Some(delimiter), values, None) => Notation::Delimited { delimiter, values },
        _ => {
            if problems.count() == before {
                bad_value(path, node, "these together, or nothing", WORDS, problems);
            }
            return None;
        }
    };
    Some(notation)
}

fn phone(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Phone> {
    let region = |text: &str| Phone::knows(text).then(|| text.into());
    let region = section.parsed("phone", "a country by its code, such as \"DE\"", region, problems);
    let style = section.parsed(
        "write",
        "\"e164\", \"international\" or \"national\"",
        |word| match word {
            "e164" => Some(PhoneStyle::E164),
            "international" => Some(PhoneStyle::International),
            "national" => Some(PhoneStyle::National),
            _ => None,
        },
        problems,
    );
    match (region, style) {
        (None, None) => None,
        (region, style) => Some(Phone { region, style: style.unwrap_or(PhoneStyle::E164) }),
    }
}

fn country(word: &str) -> Option<CountryStyle> {
    match word {
        "alpha-2" => Some(CountryStyle::Alpha2),
        "alpha-3" => Some(CountryStyle::Alpha3),
        "name" => Some(CountryStyle::Name),
        _ => None,
    }
}

fn separators_wanted() -> String {
    let examples: Vec<String> = Separators::examples().map(|example| format!("\"{example}\"")).collect();
    format!("one of {}", examples.join(", "))
}

fn delimiter(text: &str) -> Option<char> {
    let mut signs = text.chars();
    signs
        .next()
        .filter(|sign| signs.next().is_none() && !sign.is_alphanumeric() && (!sign.is_whitespace() || *sign == '\n'))
}

/// `date`, `time` or `timestamp` with a pattern.
fn moment(section: &mut Section<'_>, zone: Option<&Zone>, problems: &mut Problems<'_>) -> Option<Moment> {
    let mut found = None;
    for (key, kind) in [("date", Kind::Date), ("time", Kind::Time), ("timestamp", Kind::Timestamp)] {
        let Some(node) = section.get(key) else { continue };
        let path = section.join(key);
        let Some(pattern) = text(&path, node, problems) else { continue };
        let zone = zone.filter(|_| kind == Kind::Timestamp).cloned();
        match Moment::new(kind, pattern, zone) {
            Ok(moment) => found = Some(moment),
            Err(why) => {
                bad_value(&path, node, &format!("`{pattern}`: {why}"), "a pattern such as \"%Y-%m-%d\"", problems)
            }
        }
    }
    found
}

fn values(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<ValueMap> {
    let node = section.get("values")?;
    let path = section.join("values");
    let Data::Table(entries) = &node.data else {
        wrong_type(&path, node, "the field's values with the column's words, such as { open = \"New\" }", problems);
        return None;
    };
    if entries.is_empty() || entries.len() > VALUES_MAX {
        bad_value(&path, node, "of this length", &format!("between 1 and {VALUES_MAX} values"), problems);
        return None;
    }
    let pairs = entries.iter().map(|entry| (entry.key.clone(), words(&path, entry, problems)));
    Some(ValueMap::new(pairs.collect()))
}

fn words(path: &str, entry: &Entry, problems: &mut Problems<'_>) -> Vec<String> {
    let path = format!("{path}.{}", entry.key);
    match &entry.node.data {
        Data::Text(word) => vec![word.clone()],
        Data::Int(number) => vec![number.to_string()],
        Data::Bool(value) => vec![value.to_string()],
        Data::List(items) if items.is_empty() => {
            problems.add(
                Code::BadValue,
                entry.span.clone(),
                format!("`{path}` has no word"),
                "write the column's word, or several of which the first is written",
            );
            Vec::new()
        }
        _ => texts(&path, &entry.node, problems).into_iter().map(|(word, _)| word.to_owned()).collect(),
    }
}
