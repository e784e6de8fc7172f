//! How long something is good for, as people and Kestra's clients write it. Knows no clock.

use std::fmt;
use std::str::FromStr;

/// How long a token is good for: whole seconds, 1 to [`MaxAge::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxAge(u64);

/// A text that is no [`MaxAge`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaxAgeError {
    #[error(
        "{0:?} is no duration in whole seconds: expected ISO 8601 with days, hours, minutes and seconds, such as \
         P30D or PT1H30M, or a text such as \"30d\" or \"1h 30m\""
    )]
    Form(String),
    #[error("is at least a second and at most 36500 days")]
    Bounds,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The units of ISO 8601 of which each has a fixed length, in the order in which they stand: before
/// the `T`, and after it.
const DATE: &[(u8, u64)] = &[(b'W', 7 * DAY), (b'D', DAY)];
const TIME: &[(u8, u64)] = &[(b'H', HOUR), (b'M', MINUTE), (b'S', 1)];

impl MaxAge {
    /// A hundred years of 365 days, in seconds: dates stay within what RFC 3339 can say.
    pub const MOST: u64 = 36_500 * DAY;

    pub fn new(seconds: u64) -> Result<Self, MaxAgeError> {
        match (1..=Self::MOST).contains(&seconds) {
            true => Ok(MaxAge(seconds)),
            false => Err(MaxAgeError::Bounds),
        }
    }

    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for MaxAge {
    type Err = MaxAgeError;

    /// A text that begins with P is ISO 8601 §5.5.2, without years and months, whose length nobody
    /// knows; any other is read as `humantime` does.
    fn from_str(text: &str) -> Result<Self, MaxAgeError> {
        let form = || MaxAgeError::Form(text.to_owned());
        let seconds = match text.as_bytes() {
            [b'P' | b'p', rest @ ..] => iso(&rest.to_ascii_uppercase()).ok_or_else(form)?,
            _ => {
                let duration = humantime::parse_duration(text).map_err(|_| form())?;
                Some(duration.as_secs()).filter(|_| duration.subsec_nanos() == 0).ok_or_else(form)?
            }
        };
        MaxAge::new(seconds)
    }
}

/// What stands after the `P`, in upper case. Sums that do not fit are as large as can be.
fn iso(text: &[u8]) -> Option<u64> {
    let t = text.iter().position(|byte| *byte == b'T');
    let (date, time) = match t {
        None => (text, None),
        Some(t) => (&text[..t], Some(&text[t + 1..])),
    };
    if time.map_or(date, |time| time).is_empty() {
        return None;
    }
    Some(parts(date, DATE)?.saturating_add(parts(time.unwrap_or_default(), TIME)?))
}

/// The sum of numbers with units after them, each unit at most once and in order.
fn parts(mut text: &[u8], mut units: &[(u8, u64)]) -> Option<u64> {
    let mut sum = 0_u64;
    while !text.is_empty() {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = text.split_at(digits);
        let number = std::str::from_utf8(number).ok().filter(|digits| !digits.is_empty())?;
        let (unit, rest) = rest.split_first()?;
        let at = units.iter().position(|(letter, _)| letter == unit)?;
        // Only too large a number fails here, as it is all digits.
        let number = number.parse().unwrap_or(u64::MAX);
        sum = sum.saturating_add(units[at].1.saturating_mul(number));
        (text, units) = (rest, &units[at + 1..]);
    }
    Some(sum)
}

/// ISO 8601 in the fewest units: `P30D`, `PT1H30M`, `P1DT1S`.
impl fmt::Display for MaxAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        let (days, mut rest) = (self.0 / DAY, self.0 % DAY);
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest > 0 {
            f.write_str("T")?;
        }
        for (letter, seconds) in TIME {
            if rest >= *seconds {
                write!(f, "{}{}", rest / seconds, char::from(*letter))?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_spellings_are_read() {
        for (text, seconds) in [
            ("PT1H", HOUR),
            ("PT8H", 8 * HOUR),
            ("P1D", DAY),
            ("P30D", 30 * DAY),
            ("P365D", 365 * DAY),
            ("P2W", 14 * DAY),
            ("P1DT2H3M4S", DAY + 2 * HOUR + 3 * MINUTE + 4),
            ("pt90m", 90 * MINUTE),
            ("30d", 30 * DAY),
            ("1h 30m", 90 * MINUTE),
            ("1s", 1),
        ] {
            assert_eq!(text.parse().map(MaxAge::seconds), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_has_no_fixed_length_is_refused() {
        for bad in [
            "",
            "P",
            "PT",
            "P1DT",
            "P1Y",
            "P1M",
            "P1",
            "PD",
            "P1H",
            "PT1D",
            "PT1S1H",
            "PT1H1H",
            "P-1D",
            "PT1.5S",
            "1500ms",
            "30",
            "-1d",
            "P1D ",
            " P1D",
            "\u{661}d",
            "P\u{661}D",
        ] {
            assert_eq!(bad.parse::<MaxAge>(), Err(MaxAgeError::Form(bad.to_owned())), "{bad:?}");
        }
        for bad in ["PT0S", "P0D", "0s", "P36500DT1S", "PT99999999999999999999S", "P99999999999999999W"] {
            assert_eq!(bad.parse::<MaxAge>(), Err(MaxAgeError::Bounds), "{bad:?}");
        }
        assert!("P36500D".parse::<MaxAge>().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 1..=MaxAge::MOST) {
            let age = MaxAge::new(seconds).expect("within bounds");
            prop_assert_eq!(age.to_string().parse(), Ok(age));
            prop_assert_eq!(format!("{seconds}s").parse(), Ok(age));
        }

        #[test]
        fn the_parts_are_summed(w in 0..99_u64, d in 0..999_u64, h in 0..999_u64, m in 0..9999_u64, s in 1..9999_u64) {
            let sum = w * 7 * DAY + d * DAY + h * HOUR + m * MINUTE + s;
            prop_assert_eq!(format!("P{w}W{d}DT{h}H{m}M{s}S").parse().map(MaxAge::seconds), Ok(sum));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "[Pp]?[0-9WDTHMSY.-]{0,30}|.{0,20}") {
            let _ = text.parse::<MaxAge>();
        }
    }
}
