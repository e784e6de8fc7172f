//! Set-up of diagnostics: what the program says of its own state, on standard error. Requests are
//! the access log's.

use std::fmt::{self, Debug};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::quote::value;
use super::stamp::Stamp;

#[derive(Debug, thiserror::Error)]
pub enum DiagnosticsError {
    /// A word that is no level; `EnvFilter` would take it for the name of a module.
    #[error("`{0}` is not a log level; use off, error, warn, info, debug or trace, or `module=level`")]
    Level(String),
    #[error("the log level `{level}` cannot be read: {reason}; use for example `info` or `info,hyper=warn`")]
    Directive { level: String, reason: String },
}

/// Shows diagnostics of `level` (`info`; `info,hyper=warn`) and above, as logfmt or JSON. A
/// process has one set-up: a second call checks its `level` and changes nothing.
pub fn init(level: &str, json: bool) -> Result<(), DiagnosticsError> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    // The error says that diagnostics are set up already.
    drop(match json {
        true => lines.json().flatten_event(true).finish().try_init(),
        false => lines.event_format(Logfmt).finish().try_init(),
    });
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, DiagnosticsError> {
    let words = level.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    for word in words {
        if word.is_empty() || word.parse::<LevelFilter>().is_err() {
            return Err(DiagnosticsError::Level(word.to_owned()));
        }
    }
    EnvFilter::try_new(level)
        .map_err(|error| DiagnosticsError::Directive { level: level.to_owned(), reason: error.to_string() })
}

/// One event, one line: no value can end it, which the crate's own text format allows.
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let mut line = Line(Vec::with_capacity(256));
        line.pair("time", Stamp::new().at(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)));
        line.pair("level", event.metadata().level().as_str().to_ascii_lowercase().as_bytes());
        line.pair("target", event.metadata().target().as_bytes());
        event.record(&mut line);
        writeln!(out, "{}", String::from_utf8_lossy(&line.0))
    }
}

struct Line(Vec<u8>);

impl Line {
    fn pair(&mut self, name: &str, text: &[u8]) {
        if !self.0.is_empty() {
            self.0.push(b' ');
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        value(&mut self.0, text);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.pair(field.name(), text.as_bytes());
    }

    /// Numbers, `%` and `?` values too.
    fn record_debug(&mut self, field: &Field, shown: &dyn Debug) {
        self.pair(field.name(), format!("{shown:?}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let page = Page::default();
        let out = page.clone();
        let lines = tracing_subscriber::fmt().event_format(Logfmt).with_writer(move || out.clone());
        tracing::subscriber::with_default(lines.finish(), || {
            let error = "no\nsuch \x1b[1mfile";
            tracing::warn!(%error, retries = 3, listener = "a b", "a reload failed");
        });
        let text = String::from_utf8(page.0.lock().expect("whole").clone()).expect("UTF-8");
        let (time, rest) = text.split_once(' ').expect("fields");
        assert!(time.starts_with("time=20") && time.ends_with('Z'), "{time}");
        assert_eq!(
            rest,
            "level=warn target=tenantry::telemetry::diagnostics::tests message=\"a reload failed\" \
             error=\"no\\nsuch \\u001b[1mfile\" retries=3 listener=\"a b\"\n"
        );
    }

    #[test]
    fn levels_are_checked() {
        for good in ["info", "off", "WARN", "info,hyper=warn", "tenantry::proxy=trace, error"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["inof", "", "info,hyper", "hyper=loud"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_second_set_up_is_harmless() {
        assert!(init("off", false).is_ok());
        assert!(init("off", true).is_ok());
        assert!(init("inof", true).is_err());
    }
}
