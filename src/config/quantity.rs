//! Quantities as written: durations, sizes, counts. Knows no key.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::problem::{Place, Report, quoted};
use super::read::{Read, mismatch, shape};
use super::word::Word;
use super::yaml::{Node, Value};

/// A duration of at least `LEAST` milliseconds and at most a year.
#[derive(Clone, Copy)]
pub(super) struct Time<const LEAST: u64>(pub Duration);

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl<const LEAST: u64> Word for Time<LEAST> {
    const WHAT: &'static str = "a duration with its unit, such as 10s or 1m 30s";

    fn word(text: &str) -> Result<Self, String> {
        let time = humantime::parse_duration(text).map_err(|_| {
            format!("{} is no duration; write one such as 500ms, 10s or 1m 30s", quoted(text))
        })?;
        if time < Duration::from_millis(LEAST) || time > YEAR {
            return Err(format!("{} is out of range: {LEAST}ms to 365days", quoted(text)));
        }
        Ok(Time(time))
    }
}

shape!([const LEAST: u64] Time<LEAST>, |_generator| {
    json_schema!({ "type": "string", "x-unit": "duration", "examples": ["500ms", "10s", "1m 30s"] })
});

/// How long something is kept: for ever when none.
#[derive(Clone, Copy)]
pub(super) struct Retention(pub Option<Duration>);

const DAY: Duration = Duration::from_hours(24);

impl Word for Retention {
    const WHAT: &'static str = "none or a duration with its unit, such as 365d";

    fn word(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Retention(None));
        }
        let time = humantime::parse_duration(text)
            .map_err(|_| format!("{} is no duration; write one such as 365d, or none", quoted(text)))?;
        match time {
            Duration::ZERO => Ok(Retention(None)),
            time if time < DAY || time > 100 * YEAR => {
                Err(format!("{} is out of range: 1d to 36500d, or none", quoted(text)))
            }
            time => Ok(Retention(Some(time))),
        }
    }
}

shape!([] Retention, |_generator| {
    json_schema!({ "type": "string", "x-unit": "duration", "examples": ["none", "30d", "365d"] })
});

/// A number of bytes from `LEAST` to `MOST`: `64KiB`, or a plain number.
#[derive(Clone, Copy)]
pub(super) struct Size<const LEAST: u64, const MOST: u64>(pub u64);

const SIZE: &str = "a number of bytes such as 65536 or 64KiB";

impl<const LEAST: u64, const MOST: u64> Read for Size<LEAST, MOST> {
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
        let bytes = match &node.value {
            Value::Whole(number) => *number,
            Value::Text(text) => match bytes(text) {
                Some(bytes) => bytes,
                None => {
                    report.add(place, format!("{} is no size; write {SIZE}", quoted(text)));
                    return None;
                }
            },
            _ => {
                mismatch(SIZE, node, place, report);
                return None;
            }
        };
        in_range(bytes, LEAST, MOST, place, report).map(Size)
    }
}

fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    let (number, factor) = units
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap_or((text, 1));
    let number = number.trim_end();
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| number.parse::<u64>().ok()?.checked_mul(factor)).flatten()
}

shape!([const LEAST: u64, const MOST: u64] Size<LEAST, MOST>, |_generator| {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": LEAST, "maximum": MOST },
            { "type": "string", "pattern": "^[0-9]+ *(B|KiB|MiB|GiB)?$" },
        ],
        "x-unit": "bytes",
    })
});

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy)]
pub(super) struct Count<const LEAST: u64, const MOST: u64>(pub u64);

impl<const LEAST: u64, const MOST: u64> Read for Count<LEAST, MOST> {
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
        let Value::Whole(number) = node.value else {
            mismatch("a whole number", node, place, report);
            return None;
        };
        in_range(number, LEAST, MOST, place, report).map(Count)
    }
}

shape!([const LEAST: u64, const MOST: u64] Count<LEAST, MOST>, |_generator| {
    json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
});

fn in_range(number: u64, least: u64, most: u64, place: &Place, report: &mut Report) -> Option<u64> {
    if (least..=most).contains(&number) {
        return Some(number);
    }
    report.add(place, format!("{number} is out of range: {least} to {most}"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, size) in [("0", 0), ("64KiB", 65_536), ("1 MiB", 1 << 20), ("7B", 7), ("2GiB", 2 << 30)] {
            assert_eq!(bytes(text), Some(size), "{text:?}");
        }
        for bad in
            ["", "KiB", "64kb", "-1", "1.5MiB", "0x10", "99999999999999999999", "99999999999999GiB", "+1"]
        {
            assert_eq!(bytes(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn durations_have_units_and_bounds() {
        let read = |text| Time::<1>::word(text).map(|time| time.0);
        assert_eq!(read("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(read("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["", "10", "-1s", "0s", "1ns", "400days", "99999999999999999999s", "ten seconds"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(Time::<0>::word("0s").is_ok());
    }

    #[test]
    fn what_is_kept_is_kept_for_a_day_at_least_or_for_ever() {
        let read = |text| Retention::word(text).map(|retention| retention.0);
        assert_eq!(read("none"), Ok(None));
        assert_eq!(read("0s"), Ok(None));
        assert_eq!(read("365d"), Ok(Some(YEAR)));
        assert_eq!(read("10years"), Ok(Some(Duration::from_secs(315_576_000))));
        for bad in ["", "365", "23h", "never", "101years", "-1d"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
