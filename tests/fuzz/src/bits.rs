//! Choices taken off the front of an input, so that bytes can stand for types,
//! bounds and values. Ends in zeroes, never in an error: every input is one.

pub struct Bits<'a> {
    rest: &'a [u8],
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Bits { rest: bytes }
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// One of these; `choices` is never empty.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = usize::from(self.byte()) % choices.len().max(1);
        choices.get(at).copied()
    }

    /// Nothing as often as something.
    pub fn maybe(&mut self) -> Option<u8> {
        let byte = self.byte();
        byte.checked_sub(128)
    }

    /// The next so many bytes, or what is left.
    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What is left, as text; what is no text, with the usual marks in its place.
    pub fn text(&self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.rest)
    }
}
