//! What is wrong with a configuration: where, and what to do about it. Knows neither YAML nor any key.

use std::fmt;

/// One fault, at one place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `services.metrics.match[1].host`, indices from 0; empty for the file as a whole.
    pub key_path: String,
    /// From 1; 0 when the fault is the file itself (it cannot be read, it is too large).
    pub line: u64,
    /// In characters, from 1; 0 when the line is.
    pub column: u64,
    /// What is wrong and what to write instead, in one sentence without a full stop.
    pub message: String,
}

/// All faults of one file, in the order of its lines. Shown one per line as
/// `FILE:LINE:COL: key.path: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file's name as it was given.
    pub file: String,
    /// At least one.
    pub list: Vec<Problem>,
}

impl Problems {
    /// A fault of the file as a whole.
    pub(super) fn of_file(file: &str, message: impl Into<String>) -> Self {
        let whole = Place { path: String::new(), line: 0, column: 0 };
        Problems { file: file.to_owned(), list: vec![whole.problem(message)] }
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { key_path, line, column, message }) in self.list.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}", self.file)?;
            if *line > 0 {
                write!(f, ":{line}:{column}")?;
            }
            if !key_path.is_empty() {
                write!(f, ": {key_path}")?;
            }
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub path: String,
    pub line: u64,
    pub column: u64,
}

impl Place {
    pub(super) fn problem(self, message: impl Into<String>) -> Problem {
        let Place { path, line, column } = self;
        Problem { key_path: path, line, column, message: message.into() }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub place: Place,
    pub value: T,
}

/// Collects problems while a file is read.
#[derive(Default)]
pub(super) struct Report(Vec<Problem>);

impl Report {
    pub(super) fn add(&mut self, place: &Place, message: impl Into<String>) {
        self.0.push(place.clone().problem(message));
    }

    /// The value, when there is nothing to complain of.
    pub(super) fn close<T>(mut self, file: &str, value: T) -> Result<T, Problems> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|problem| (problem.line, problem.column));
        Err(Problems { file: file.to_owned(), list: self.0 })
    }
}

/// A text from the file, quoted and cut to a length that fits a message.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// A key as it is written, quoted when it has more than letters, digits, '-' and '_'.
pub(super) fn key_shown(key: &str) -> String {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'<'));
    if plain && (1..=40).contains(&key.len()) { key.to_owned() } else { quoted(key) }
}

/// `; did you mean …?` with the known word that is closest, or nothing when none is close.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const LONGEST: usize = 40;
    if word.len() > LONGEST {
        return String::new();
    }
    let plain = word.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|other| (distance(&plain, &other.replace('-', "_")), other))
        .filter(|(steps, other)| *steps <= (other.len() / 3).max(1))
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, other)| format!("; did you mean `{other}`?"))
        .unwrap_or_default()
}

/// Characters to insert, remove, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    let swapped = if swap { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                    replaced.min(swapped).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_suggested() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("inof", "info"), 1);
        let keys = ["upstream", "unlisted", "match"];
        assert_eq!(suggestion("upstreem", keys), "; did you mean `upstream`?");
        assert_eq!(suggestion("Match", keys), "; did you mean `match`?");
        assert_eq!(suggestion("tenant", keys), "");
        assert_eq!(suggestion("read_write", ["read-write"]), "; did you mean `read-write`?");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(quoted("a\"b"), r#""a\"b""#);
        assert!(quoted(&"ä".repeat(1000)).chars().count() < 70);
    }
}
