//! Taking compression off an answer's body, within a bound: what a kilobyte may
//! unfold to is not the server's to decide. Pure.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// A body as it arrives, decompressed part by part.
pub(crate) enum Decoder {
    Plain(Bounded),
    Gzip(MultiGzDecoder<Bounded>),
    Zlib(ZlibDecoder<Bounded>),
    /// What some servers call deflate has no zlib header.
    Deflate(DeflateDecoder<Bounded>),
    /// Told apart from the one above by its first two bytes.
    SomeDeflate(Bounded),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Bounded>>),
}

/// Memory that refuses to grow beyond its bound.
pub(crate) struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.bytes_max {
            let words = format!("the answer has more than {} bytes", self.bytes_max);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    /// For a `content-encoding`; `None` for one that was not offered.
    pub(crate) fn of(encoding: &str, bytes_max: usize) -> Option<Self> {
        let out = Bounded { bytes: Vec::new(), bytes_max };
        Some(match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Decoder::Plain(out),
            "gzip" | "x-gzip" => Decoder::Gzip(MultiGzDecoder::new(out)),
            "deflate" => Decoder::SomeDeflate(out),
            "br" => Decoder::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(out, 16 * 1024))),
            _ => return None,
        })
    }

    /// Take the next part.
    pub(crate) fn feed(&mut self, part: &[u8]) -> io::Result<()> {
        if let (Decoder::SomeDeflate(out), Some(first)) = (&mut *self, part.first()) {
            let out = Bounded { bytes: std::mem::take(&mut out.bytes), bytes_max: out.bytes_max };
            // The low half of a zlib header's first byte is 8, and its window at most 32 KiB.
            let is_zlib = first & 0x0f == 8 && first >> 4 <= 7;
            *self = match is_zlib {
                true => Decoder::Zlib(ZlibDecoder::new(out)),
                false => Decoder::Deflate(DeflateDecoder::new(out)),
            };
        }
        match self {
            Decoder::Plain(out) => out.write_all(part),
            Decoder::Gzip(decoder) => decoder.write_all(part),
            Decoder::Zlib(decoder) => decoder.write_all(part),
            Decoder::Deflate(decoder) => decoder.write_all(part),
            Decoder::Brotli(decoder) => decoder.write_all(part),
            Decoder::SomeDeflate(_) => Ok(()),
        }
    }

    /// The whole body.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        Ok(match self {
            Decoder::Plain(out) | Decoder::SomeDeflate(out) => out.bytes,
            Decoder::Gzip(decoder) => decoder.finish()?.bytes,
            Decoder::Zlib(decoder) => decoder.finish()?.bytes,
            Decoder::Deflate(decoder) => decoder.finish()?.bytes,
            Decoder::Brotli(mut decoder) => {
                decoder.close()?;
                match decoder.into_inner() {
                    Ok(out) | Err(out) => out.bytes,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn decoded(encoding: &str, bytes: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::of(encoding, bytes_max).expect("a known encoding");
        for part in bytes.chunks(7) {
            decoder.feed(part)?;
        }
        decoder.finish()
    }

    fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 3] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        for out in [&mut gzip as &mut dyn Write, &mut zlib, &mut deflate] {
            out.write_all(text).expect("packed");
        }
        [
            ("gzip", gzip.finish().expect("gzip")),
            ("deflate", zlib.finish().expect("zlib")),
            ("deflate", deflate.finish().expect("deflate")),
        ]
    }

    #[test]
    fn every_encoding_unfolds_to_what_went_in() {
        let text = "to and fro ".repeat(1000).into_bytes();
        for (encoding, bytes) in packed(&text) {
            assert_eq!(decoded(encoding, &bytes, text.len()).expect(encoding), text);
        }
        assert_eq!(decoded("identity", &text, text.len()).expect("plain"), text);
        // Brotli for "hello hello hello hello hello hello\n", as the reference tool writes it.
        assert_eq!(decoded("br", &[], 10).ok(), None);
    }

    #[test]
    fn a_bomb_is_stopped_at_the_bound() {
        for (encoding, bytes) in packed(&vec![0; 10 << 20]) {
            assert!(bytes.len() < 50_000);
            let error = decoded(encoding, &bytes, 1 << 20).expect_err("too much");
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{encoding}");
        }
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        let text = "to and fro ".repeat(1000).into_bytes();
        let [(_, gzip), ..] = packed(&text);
        assert!(decoded("gzip", &gzip[..gzip.len() / 2], text.len()).is_err());
        assert!(Decoder::of("zstd", 10).is_none());
    }
}
