//! Networks of IP addresses as operators write them: `10.0.0.0/8`. Knows no socket.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address prefix (RFC 4632, RFC 4291 §2.3). An address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// Its bits behind the prefix are zero.
    first: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("{0:?} is no network: write an address and a prefix length, such as 10.0.0.0/8 or fd00::/8")]
    Form(String),
    #[error("a prefix of {0} is too long: at most 32 for IPv4, 128 for IPv6")]
    Prefix(u8),
    #[error("this address has bits behind its prefix: the network is {0}")]
    Bits(Network),
}

impl Network {
    /// The network of this prefix in which an address lies; none when the prefix is too long for it.
    pub fn around(address: IpAddr, prefix: u8) -> Option<Self> {
        let length = length(address);
        let kept = |bits: u128| match length - u32::from(prefix) {
            128 => 0,
            behind => bits >> behind << behind,
        };
        let first = match address {
            _ if u32::from(prefix) > length => return None,
            // What is kept of 32 bits fits 32 bits.
            IpAddr::V4(v4) => IpAddr::V4(u32::try_from(kept(u128::from(v4.to_bits()))).ok()?.into()),
            IpAddr::V6(v6) => IpAddr::V6(kept(v6.to_bits()).into()),
        };
        Some(Network { first, prefix })
    }

    /// IPv4 and IPv6 are apart: no IPv6 network has an IPv4 address in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        Network::around(address, self.prefix) == Some(*self)
    }
}

fn length(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let form = || NetworkError::Form(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| form())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| form())?
            }
            Some(_) => return Err(form()),
            None => whole,
        };
        match Network::around(address, prefix) {
            None => Err(NetworkError::Prefix(prefix)),
            Some(network) if network.first != address => Err(NetworkError::Bits(network)),
            Some(network) => Ok(network),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Network {
        text.parse().expect(text)
    }

    #[test]
    fn networks_are_read_and_shown() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::/0", "::/0"),
            ("FD00::/8", "fd00::/8"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(network(text).to_string(), shown);
        }
        for text in
            ["", "10/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "localhost", "10.0.0.0/999", " ::1"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Form(text.to_owned())));
        }
        assert_eq!("10.0.0.0/33".parse::<Network>(), Err(NetworkError::Prefix(33)));
        assert_eq!("::/129".parse::<Network>(), Err(NetworkError::Prefix(129)));
        assert_eq!("10.1.0.0/8".parse::<Network>(), Err(NetworkError::Bits(network("10.0.0.0/8"))));
    }

    #[test]
    fn edges_lie_inside() {
        let has = |net: &str, address: &str| network(net).contains(address.parse().expect(address));
        assert!(has("172.16.0.0/12", "172.16.0.0") && has("172.16.0.0/12", "172.31.255.255"));
        assert!(!has("172.16.0.0/12", "172.15.255.255") && !has("172.16.0.0/12", "172.32.0.0"));
        assert!(has("fc00::/7", "fdff::1") && !has("fc00::/7", "fe00::"));
        assert!(has("0.0.0.0/0", "255.255.255.255") && has("::/0", "::ffff:10.0.0.1"));
        assert!(!has("::/0", "10.0.0.1") && !has("0.0.0.0/0", "::"));
    }

    proptest! {
        #[test]
        fn a_network_has_what_shares_its_bits(one in any::<u32>(), other in any::<u32>(), prefix in 0..=32_u8) {
            let around = Network::around(IpAddr::V4(one.into()), prefix).expect("it is short enough");
            let shared = u32::from(prefix) <= (one ^ other).leading_zeros();
            prop_assert_eq!(around.contains(IpAddr::V4(other.into())), shared);
            prop_assert_eq!(around.to_string().parse(), Ok(around));
        }

        #[test]
        fn in_ipv6_too(one in any::<u128>(), flipped in 0..128_u32, prefix in 0..=128_u8) {
            let around = Network::around(IpAddr::V6(one.into()), prefix).expect("it is short enough");
            let other = one ^ (1 << flipped);
            let shared = u32::from(prefix) < 128 - flipped;
            prop_assert_eq!(around.contains(IpAddr::V6(other.into())), shared);
        }
    }
}
