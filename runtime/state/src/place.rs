//! Places: the 8-byte numbers under which keys and match values are indexed.
//! A place only names candidates; the record itself decides. Keys that follow
//! each other (serial numbers, time-ordered ids) get neighbouring places, so a
//! first copy in key order appends to the index instead of scattering over it.
//! Persisted: what is computed here may never change for a given file version.

use lockstep_core::{
    key::{Key, MatchKey},
    value::Value,
};

/// The file's secret, 16 bytes.
#[derive(Clone, Copy)]
pub(crate) struct HashKey(u64, u64);

impl HashKey {
    pub(crate) fn new(bytes: [u8; 16]) -> Self {
        let all = u128::from_le_bytes(bytes);
        HashKey(all as u64, (all >> 64) as u64)
    }

    /// Where a key at a side is filed.
    pub(crate) fn of_key(&self, key: &Key) -> i64 {
        let Some((last, rest)) = key.0.split_last() else {
            return 0;
        };
        let mut bytes = Vec::with_capacity(32);
        for value in rest {
            feed(value, &mut bytes);
        }
        let place = match last {
            Value::Int(n) if rest.is_empty() => *n as u64,
            Value::Int(n) => {
                bytes.extend((n >> 32).to_le_bytes());
                (self.hash(&bytes) << 32) | (*n as u64 & 0xFFFF_FFFF)
            }
            Value::Uuid(id) => {
                feed(last, &mut bytes);
                ((id >> 64) as u64 & !0xFFFF) | (self.hash(&bytes) & 0xFFFF)
            }
            Value::Text(text) if text.len() > 4 => {
                let (head, tail) = text.as_bytes().split_at(text.len() - 4);
                bytes.extend(head);
                let tail = tail.iter().fold(0, |n, b| n << 8 | u64::from(*b));
                (self.hash(&bytes) << 32) | tail
            }
            _ => {
                feed(last, &mut bytes);
                self.hash(&bytes)
            }
        };
        place as i64
    }

    pub(crate) fn of_match(&self, key: &MatchKey) -> i64 {
        self.hash(key.0.as_bytes()) as i64
    }

    /// SipHash-2-4 (Aumasson and Bernstein, 2012).
    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut v = [
            self.0 ^ 0x736f_6d65_7073_6575,
            self.1 ^ 0x646f_7261_6e64_6f6d,
            self.0 ^ 0x6c79_6765_6e65_7261,
            self.1 ^ 0x7465_6462_7974_6573,
        ];
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            absorb(&mut v, u64::from_le_bytes(*word));
        }
        let mut last = [0u8; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        absorb(&mut v, u64::from_le_bytes(last) | ((bytes.len() as u64 & 0xFF) << 56));
        v[2] ^= 0xFF;
        for _ in 0..4 {
            round(&mut v);
        }
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    let [a, b, c, d] = v;
    *a = a.wrapping_add(*b);
    *b = b.rotate_left(13) ^ *a;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*d);
    *d = d.rotate_left(16) ^ *c;
    *a = a.wrapping_add(*d);
    *d = d.rotate_left(21) ^ *a;
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

/// A value's bytes for hashing: a kind, a length where it varies, the content.
fn feed(value: &Value, out: &mut Vec<u8>) {
    let mut varying = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend((bytes.len() as u64).to_le_bytes());
        out.extend(bytes);
    };
    match value {
        Value::Null => varying(0, &[]),
        Value::Bool(v) => varying(1, &[u8::from(*v)]),
        Value::Int(v) => varying(2, &v.to_le_bytes()),
        Value::Decimal(v) => varying(3, v.as_bytes()),
        Value::Float(v) => {
            let bits = if v.is_nan() { f64::NAN } else { *v }.to_bits();
            varying(4, &bits.to_le_bytes());
        }
        Value::Text(v) => varying(5, v.as_bytes()),
        Value::Bytes(v) => varying(6, v),
        Value::Date(v) => varying(7, &v.to_le_bytes()),
        Value::Time(v) => varying(8, &v.to_le_bytes()),
        Value::Timestamp(v) => varying(9, &v.0.to_le_bytes()),
        Value::LocalTimestamp(v) => varying(10, &v.to_le_bytes()),
        Value::Uuid(v) => varying(11, &v.to_le_bytes()),
        Value::Json(v) => varying(12, v.as_bytes()),
        Value::List(values) => {
            varying(13, &[]);
            for value in values.iter() {
                feed(value, out);
            }
            out.push(14);
        }
        Value::Ref(v) => varying(15, &v.0.to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        let key: [u8; 16] = std::array::from_fn(|n| n as u8);
        let input: Vec<u8> = (0..15).collect();
        assert_eq!(HashKey::new(key).hash(&input), 0xa129_ca61_49be_45e5);
        assert_eq!(HashKey::new(key).hash(&[]), 0x726f_db47_dd0e_0e31);
    }

    #[test]
    fn keys_that_follow_each_other_are_filed_next_to_each_other() {
        let hash = HashKey::new([7; 16]);
        let place = |values: Vec<Value>| hash.of_key(&Key::new(values));
        assert_eq!(place(vec![Value::Int(41)]) + 1, place(vec![Value::Int(42)]));
        let tenant = || Value::text("acme");
        assert_eq!(place(vec![tenant(), Value::Int(41)]) + 1, place(vec![tenant(), Value::Int(42)]));
        assert_eq!(place(vec![Value::text("0035e00000AbCdE")]) + 1, place(vec![Value::text("0035e00000AbCdF")]));
    }

    #[test]
    fn different_keys_are_filed_apart() {
        let hash = HashKey::new([7; 16]);
        let keys = [
            vec![Value::text("ab"), Value::text("c")],
            vec![Value::text("a"), Value::text("bc")],
            vec![Value::Null, Value::text("abc")],
            vec![Value::Bool(true)],
            vec![Value::Uuid(1)],
            vec![Value::Uuid(2)],
            vec![Value::Int(1), Value::Int(1 << 40)],
            vec![Value::Int(1), Value::Int(2 << 40)],
        ];
        let mut places: Vec<i64> = keys.iter().map(|key| hash.of_key(&Key::new(key.clone()))).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), keys.len());
    }
}
