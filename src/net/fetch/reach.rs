//! Which addresses may be dialled on somebody's behalf: public ones, and what the operator allows.
//! A URL from a tenant must not reach what only the gateway's own machine or network can.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Network;

/// What the operator allows beyond public addresses and TLS. By default nothing.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Networks that may be dialled although they are not public.
    pub networks: Vec<Network>,
    /// Whether `http://` may be fetched: whoever is on the way can then replace what is read.
    pub http: bool,
}

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved(&'static str);

/// Such as `loopback`.
impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Policy {
    /// Whether an address may be dialled.
    pub fn judge(&self, address: IpAddr) -> Result<(), Reserved> {
        let inner = embedded(address).map(IpAddr::V4);
        let listed = |address| self.networks.iter().any(|network| network.contains(address));
        match reserved(address) {
            Some(_) if listed(address) || inner.is_some_and(listed) => Ok(()),
            Some(why) => Err(why),
            None => Ok(()),
        }
    }
}

/// IPv4 that is not public (IANA's registry of special-purpose addresses, RFC 6890), and the one
/// public address that clouds use for their metadata.
const RESERVED_V4: [([u8; 4], u8, Reserved); 17] = [
    ([0, 0, 0, 0], 8, Reserved("this host")),
    ([10, 0, 0, 0], 8, Reserved("private")),
    ([100, 64, 0, 0], 10, Reserved("carrier-grade NAT")),
    ([127, 0, 0, 0], 8, Reserved("loopback")),
    ([168, 63, 129, 16], 32, Reserved("cloud metadata")),
    ([169, 254, 0, 0], 16, Reserved("link-local")),
    ([172, 16, 0, 0], 12, Reserved("private")),
    ([192, 0, 0, 0], 24, Reserved("protocol assignments")),
    ([192, 0, 2, 0], 24, Reserved("documentation")),
    ([192, 88, 99, 0], 24, Reserved("6to4 relay")),
    ([192, 168, 0, 0], 16, Reserved("private")),
    ([198, 18, 0, 0], 15, Reserved("benchmarking")),
    ([198, 51, 100, 0], 24, Reserved("documentation")),
    ([203, 0, 113, 0], 24, Reserved("documentation")),
    ([224, 0, 0, 0], 4, Reserved("multicast")),
    ([255, 255, 255, 255], 32, Reserved("broadcast")),
    ([240, 0, 0, 0], 4, Reserved("reserved")),
];

/// IPv6 outside 2000::/3, by its names, and what is not public inside.
const RESERVED_V6: [([u16; 8], u8, Reserved); 10] = [
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Reserved("unspecified")),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Reserved("loopback")),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Reserved("link-local")),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Reserved("site-local")),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Reserved("unique local")),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Reserved("multicast")),
    // Teredo among them, which wraps an IPv4 address.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Reserved("protocol assignments")),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Reserved("documentation")),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Reserved("documentation")),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Reserved("local translation")),
];

fn reserved(address: IpAddr) -> Option<Reserved> {
    match (address, embedded(address)) {
        (IpAddr::V4(v4), _) | (IpAddr::V6(_), Some(v4)) => reserved_v4(v4),
        (IpAddr::V6(v6), None) => reserved_v6(v6),
    }
}

fn reserved_v4(address: Ipv4Addr) -> Option<Reserved> {
    let within = |first: [u8; 4], prefix| Network::around(first.into(), prefix);
    let inside = |network: Network| network.contains(address.into());
    RESERVED_V4
        .into_iter()
        .find(|(first, prefix, _)| within(*first, *prefix).is_some_and(inside))
        .map(|(.., why)| why)
}

fn reserved_v6(address: Ipv6Addr) -> Option<Reserved> {
    let within = |first: [u16; 8], prefix| Network::around(first.into(), prefix);
    let inside = |network: Network| network.contains(address.into());
    let named =
        RESERVED_V6.into_iter().find(|(first, prefix, _)| within(*first, *prefix).is_some_and(inside));
    match named {
        Some((.., why)) => Some(why),
        // Only 2000::/3 is given out (RFC 4291 §2.4).
        None if address.segments()[0] >> 13 != 1 => Some(Reserved("not global")),
        None => None,
    }
}

/// The IPv4 address that is reached through an IPv6 one: mapped and compatible (RFC 4291 §2.5.5),
/// translated (RFC 2765 §2.1), NAT64 (RFC 6052 §2.1), 6to4 (RFC 3056 §2).
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    match v6.segments() {
        // `::` and `::1` are addresses in their own right.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(policy: &Policy, address: &str) -> Option<String> {
        policy.judge(address.parse().expect(address)).err().map(|why| why.to_string())
    }

    #[test]
    fn what_is_not_public_is_refused_in_every_spelling() {
        let policy = Policy::default();
        for (address, why) in [
            ("0.0.0.0", "this host"),
            ("0.1.2.3", "this host"),
            ("10.255.255.255", "private"),
            ("100.100.100.200", "carrier-grade NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.0.1", "loopback"),
            ("168.63.129.16", "cloud metadata"),
            ("169.254.169.254", "link-local"),
            ("172.31.0.1", "private"),
            ("192.0.0.192", "protocol assignments"),
            ("192.168.1.1", "private"),
            ("198.19.0.1", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("250.1.1.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("fd00:ec2::254", "unique local"),
            ("fc00::1", "unique local"),
            ("ff02::1", "multicast"),
            ("2001::1", "protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("3fff::1", "documentation"),
            ("100::1", "not global"),
            ("5f00::1", "not global"),
            ("64:ff9b:1::a00:1", "local translation"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:a9fe:a9fe", "link-local"),
            ("::127.0.0.1", "loopback"),
            ("::ffff:0:10.0.0.1", "private"),
            ("2002:7f00:1::", "loopback"),
            ("2002:c0a8:101::1", "private"),
            ("64:ff9b::169.254.169.254", "link-local"),
            ("64:ff9b::10.0.0.1", "private"),
        ] {
            assert_eq!(judged(&policy, address).as_deref(), Some(why), "{address}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.169.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00::1",
            "2001:200::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert_eq!(judged(&Policy::default(), address), None, "{address}");
        }
    }

    #[test]
    fn what_the_operator_lists_passes_and_nothing_else() {
        let networks = ["127.0.0.0/8", "10.1.0.0/16", "fd00::/8"].map(|text| text.parse().expect(text));
        let policy = Policy { networks: networks.into(), http: false };
        for address in
            ["127.0.0.1", "::ffff:127.0.0.1", "10.1.255.1", "64:ff9b::10.1.0.1", "fd12::1", "8.8.8.8"]
        {
            assert_eq!(judged(&policy, address), None, "{address}");
        }
        for address in ["::1", "10.2.0.1", "::ffff:10.2.0.1", "fc00::1", "169.254.169.254", "0.0.0.0"] {
            assert!(judged(&policy, address).is_some(), "{address}");
        }
        let all = Policy { networks: vec!["0.0.0.0/0".parse().expect("a network")], http: false };
        assert_eq!(judged(&all, "127.0.0.1"), None);
        assert!(judged(&all, "::1").is_some());
    }

    proptest! {
        #[test]
        fn wrapping_an_address_changes_no_verdict(bits in any::<u32>()) {
            let (inner, policy) = (Ipv4Addr::from_bits(bits), Policy::default());
            let [a, b, c, d] = inner.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let expected = policy.judge(inner.into()).is_ok();
            for wrapped in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            ] {
                prop_assert_eq!(policy.judge(wrapped.into()).is_ok(), expected, "{}", wrapped);
            }
        }

        #[test]
        fn agrees_with_what_std_knows(bits in any::<u32>(), wide in any::<u128>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
            prop_assert!(!special || Policy::default().judge(v4.into()).is_err());
            let v6 = Ipv6Addr::from_bits(wide);
            let special = v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local();
            prop_assert!(!special || Policy::default().judge(v6.into()).is_err());
        }
    }
}
