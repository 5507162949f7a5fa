//! What kind of place an IP address is. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much of a grant an address needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anyone's: a grant of its name is enough.
    Public,
    /// This machine.
    Loopback,
    /// A private network: granted by address or range only.
    Private,
    /// Link-local (cloud metadata lives there), unspecified, multicast, reserved: granted only by this very
    /// address.
    Special,
}

/// The address that a connection would really go to: IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4)
/// is taken out.
pub fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    let s = v6.segments();
    let low = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // ::a.b.c.d, long deprecated; :: and ::1 are themselves.
        [0, 0, 0, 0, 0, 0, high, last] if high != 0 => low(high, last),
        // NAT64: 64:ff9b::/96 (RFC 6052) and the local 64:ff9b:1::/48 (RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, high, last] => low(high, last),
        [0x64, 0xff9b, 1, _, _, _, high, last] => low(high, last),
        // 6to4 (RFC 3056).
        [0x2002, high, last, ..] => low(high, last),
        _ => address,
    }
}

/// Where an address lies, forms taken apart first.
pub fn reach(address: IpAddr) -> Reach {
    match canonical(address) {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(v4: Ipv4Addr) -> Reach {
    let [a, b, c, _] = v4.octets();
    match (a, b, c) {
        (127, ..) => Reach::Loopback,
        (10, ..) | (192, 168, _) => Reach::Private,
        (172, 16..=31, _) => Reach::Private,
        // Carrier-grade NAT (RFC 6598) also carries overlay networks.
        (100, 64..=127, _) => Reach::Private,
        (0, ..) | (169, 254, _) | (224.., ..) => Reach::Special,
        // IETF protocol assignments, documentation, benchmarking.
        (192, 0, 0 | 2) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => Reach::Special,
        _ => Reach::Public,
    }
}

fn reach_v6(v6: Ipv6Addr) -> Reach {
    if v6 == Ipv6Addr::LOCALHOST {
        return Reach::Loopback;
    }
    let s = v6.segments();
    // AWS answers metadata at fd00:ec2::254, inside the private range.
    if s[0] == 0xfd00 && s[1] == 0x0ec2 {
        return Reach::Special;
    }
    match s[0] {
        0xfc00..=0xfdff => Reach::Private,
        // Global unicast, less Teredo (which carries an obfuscated IPv4 address) and documentation.
        0x2000..=0x3fff => match (s[0], s[1]) {
            (0x2001, 0x0000 | 0x0db8) => Reach::Special,
            _ => Reach::Public,
        },
        _ => Reach::Special,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Reach {
        reach(text.parse().expect("an address"))
    }

    #[test]
    fn metadata_is_special_in_every_notation() {
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "fe80::1",
        ] {
            assert_eq!(of(text), Reach::Special, "{text}");
        }
    }

    #[test]
    fn loopback_hides_in_no_notation() {
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert_eq!(of(text), Reach::Loopback, "{text}");
        }
    }

    #[test]
    fn private_ranges_end_where_they_end() {
        for (text, expected) in [
            ("10.255.255.255", Reach::Private),
            ("11.0.0.0", Reach::Public),
            ("172.15.255.255", Reach::Public),
            ("172.16.0.0", Reach::Private),
            ("172.31.255.255", Reach::Private),
            ("172.32.0.0", Reach::Public),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("fd12:3456::1", Reach::Private),
            ("2606:4700::1111", Reach::Public),
            ("0.0.0.0", Reach::Special),
            ("::", Reach::Special),
            ("255.255.255.255", Reach::Special),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
