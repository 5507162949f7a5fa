//! `traceparent` (W3C Trace Context): so that what a system logs about a request
//! can be found from the audit log, and the other way round.

use ring::rand::{SecureRandom, SystemRandom};

use crate::credentials::hex;

pub(crate) struct Trace {
    id: [u8; 16],
    span: [u8; 8],
}

impl Trace {
    /// A new one.
    pub(crate) fn new() -> Self {
        let mut bytes = [0_u8; 24];
        // Without randomness the ids are not unique, which breaks nothing here.
        let _ = SystemRandom::new().fill(&mut bytes);
        let (mut id, mut span) = ([0; 16], [0; 8]);
        id.copy_from_slice(&bytes[..16]);
        span.copy_from_slice(&bytes[16..]);
        // All zeros are not allowed.
        id[0] |= 1;
        span[0] |= 1;
        Trace { id, span }
    }

    pub(crate) fn id(&self) -> String {
        hex(&self.id)
    }

    /// The header's value; sampled.
    pub(crate) fn parent(&self) -> String {
        format!("00-{}-{}-01", hex(&self.id), hex(&self.span))
    }
}
