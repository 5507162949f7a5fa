//! Record ids: 15 characters that differ by case, or 18 that do not have to.

const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Whether a text could be an id.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The 18-character form: a check character for each five, which tells which of
/// them are in upper case. Anything else is given back as it is.
pub fn long_id(text: &str) -> String {
    let mut long = text.to_owned();
    if text.len() != 15 || !is_id(text) {
        return long;
    }
    for five in text.as_bytes().chunks(5) {
        let bits = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        let place: usize = bits.map(|(at, _)| 1 << at).sum();
        long.push(char::from(CHECK.get(place).copied().unwrap_or(b'A')));
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_becomes_the_long_one_that_the_vendor_shows() {
        for long in ["0014S000007dTS6QAM", "0034S000005YJY8QAO", "0057F000001eSTfQAM", "a097F00000XpKo9QAF"] {
            assert_eq!(long_id(&long[..15]), long);
            assert_eq!(long_id(long), long);
        }
        assert_eq!(long_id("not an id"), "not an id");
    }
}
