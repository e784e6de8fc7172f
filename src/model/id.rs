//! Ids that the gateway draws itself: of users, service accounts, groups, roles, bindings, tokens,
//! invitations. Knows no source of randomness.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The digits of base 62, in the order of their bytes: so ids sort alike as numbers and as text.
pub(super) const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 128 random bits, written as 22 digits of base 62 (as Kestra's ids are).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(u128);

/// A text that is no [`Id`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is {} of the letters A-Z and a-z and the digits 0-9", Id::LEN)]
pub struct ParseIdError;

impl Id {
    /// Characters of the text.
    pub const LEN: usize = 22;

    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Id(u128::from_be_bytes(bytes))
    }

    fn digits(self) -> [u8; Self::LEN] {
        let mut digits = [b'0'; Self::LEN];
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[usize::try_from(rest % 62).unwrap_or_default()];
            rest /= 62;
        }
        digits
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ASCII by construction.
        f.pad(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != Self::LEN {
            return Err(ParseIdError);
        }
        let value = text.bytes().try_fold(0_u128, |value, byte| {
            let digit = DIGITS.binary_search(&byte).ok()?;
            value.checked_mul(62)?.checked_add(digit as u128)
        });
        value.map(Id).ok_or(ParseIdError)
    }
}

impl TryFrom<String> for Id {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.to_string()
    }
}

/// Base 62 of random bytes: what secrets are written in. Each byte gives one digit; bytes that
/// would favour some digits are passed over. None when there were too few.
pub fn base62(random: impl IntoIterator<Item = u8>, digits: usize) -> Option<String> {
    let drawn = random.into_iter().filter(|byte| *byte < 248);
    let text: String = drawn.map(|byte| char::from(DIGITS[usize::from(byte % 62)])).take(digits).collect();
    (text.len() == digits).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_round_trip_and_sort_as_their_texts(a in any::<[u8; 16]>(), b in any::<[u8; 16]>()) {
            let (a, b) = (Id::from_random(a), Id::from_random(b));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn no_text_has_two_readings(text in "[0-9A-Za-z]{20,23}") {
            if let Ok(id) = text.parse::<Id>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_too_large_or_strange_is_no_id() {
        for bad in ["", "zzzzzzzzzzzzzzzzzzzzzz", "000000000000000000000", "00000000000000000000_0"] {
            assert_eq!(bad.parse::<Id>(), Err(ParseIdError), "{bad:?}");
        }
    }

    #[test]
    fn base62_needs_enough_bytes() {
        assert_eq!(base62([0, 61, 62, 255, 247], 4).as_deref(), Some("0z0z"));
        assert_eq!(base62([255; 9], 1), None);
    }
}
