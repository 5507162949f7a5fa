//! Messages cut out of bytes and put together again (PostgreSQL manual,
//! "Message Formats"). Knows nothing of what the messages are for.

use crate::failure::{Failure, Result};

/// The longest message accepted from a server, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Received bytes with the messages not yet taken out of them.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
}

/// A whole message's tag and where its body lies in the inbox.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub tag: u8,
    pub from: usize,
    pub to: usize,
}

impl Inbox {
    /// The next whole message, if all of it has arrived. Its body stays
    /// readable with [`Inbox::body`] until the next call of [`Inbox::space`].
    pub fn take(&mut self) -> Result<Option<Frame>> {
        let pending = self.bytes.get(self.start..).unwrap_or_default();
        let Some((tag, length)) = head(pending) else {
            return Ok(None);
        };
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(Failure::Protocol(format!("a message of {length} bytes")));
        }
        if pending.len() < length + 1 {
            return Ok(None);
        }
        let frame = Frame { tag, from: self.start + 5, to: self.start + 1 + length };
        self.start = frame.to;
        Ok(Some(frame))
    }

    pub fn body(&self, frame: Frame) -> &[u8] {
        self.bytes.get(frame.from..frame.to).unwrap_or_default()
    }

    /// Where to append received bytes. Forgets what was taken.
    pub fn space(&mut self) -> &mut Vec<u8> {
        if self.start == self.bytes.len() {
            self.bytes.clear();
        } else if self.start > 0 {
            self.bytes.drain(..self.start);
        }
        self.start = 0;
        &mut self.bytes
    }

    /// Bytes received and not yet taken.
    pub fn pending_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }
}

fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let (tag, rest) = bytes.split_first()?;
    let length = rest.first_chunk::<4>()?;
    Some((*tag, u32::from_be_bytes(*length) as usize))
}

/// A reader of one message body: nothing it does can panic.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.chunk()?))
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.chunk()?))
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.chunk()?))
    }

    pub fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.chunk()?))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.chunk()?))
    }

    pub fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.chunk()?))
    }

    /// A zero-terminated string.
    pub fn text(&mut self) -> Result<&'a str> {
        let end = self.rest.iter().position(|b| *b == 0).ok_or_else(short)?;
        let text = self.bytes(end)?;
        self.u8()?;
        std::str::from_utf8(text).map_err(|_| Failure::Protocol("text that is not UTF-8".into()))
    }
}

fn short() -> Failure {
    Failure::Protocol("a message shorter than it says".into())
}

/// Append a message: tag (0 for the untagged first message) and body.
pub fn put(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    if tag != 0 {
        out.push(tag);
    }
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// Append a zero-terminated string; a zero inside would end it early, so it is dropped.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|b| *b != 0));
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_whole_however_it_arrived() {
        let mut wire = Vec::new();
        put(&mut wire, b'A', |out| put_text(out, "one"));
        put(&mut wire, b'B', |out| out.extend_from_slice(b"two"));
        let mut inbox = Inbox::default();
        let mut seen = Vec::new();
        for byte in wire {
            inbox.space().push(byte);
            while let Some(frame) = inbox.take().expect("well formed") {
                seen.push((frame.tag, inbox.body(frame).to_vec()));
            }
        }
        assert_eq!(seen, [(b'A', b"one\0".to_vec()), (b'B', b"two".to_vec())]);
    }

    #[test]
    fn an_impossible_length_is_refused() {
        let mut inbox = Inbox::default();
        inbox.space().extend_from_slice(&[b'A', 0, 0, 0, 3]);
        assert!(inbox.take().is_err());
        let mut inbox = Inbox::default();
        inbox.space().extend_from_slice(&[b'A', 0xff, 0, 0, 3]);
        assert!(inbox.take().is_err());
    }
}
