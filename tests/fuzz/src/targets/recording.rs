//! A recording of what a connector does: a file that somebody may have sent.

use lockstep_host::Recording;

pub const WORDS: &[&str] = &[
    "{\"lockstep-recording\":1,\"contract\":\"0.1\",",
    "\"session\":1,",
    "\"what\":\"session\"",
    "\"what\":\"http\"",
    "\"what\":\"call\"",
    "\"what\":\"received\"",
    "{\"end\":2}",
    "{\"base64\":\"",
    "\"sha256\":\"\"",
    "\"bytes\":18446744073709551615",
    "\"wire\":4294967296",
    "[[[[[[[[",
    "\\ud800",
    "\n",
];

/// What is let through can be counted, and says of which component it is.
pub fn recording(bytes: &[u8]) {
    match Recording::read(bytes) {
        Ok(recording) => {
            assert!(recording.events() <= bytes.len());
            assert!(recording.about().digest.len() <= bytes.len());
        }
        Err(error) => assert_eq!(error.code(), "LS-H026"),
    }
}
