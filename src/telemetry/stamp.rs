//! RFC 3339 times in UTC with milliseconds, without allocation. The part down to the second is
//! kept, since lines that follow each other mostly share it.

/// `2026-01-02T03:04:05.678Z`
const LEN: usize = 24;

/// The last second of the year 9999, after which RFC 3339 has no form.
const LATEST: u64 = 253_402_300_799;

/// A writer of times.
pub(super) struct Stamp {
    second: u64,
    text: [u8; LEN],
}

impl Stamp {
    pub(super) fn new() -> Self {
        Stamp { second: 0, text: *b"1970-01-01T00:00:00.000Z" }
    }

    /// The text of a time in Unix milliseconds.
    pub(super) fn at(&mut self, millis: u64) -> &[u8; LEN] {
        let second = (millis / 1000).min(LATEST);
        if second != self.second {
            self.second = second;
            self.write_second();
        }
        digits(&mut self.text[20..23], millis % 1000);
        &self.text
    }

    fn write_second(&mut self) {
        let (year, month, day) = civil(self.second / 86_400);
        let of_day = self.second % 86_400;
        digits(&mut self.text[0..4], year);
        digits(&mut self.text[5..7], month);
        digits(&mut self.text[8..10], day);
        digits(&mut self.text[11..13], of_day / 3600);
        digits(&mut self.text[14..16], of_day / 60 % 60);
        digits(&mut self.text[17..19], of_day % 60);
    }
}

/// Fills `place` from its end.
fn digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that
/// the leap day is the last of its year, in eras of 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    /// From 0000-03-01 to 1970-01-01.
    const EPOCH: u64 = 719_468;
    const ERA: u64 = 146_097;
    let day = days + EPOCH;
    let (era, of_era) = (day / ERA, day % ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    fn text(stamp: &mut Stamp, millis: u64) -> String {
        String::from_utf8(stamp.at(millis).to_vec()).expect("ASCII")
    }

    #[test]
    fn known_times() {
        let mut stamp = Stamp::new();
        assert_eq!(text(&mut stamp, 5), "1970-01-01T00:00:00.005Z");
        assert_eq!(text(&mut stamp, 951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(&mut stamp, 1_767_323_045_678), "2026-01-02T03:04:05.678Z");
        assert_eq!(text(&mut stamp, 4_107_542_399_999), "2100-02-28T23:59:59.999Z");
        assert!(text(&mut stamp, u64::MAX).starts_with("9999-12-31T23:59:59."));
    }

    proptest! {
        #[test]
        fn as_humantime_writes_them(times in prop::collection::vec(0..=LATEST * 1000 + 999, 1..20)) {
            let mut stamp = Stamp::new();
            for millis in times {
                let at = UNIX_EPOCH + Duration::from_millis(millis);
                prop_assert_eq!(text(&mut stamp, millis), humantime::format_rfc3339_millis(at).to_string());
            }
        }
    }
}
