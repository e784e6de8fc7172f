//! A back end's address as written: `http://host[:port][/base]`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{HostTemplate, PathTemplate, TemplateError};

/// A back end's address: `http://host[:port][/base]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Upstream {
    /// A host name or an IP address, without brackets.
    pub host: String,
    pub port: u16,
    /// What stands before every path: empty, or begins with `/` and does not end with one.
    pub base: String,
}

/// Why a text is no back end's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    #[error("a back end's address begins with http://")]
    Scheme,
    #[error("TLS to the back end is not supported in this version; write http://")]
    Tls,
    /// The text must not be shown: there may be a password in it.
    #[error("a back end's address has no user and no password")]
    Credentials,
    #[error("there is a query or a fragment; only a path can follow")]
    Query,
    #[error("{{tenant}} has no place in a back end's address")]
    Placeholder,
    #[error("the bracket is not closed")]
    Bracket,
    #[error("{0:?} is no IPv4 address")]
    Ipv4(String),
    #[error("{0:?} is no IPv6 address")]
    Ipv6(String),
    #[error("the port is a number from 1 to 65535 after a colon")]
    Port,
    #[error(transparent)]
    Part(#[from] TemplateError),
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Upstream { host, port, base } = self;
        if host.contains(':') {
            write!(f, "http://[{host}]:{port}{base}")
        } else {
            write!(f, "http://{host}:{port}{base}")
        }
    }
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let rest = after_scheme(text)?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UpstreamError::Credentials);
        }
        if tail.contains(['?', '#']) {
            return Err(UpstreamError::Query);
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Upstream { host, port, base: base(tail)? })
    }
}

impl TryFrom<String> for Upstream {
    type Error = UpstreamError;

    fn try_from(text: String) -> Result<Self, UpstreamError> {
        text.parse()
    }
}

impl From<Upstream> for String {
    fn from(upstream: Upstream) -> String {
        upstream.to_string()
    }
}

fn after_scheme(text: &str) -> Result<&str, UpstreamError> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok(rest),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => Err(UpstreamError::Tls),
        _ => Err(UpstreamError::Scheme),
    }
}

fn host_and_port(authority: &str) -> Result<(String, u16), UpstreamError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (address, port) = inner.split_once(']').ok_or(UpstreamError::Bracket)?;
            let address: Ipv6Addr = address.parse().map_err(|_| UpstreamError::Ipv6(address.to_owned()))?;
            (address.to_string(), port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (host_name(host)?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 80,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().unwrap_or(0),
        _ => 0,
    };
    if port == 0 { Err(UpstreamError::Port) } else { Ok((host, port)) }
}

fn host_name(text: &str) -> Result<String, UpstreamError> {
    let labels: HostTemplate = text.parse()?;
    if labels.has_tenant() {
        return Err(UpstreamError::Placeholder);
    }
    let host = text.to_ascii_lowercase();
    // What ends in a number is an IP address (WHATWG URL §3.5), and resolvers take odd ones.
    let last = labels.0.last().and_then(Option::as_deref).unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) && host.parse::<Ipv4Addr>().is_err() {
        return Err(UpstreamError::Ipv4(text.to_owned()));
    }
    Ok(host)
}

fn base(tail: &str) -> Result<String, UpstreamError> {
    if tail.is_empty() {
        return Ok(String::new());
    }
    let path: PathTemplate = tail.parse()?;
    if path.has_tenant() {
        return Err(UpstreamError::Placeholder);
    }
    Ok(if path.0.is_empty() { String::new() } else { path.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let cases = [
            ("http://127.0.0.1:9009", "http://127.0.0.1:9009"),
            ("HTTP://Cortex.Internal/", "http://cortex.internal:80"),
            ("http://loki:3100/base/path/", "http://loki:3100/base/path"),
            ("http://[::1]:9009/x", "http://[::1]:9009/x"),
            ("http://[0:0::1]", "http://[::1]:80"),
            ("http://a_b.svc.cluster.local.:81", "http://a_b.svc.cluster.local.:81"),
        ];
        for (text, shown) in cases {
            assert_eq!(text.parse::<Upstream>().map(|u| u.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let bad = [
            "",
            "cortex:9009",
            "https://cortex",
            "ftp://cortex",
            "http://",
            "http://:80",
            "http://a:",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a:1:2",
            "http://[::1",
            "http://[::1]x",
            "http://[a]",
            "http://u:p@a",
            "http://a?x",
            "http://a/b#c",
            "http://a/../b",
            "http://a//b",
            "http://{tenant}/",
            "http://a/{tenant}",
            "http://1.2.3",
            "http://1.2.3.256",
            "http://0x7f.1",
            "http://a b",
            "http://a\\b",
            "http://a/%2e",
        ];
        for text in bad {
            assert!(text.parse::<Upstream>().is_err(), "{text}");
        }
    }
}
