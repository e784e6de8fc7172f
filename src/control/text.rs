//! Texts that people and tokens carry, once they have passed the rule for them.

use std::time::Duration;

use crate::model::TrustedKey;
use crate::telemetry::is_unsafe;

/// Which rule a text broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("must not be empty")]
    Empty,
    #[error("has at most {most} characters, this one has {found}")]
    TooLong { most: usize, found: usize },
    #[error("must not have control characters, nor such as hide or turn text; character {0} is one")]
    Control(usize),
    #[error("must not begin or end with white space")]
    Blank,
}

/// One line of 1 to `MOST` characters without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line<const MOST: usize>(String);

/// What people call a tenant.
pub type Name = Line<255>;
/// What a label of a tenant is called.
pub type LabelName = Line<63>;
/// A claim's name, or a value that a claim must have.
pub type Claim = Line<1024>;

impl<const MOST: usize> Line<MOST> {
    pub fn parse(text: String) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        bounded(&text, MOST, |_| false)?;
        match text.trim() == text {
            true => Ok(Line(text)),
            false => Err(TextError::Blank),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> From<Line<MOST>> for String {
    fn from(line: Line<MOST>) -> String {
        line.0
    }
}

/// What people write about a record: at most 4096 characters, lines and tabs allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prose(String);

impl Prose {
    pub fn parse(text: String) -> Result<Self, TextError> {
        bounded(&text, 4096, |c| matches!(c, '\n' | '\r' | '\t'))?;
        Ok(Prose(text))
    }
}

impl From<Prose> for String {
    fn from(prose: Prose) -> String {
        prose.0
    }
}

/// What a label says: at most 255 characters without control characters; may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelValue(String);

impl LabelValue {
    pub fn parse(text: String) -> Result<Self, TextError> {
        bounded(&text, 255, |_| false)?;
        Ok(LabelValue(text))
    }
}

impl From<LabelValue> for String {
    fn from(value: LabelValue) -> String {
        value.0
    }
}

fn bounded(text: &str, most: usize, exempt: impl Fn(char) -> bool) -> Result<(), TextError> {
    let found = text.chars().count();
    if found > most {
        return Err(TextError::TooLong { most, found });
    }
    // Joiners are part of how some languages are written.
    let joins = |c: char| matches!(c, '\u{200C}' | '\u{200D}');
    match text.chars().position(|c| is_unsafe(c) && !joins(c) && !exempt(c)) {
        Some(index) => Err(TextError::Control(index + 1)),
        None => Ok(()),
    }
}

/// How many seconds a token's times may be off; see [`TrustedKey::leeway`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leeway(u8);

/// A leeway that no key can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is a whole number of seconds, at most {}", TrustedKey::MAX_LEEWAY)]
pub struct LeewayError;

impl Leeway {
    pub fn new(duration: Duration) -> Result<Self, LeewayError> {
        let seconds = u8::try_from(duration.as_secs()).map_err(|_| LeewayError)?;
        match seconds <= TrustedKey::MAX_LEEWAY && duration.subsec_nanos() == 0 {
            true => Ok(Leeway(seconds)),
            false => Err(LeewayError),
        }
    }

    pub const fn seconds(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_bounds() {
        assert_eq!(Name::parse(String::new()), Err(TextError::Empty));
        assert!(Name::parse("ü".repeat(255)).is_ok());
        assert_eq!(Name::parse("ü".repeat(256)), Err(TextError::TooLong { most: 255, found: 256 }));
        assert_eq!(Name::parse("a\nb".into()), Err(TextError::Control(2)));
        assert_eq!(Name::parse("\u{9b}".into()), Err(TextError::Control(1)), "C1 moves terminals too");
        assert!(Prose::parse("a\n\tb".into()).is_ok());
        assert_eq!(Prose::parse("a\0".into()), Err(TextError::Control(2)));
        assert!(Prose::parse("x".repeat(4097)).is_err());
    }

    #[test]
    fn leeway_is_whole_seconds_up_to_sixty() {
        assert_eq!(Leeway::new(Duration::from_secs(60)).map(Leeway::seconds), Ok(60));
        for bad in [Duration::from_secs(61), Duration::from_millis(1500), Duration::MAX] {
            assert_eq!(Leeway::new(bad), Err(LeewayError), "{bad:?}");
        }
    }
}
