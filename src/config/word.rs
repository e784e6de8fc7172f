//! Texts as written: addresses, names, paths, words from a list. Each says what it expects, reads
//! it, and describes itself to the schema. Knows no key.

use std::borrow::Cow;
use std::net::SocketAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::LogFormat;
use super::problem::{Place, Report, quoted, suggestion};
use super::read::{Read, mismatch, shape};
use super::yaml::{Node, Value};
use crate::model::{Api, HostTemplate, Network, NetworkError, PathTemplate, Unlisted};

/// A value written as text.
pub(super) trait Word: Sized {
    /// What is expected, as in `expected text such as …`.
    const WHAT: &'static str;

    /// The fault is shown as it is.
    fn word(text: &str) -> Result<Self, String>;
}

impl<T: Word> Read for T {
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            mismatch(T::WHAT, node, place, report);
            return None;
        };
        T::word(text).map_err(|fault| report.add(place, fault)).ok()
    }
}

/// `127.0.0.1:8080` or `[::1]:8080`.
pub(super) struct Address(pub SocketAddr);

impl Word for Address {
    const WHAT: &'static str = "text such as 127.0.0.1:8080";

    fn word(text: &str) -> Result<Self, String> {
        text.parse().map(Address).map_err(|_| {
            let all = text.strip_prefix(':').filter(|port| port.parse::<u16>().is_ok());
            let hint = all.map(|port| format!("; for every interface write \"[::]:{port}\""));
            let hint = hint.unwrap_or_default();
            format!("{} is no IP address and port such as 127.0.0.1:8080{hint}", quoted(text))
        })
    }
}

shape!([] Address, |_generator| json_schema!({ "type": "string", "examples": ["127.0.0.1:8080", "[::]:8080"] }));

/// `10.0.0.0/8` or `fd00::/8`; an address alone is a network of one.
impl Word for Network {
    const WHAT: &'static str = "text such as 10.0.0.0/8";

    fn word(text: &str) -> Result<Self, String> {
        text.parse().map_err(|fault: NetworkError| fault.to_string())
    }
}

shape!([] Network, |_generator| json_schema!({ "type": "string", "examples": ["10.0.0.0/8", "fd00::/8"] }));

/// A listener's or a service's name: a label of metrics and logs.
pub(super) struct Name(pub String);

impl Word for Name {
    const WHAT: &'static str = "text";

    fn word(text: &str) -> Result<Self, String> {
        let inner = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if inner && text.len() <= 63 && text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Ok(Name(text.to_owned()));
        }
        Err(format!("{} is no name: 1 to 63 of a-z, 0-9, '-' and '_', a letter first", quoted(text)))
    }
}

shape!([] Name, |_generator| json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$" }));

/// A file or a directory. Not looked at here.
pub(super) struct FilePath(pub String);

impl Word for FilePath {
    const WHAT: &'static str = "text, the path of a file or directory";

    fn word(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err(format!("{} is no path", quoted(text)));
        }
        Ok(FilePath(text.to_owned()))
    }
}

shape!([] FilePath, |_generator| json_schema!({ "type": "string", "minLength": 1 }));

/// Where access-log lines go.
pub(super) enum Output {
    Off,
    Stdout,
    File(String),
}

impl Word for Output {
    const WHAT: &'static str = "text: off, stdout or a path with a \"/\"";

    fn word(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Output::Off),
            "stdout" => Ok(Output::Stdout),
            // A slash tells a path from a misspelt word.
            path if path.contains('/') => FilePath::word(path).map(|FilePath(path)| Output::File(path)),
            other => {
                let close = suggestion(other, ["off", "stdout"]);
                Err(format!("{} is not off, stdout or a path with a \"/\"{close}", quoted(other)))
            }
        }
    }
}

shape!([] Output, |_generator| json_schema!({ "type": "string", "pattern": "^(off|stdout|.*/.*)$" }));

/// `info`, or levels by module: `warn,tenantry::proxy=debug`.
pub(super) struct LogLevel(pub String);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Word for LogLevel {
    const WHAT: &'static str = "text such as info";

    fn word(text: &str) -> Result<Self, String> {
        for part in text.split(',') {
            let (module, level) = part.split_once('=').unwrap_or(("", part));
            let named = module.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'));
            if !named || !LEVELS.contains(&level) || part.starts_with('=') {
                let close = suggestion(level, LEVELS);
                return Err(format!(
                    "{} is no log level: one of {}, or MODULE=LEVEL, with commas between{close}",
                    quoted(part),
                    LEVELS.join(", ")
                ));
            }
        }
        Ok(LogLevel(text.to_owned()))
    }
}

shape!([] LogLevel, |_generator| {
    json_schema!({ "type": "string", "examples": ["info", "warn,tenantry::proxy=debug"] })
});

/// The header that carries the tenant, in lower case.
pub(super) struct TenantHeader(pub String);

/// Headers that mean something to the connection, the credential, the body or the gateway.
const TAKEN_HEADERS: [&str; 35] = [
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "if-match",
    "if-none-match",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

impl Word for TenantHeader {
    const WHAT: &'static str = "text, the name of a header";

    fn word(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let plain = lower.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain || lower.len() > 64 || !lower.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(format!(
                "{} cannot carry the tenant: a header's name is 1 to 64 letters, digits and '-', a letter first",
                quoted(text)
            ));
        }
        if TAKEN_HEADERS.contains(&lower.as_str()) {
            return Err(format!("{} cannot carry the tenant: it has a meaning of its own", quoted(text)));
        }
        Ok(TenantHeader(lower))
    }
}

shape!([] TenantHeader, |_generator| {
    json_schema!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9-]{0,63}$" })
});

impl Word for HostTemplate {
    const WHAT: &'static str = "text such as \"{tenant}.example.com\"";

    fn word(text: &str) -> Result<Self, String> {
        text.parse().map_err(|fault| format!("{} is no host: {fault}", quoted(text)))
    }
}

shape!([] HostTemplate, |_generator| {
    json_schema!({ "type": "string", "examples": ["cortex.{tenant}.example.com"] })
});

impl Word for PathTemplate {
    const WHAT: &'static str = "text such as /t/{tenant}/metrics";

    fn word(text: &str) -> Result<Self, String> {
        text.parse().map_err(|fault| format!("{} is no path: {fault}", quoted(text)))
    }
}

shape!([] PathTemplate, |_generator| {
    json_schema!({ "type": "string", "pattern": "^/", "examples": ["/t/{tenant}/metrics"] })
});

/// One of a few words.
pub(super) struct OneOf<T>(pub T);

pub(super) trait Choice: Copy + 'static {
    const CHOICES: &'static [(&'static str, Self)];
}

impl Choice for Api {
    const CHOICES: &'static [(&'static str, Self)] = &[
        (Api::Cortex.as_str(), Api::Cortex),
        (Api::Loki.as_str(), Api::Loki),
        (Api::Prometheus.as_str(), Api::Prometheus),
        (Api::ReadWrite.as_str(), Api::ReadWrite),
    ];
}

impl Choice for Unlisted {
    const CHOICES: &'static [(&'static str, Self)] = &[("deny", Unlisted::Deny), ("allow", Unlisted::Allow)];
}

impl Choice for LogFormat {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("logfmt", LogFormat::Logfmt), ("json", LogFormat::Json)];
}

impl<T: Choice> Word for OneOf<T> {
    const WHAT: &'static str = "text, one of a few words";

    fn word(text: &str) -> Result<Self, String> {
        if let Some((_, choice)) = T::CHOICES.iter().find(|(name, _)| *name == text) {
            return Ok(OneOf(*choice));
        }
        let names: Vec<&str> = T::CHOICES.iter().map(|(name, _)| *name).collect();
        let close = suggestion(text, names.iter().copied());
        Err(format!("{} is not one of {}{close}", quoted(text), names.join(", ")))
    }
}

shape!([T: Choice] OneOf<T>, |_generator| {
    let names: Vec<&str> = T::CHOICES.iter().map(|(name, _)| *name).collect();
    json_schema!({ "type": "string", "enum": names })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_refused() {
        assert_eq!(TenantHeader::word("X-Scope-OrgID").map(|h| h.0), Ok("x-scope-orgid".to_owned()));
        for bad in ["", "Host", "X_Scope", "Transfer-Encoding", "x scope", "x:y", "AUTHORIZATION", "1-x"] {
            assert!(TenantHeader::word(bad).is_err(), "{bad:?}");
        }
        for good in ["info", "off", "warn,tenantry::proxy=debug", "hyper=error"] {
            assert!(LogLevel::word(good).is_ok(), "{good:?}");
        }
        for bad in ["", "inof", "INFO", "=info", "info,", "a=b=info", "a b=info"] {
            assert!(LogLevel::word(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "1a", "A", "a.b", "ä", &"a".repeat(64)] {
            assert!(Name::word(bad).is_err(), "{bad:?}");
        }
        assert!(Address::word("[::]:8080").is_ok());
        assert!(Address::word("localhost:8080").is_err());
        assert!(Address::word(":8080").is_err_and(|fault| fault.contains("\"[::]:8080\"")));
    }

    #[test]
    fn every_api_can_be_written() {
        for api in Api::ALL {
            assert!(OneOf::<Api>::word(api.as_str()).is_ok_and(|read| read.0 == api));
        }
    }

    #[test]
    fn no_taken_header_is_listed_twice_or_out_of_order() {
        assert!(TAKEN_HEADERS.is_sorted_by(|a, b| a < b));
    }
}
