//! What is trusted of an issuer, and how often that is fetched anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Algorithm, KeyId, PublicKey, Slug, TenantId, Timestamp};

/// The keys of an issuer by its last good document. They are trusted for as long as no newer one
/// says otherwise, however long the provider is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerKeys {
    /// The issuer's owner and id.
    pub owner: Option<TenantId>,
    pub issuer: Slug,
    /// No id twice.
    pub keys: Vec<HeldKey>,
    pub fetched_at: Timestamp,
}

/// A key that an issuer publishes, or has published until lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldKey {
    pub id: KeyId,
    pub public: PublicKey,
    pub algorithm: Algorithm,
    /// From when on it is not trusted, once a document lacked it.
    pub until: Option<Timestamp>,
}

/// How often an issuer's keys are fetched, and how long a withdrawn one is trusted. In seconds;
/// made by [`Pace::new`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    interval: u32,
    min_interval: u32,
    grace: u32,
}

/// Which rule of [`Pace`] is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaceError {
    #[error("the refresh interval is 1 s to 7 days, and no shorter than the shortest one")]
    Interval,
    #[error("the shortest refresh interval is 1 s to 1 day")]
    MinInterval,
    #[error("the grace of withdrawn keys is at most 7 days")]
    Grace,
}

impl Pace {
    const DAY: u32 = 24 * 60 * 60;

    /// In whole seconds; fractions are cut off.
    pub fn new(interval: Duration, min_interval: Duration, grace: Duration) -> Result<Self, PaceError> {
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let (interval, min_interval, grace) = (seconds(interval), seconds(min_interval), seconds(grace));
        if !(1..=Self::DAY).contains(&min_interval) {
            return Err(PaceError::MinInterval);
        }
        if !(min_interval..=7 * Self::DAY).contains(&interval) {
            return Err(PaceError::Interval);
        }
        match grace <= 7 * Self::DAY {
            true => Ok(Pace { interval, min_interval, grace }),
            false => Err(PaceError::Grace),
        }
    }

    /// Between two fetches when nothing is amiss.
    pub fn interval(self) -> Duration {
        Duration::from_secs(self.interval.into())
    }

    /// Between any two fetches.
    pub fn min_interval(self) -> Duration {
        Duration::from_secs(self.min_interval.into())
    }

    /// How long a key is trusted after the first document that lacks it.
    pub fn grace(self) -> Duration {
        Duration::from_secs(self.grace.into())
    }
}

impl Default for Pace {
    /// Every hour, at most every minute; ten minutes' grace.
    fn default() -> Self {
        Pace { interval: 60 * 60, min_interval: 60, grace: 10 * 60 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_bounded() {
        let pace = |interval, min_interval, grace| {
            let [interval, min_interval, grace] = [interval, min_interval, grace].map(Duration::from_secs);
            Pace::new(interval, min_interval, grace)
        };
        assert_eq!(pace(3600, 60, 600), Ok(Pace::default()));
        assert!(pace(1, 1, 0).is_ok() && pace(604_800, 86_400, 604_800).is_ok());
        for (bad, fault) in [
            (pace(60, 0, 0), PaceError::MinInterval),
            (pace(604_800, 86_401, 0), PaceError::MinInterval),
            (pace(59, 60, 0), PaceError::Interval),
            (pace(604_801, 60, 0), PaceError::Interval),
            (pace(u64::MAX, 60, 0), PaceError::Interval),
            (pace(60, 60, 604_801), PaceError::Grace),
        ] {
            assert_eq!(bad, Err(fault));
        }
    }
}
