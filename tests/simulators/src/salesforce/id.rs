//! Record ids: 15 case-sensitive characters, or 18 with a checksum over which
//! of the first 15 are capitals (vendor: "What is the Salesforce record id").

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18-character form; nothing where the text is not an id.
pub fn long(id: &str) -> Option<String> {
    let bytes = id.as_bytes();
    if !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    match bytes.len() {
        15 => Some(format!("{id}{}", checksum(bytes))),
        // Case may have been lost on the way; the checksum says what it was.
        18 => restore(bytes),
        _ => None,
    }
}

fn checksum(id: &[u8]) -> String {
    let chunks = id[..15].chunks(5);
    let bits = chunks.map(|chunk| {
        chunk.iter().enumerate().fold(0, |bits, (place, byte)| bits | (usize::from(byte.is_ascii_uppercase()) << place))
    });
    bits.map(|bits| char::from(CHECKSUM[bits])).collect()
}

fn restore(id: &[u8]) -> Option<String> {
    let mut restored = Vec::with_capacity(18);
    for (chunk, check) in id[..15].chunks(5).zip(&id[15..]) {
        let check = check.to_ascii_uppercase();
        let bits = CHECKSUM.iter().position(|known| *known == check)?;
        for (place, byte) in chunk.iter().enumerate() {
            let upper = bits >> place & 1 == 1;
            if upper && !byte.is_ascii_alphabetic() {
                return None;
            }
            restored.push(if upper { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() });
        }
    }
    restored.extend(id[15..].iter().map(u8::to_ascii_uppercase));
    String::from_utf8(restored).ok()
}

/// The `number`th id of an object, 18 characters.
pub fn nth(key_prefix: &str, number: u64) -> String {
    let mut digits = [b'0'; 9];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(rest % 62).unwrap_or_default()];
        rest /= 62;
    }
    let short = format!("{key_prefix}Sm0{}", String::from_utf8_lossy(&digits));
    let check = checksum(short.as_bytes());
    format!("{short}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_get_the_checksum_the_vendor_gives_them() {
        for known in ["0014S000007dTS6QAM", "0034S000005YJTJQA4", "a097F00000XpKo9QAF", "00Q4S000002sSacUAE"] {
            assert_eq!(long(&known[..15]).as_deref(), Some(known));
            assert_eq!(long(&known.to_lowercase()).as_deref(), Some(known), "case is restored");
        }
        assert_eq!(long("0014S000007dTS"), None);
        assert_eq!(long("0014S000007d-S6"), None);
    }

    #[test]
    fn made_ids_are_long_different_and_ascending() {
        let made: Vec<String> = (1..200).map(|number| nth("001", number)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| long(id).as_ref() == Some(id) && id.starts_with("001")));
    }
}
