//! A whole column of values as one `text[]` parameter in binary notation: no
//! quoting here and no parsing at the server.

/// `text`'s object id.
const TEXT_OID: u32 = 25;

/// A `text[]` being filled.
pub struct TextArray {
    bytes: Vec<u8>,
    length: u32,
    has_null: bool,
}

impl Default for TextArray {
    fn default() -> Self {
        TextArray { bytes: vec![0; 20], length: 0, has_null: false }
    }
}

impl TextArray {
    pub fn push(&mut self, text: Option<&str>) {
        self.length += 1;
        match text {
            None => {
                self.has_null = true;
                self.bytes.extend_from_slice(&(-1i32).to_be_bytes());
            }
            Some(text) => {
                self.bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// The parameter's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let dimensions = u32::from(self.length > 0);
        let head: Vec<u8> = [dimensions, u32::from(self.has_null), TEXT_OID, self.length, 1]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        if let Some(place) = self.bytes.get_mut(..20) {
            place.copy_from_slice(&head);
        }
        if dimensions == 0 {
            self.bytes.truncate(12);
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_is_the_servers_binary_array() {
        let mut array = TextArray::default();
        array.push(Some("ab"));
        array.push(None);
        let bytes = array.finish();
        assert_eq!(
            bytes,
            [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, b'a', b'b', 255, 255, 255, 255]
        );
        assert_eq!(TextArray::default().finish().len(), 12);
    }
}
