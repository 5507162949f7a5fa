//! Makes values: a bank account number (IBAN) as people write it, in groups of four,
//! is read as its plain form, and written back in groups. One whose check digits are
//! wrong is refused.

use lockstep_sdk::{
    Cell, ColumnType,
    code::{Parameter, Transform, TransformAbout},
};

struct Iban;

impl Transform for Iban {
    fn describe() -> TransformAbout {
        TransformAbout {
            name: "iban".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            takes: vec![Parameter { name: "iban".to_owned(), kinds: vec!["text".to_owned()] }],
            gives: ColumnType { length: Some(34), ..ColumnType::new("text", "") },
            writes: true,
        }
    }

    fn read(values: Vec<Cell>) -> Result<Cell, String> {
        let text = values.first().and_then(Cell::as_str).ok_or("it wants text")?;
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        // No value in it: these words are logged.
        if remainder(&plain) != Some(1) {
            return Err("this is no IBAN, or a digit of it is wrong".to_owned());
        }
        Ok(plain.into())
    }

    fn write(value: Cell) -> Result<Cell, String> {
        let plain: Vec<char> = value.as_str().ok_or("it wants text")?.chars().collect();
        let groups: Vec<String> = plain.chunks(4).map(|group| group.iter().collect()).collect();
        Ok(groups.join(" ").into())
    }
}

/// Of its number divided by 97 (ISO 13616): 1 for a correct one.
fn remainder(plain: &str) -> Option<u32> {
    let (head, rest) = plain.split_at_checked(4).filter(|_| (15..=34).contains(&plain.len()))?;
    rest.chars().chain(head.chars()).try_fold(0, |so_far, c| {
        let digit = c.to_digit(36)?;
        Some(if digit < 10 { so_far * 10 + digit } else { so_far * 100 + digit } % 97)
    })
}

lockstep_sdk::export_transform!(Iban);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let plain = Iban::read(vec!["de89 3704 0044 0532 0130 00".into()]).expect("an IBAN");
        assert_eq!(plain, "DE89370400440532013000".into());
        let written = Iban::write(plain.clone()).expect("written");
        assert_eq!(written, "DE89 3704 0044 0532 0130 00".into());
        assert_eq!(Iban::read(vec![written]), Ok(plain));
    }

    #[test]
    fn a_wrong_digit_is_refused_and_not_repeated() {
        let told = Iban::read(vec!["DE89370400440532013001".into()]).expect_err("a refusal");
        assert!(!told.contains("DE89"));
        assert!(Iban::read(vec!["hello".into()]).is_err());
    }
}
