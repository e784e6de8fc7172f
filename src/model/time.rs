//! Points in time as records keep them. Knows no clock: time is an argument everywhere else.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The wall clock, read once per request or write by whoever starts it.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Reads RFC 3339 in UTC, `2026-01-31T12:00:00Z`, fractions to the millisecond. None for anything
    /// else, and for what was before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let since = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok().map(Timestamp)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Timestamp(millis)
    }

    pub const fn from_seconds(seconds: u64) -> Self {
        Timestamp(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: a `NumericDate` of RFC 7519 §2.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }
}

/// RFC 3339 with milliseconds, in UTC; what the admin port and the CLI show.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The last second of the year 9999, after which RFC 3339 has no form.
        const LATEST_MILLIS: u64 = 253_402_300_799_999;
        let at = UNIX_EPOCH + Duration::from_millis(self.0.min(LATEST_MILLIS));
        humantime::format_rfc3339_millis(at).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_rfc3339() {
        assert_eq!(Timestamp::from_seconds(1_633_088_451).to_string(), "2021-10-01T11:40:51.000Z");
        assert_eq!(Timestamp::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn reads_what_it_shows() {
        let at = Timestamp::from_millis(1_633_088_451_042);
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse("2021-10-01T11:40:51Z"), Some(Timestamp::from_seconds(1_633_088_451)));
        for bad in [
            "",
            "now",
            "2021-10-01",
            "2021-10-01T11:40:51+02:00",
            "1969-12-31T23:59:59Z",
            "2021-13-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad:?}");
        }
    }
}
