//! Request ids: kept when a caller's is sane, made otherwise. They tell requests apart and prove
//! nothing, so they need no system call each.

use std::cell::Cell;

use http::{HeaderMap, HeaderName, HeaderValue};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is kept.
const MAX: usize = 128;

/// One thread's source of ids: 128 bits, in hexadecimal.
pub struct RequestIds {
    state: Cell<u64>,
    /// Tells this thread's ids from those of all others.
    prefix: u64,
}

impl RequestIds {
    /// Fails only when the machine has no randomness to give.
    pub fn new() -> Result<Self, getrandom::Error> {
        Ok(RequestIds { state: Cell::new(getrandom::u64()?), prefix: getrandom::u64()? })
    }

    pub fn next(&self) -> HeaderValue {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mut text = [0; 32];
        write_hex(self.prefix, &mut text[..16]);
        write_hex(mix(state), &mut text[16..]);
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("-"))
    }
}

/// The caller's own id, if there is one and it can go into logs and headers as it is.
pub fn sane(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut ids = headers.get_all(REQUEST_ID).iter();
    let first = ids.next().filter(|id| is_sane(id))?;
    ids.next().is_none().then(|| first.clone())
}

fn is_sane(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=MAX).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn write_hex(value: u64, text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (place, digit) in text.iter_mut().rev().enumerate() {
        let [_, .., low] = (value >> (4 * place)).to_be_bytes();
        *digit = DIGITS[usize::from(low & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_sane() {
        let ids = RequestIds::new().expect("randomness");
        let made: std::collections::HashSet<_> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(made.len(), 1000);
        assert!(made.iter().all(is_sane));
    }

    #[test]
    fn what_could_harm_a_log_is_not_kept() {
        for bad in ["", "a b", "a\"b", "a=b", &"a".repeat(129)] {
            assert!(!is_sane(&HeaderValue::from_str(bad).expect("a header value")), "{bad:?}");
        }
    }
}
