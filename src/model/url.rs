//! URLs that the gateway itself fetches: `http` or `https`, no user, no fragment. Knows no network:
//! which addresses may be dialled is judged when one is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The longest URL, in bytes.
pub const MAX_URL: usize = 2048;

/// `https://host[:port][/path][?query]`, kept as written: issuers are compared byte by byte.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Url {
    text: String,
    https: bool,
    host: Host,
    port: u16,
    /// Where the path begins in `text`; its end when there is none.
    path: usize,
}

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// In lower case.
    Name(String),
    Address(IpAddr),
}

/// Which rule of [`Url`] a text broke. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("a URL has at most {MAX_URL} bytes")]
    TooLong,
    #[error("expected a URL that begins with https://")]
    Scheme,
    #[error("no user and no password can stand in this URL")]
    User,
    #[error(
        "a URL's host is a name such as idp.example.com, an IPv4 address, or an IPv6 address in brackets"
    )]
    Host,
    #[error("a URL's port is a number from 1 to 65535")]
    Port,
    #[error("no fragment (#…) can stand in this URL")]
    Fragment,
    #[error("a URL's path and query are printable ASCII without spaces, quotes, backslashes and <>^`{{|}}")]
    Path,
}

impl Url {
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        let (host, port) = split_port(authority)?;
        let default = if https { 443 } else { 80 };
        let (host, port) = (Host::parse(host)?, port.map_or(Ok(default), read_port)?);
        check_tail(tail)?;
        Ok(Url { text: text.to_owned(), https, host, port, path: text.len() - tail.len() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub const fn is_https(&self) -> bool {
        self.https
    }

    pub const fn host(&self) -> &Host {
        &self.host
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `host[:port]` as written: the `Host` header.
    pub fn authority(&self) -> &str {
        let start = if self.https { "https://".len() } else { "http://".len() };
        &self.text[start..self.path]
    }

    /// Path and query as the request line has them; begins with `/`.
    pub fn target(&self) -> String {
        match &self.text[self.path..] {
            rooted if rooted.starts_with('/') => rooted.to_owned(),
            bare => format!("/{bare}"),
        }
    }

    pub fn has_query(&self) -> bool {
        self.text[self.path..].contains('?')
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = inner.parse().map_err(|_| UrlError::Host)?;
            return Ok(Host::Address(address.into()));
        }
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if text.len() > 253 || !text.split('.').all(label) {
            return Err(UrlError::Host);
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        // What ends in a number is an IP address (WHATWG URL §3.5), and resolvers take odd ones.
        if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X") {
            let address: Ipv4Addr = text.parse().map_err(|_| UrlError::Host)?;
            return Ok(Host::Address(address.into()));
        }
        Ok(Host::Name(text.to_ascii_lowercase()))
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    let after_host = match authority.strip_prefix('[') {
        Some(_) => authority.find(']').ok_or(UrlError::Host)? + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    match authority.split_at(after_host) {
        (host, "") => Ok((host, None)),
        (host, port) => Ok((host, Some(port.strip_prefix(':').ok_or(UrlError::Host)?))),
    }
}

fn read_port(text: &str) -> Result<u16, UrlError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(UrlError::Port),
    }
}

fn check_tail(tail: &str) -> Result<(), UrlError> {
    if tail.contains('#') {
        return Err(UrlError::Fragment);
    }
    match tail.bytes().all(|b| b.is_ascii_graphic() && !br#""\<>^`{|}"#.contains(&b)) {
        true => Ok(()),
        false => Err(UrlError::Path),
    }
}

impl TryFrom<String> for Url {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        Url::parse(&text)
    }
}

impl From<Url> for String {
    fn from(url: Url) -> String {
        url.text
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read() {
        for (text, https, host, port, authority, target) in [
            ("https://idp.example.com", true, "idp.example.com", 443, "idp.example.com", "/"),
            ("https://IdP.Example.com/a/", true, "idp.example.com", 443, "IdP.Example.com", "/a/"),
            ("http://idp:8080/jwks?x=%20y", false, "idp", 8080, "idp:8080", "/jwks?x=%20y"),
            ("https://10.0.0.1:8443?x", true, "10.0.0.1", 8443, "10.0.0.1:8443", "/?x"),
            ("https://[fd00::1]/k", true, "fd00::1", 443, "[fd00::1]", "/k"),
            ("http://[::1]:81", false, "::1", 81, "[::1]:81", "/"),
        ] {
            let url = Url::parse(text).expect(text);
            let read = (url.is_https(), url.host().to_string(), url.port(), url.authority().to_owned());
            assert_eq!(read, (https, host.to_owned(), port, authority.to_owned()), "{text}");
            assert_eq!((url.target().as_str(), url.as_str()), (target, text));
            assert_eq!(url.has_query(), text.contains('?'));
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let long = format!("https://a/{}", "x".repeat(MAX_URL));
        for (text, fault) in [
            (long.as_str(), UrlError::TooLong),
            ("", UrlError::Scheme),
            ("idp.example.com", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("gopher://a", UrlError::Scheme),
            ("HTTPS://a", UrlError::Scheme),
            ("https:/a", UrlError::Scheme),
            ("https://user:pass@a", UrlError::User),
            ("https://a@b@c/", UrlError::User),
            ("https://", UrlError::Host),
            ("https:///a", UrlError::Host),
            ("https://:443", UrlError::Host),
            ("https://a..b", UrlError::Host),
            ("https://a.", UrlError::Host),
            ("https://a b", UrlError::Host),
            ("https://a\\b", UrlError::Host),
            ("https://bücher.example", UrlError::Host),
            ("https://127.1", UrlError::Host),
            ("https://0177.0.0.1", UrlError::Host),
            ("https://2130706433", UrlError::Host),
            ("https://0x7f000001", UrlError::Host),
            ("https://[::1", UrlError::Host),
            ("https://[127.0.0.1]", UrlError::Host),
            ("https://[fe80::1%25eth0]", UrlError::Host),
            ("https://[::1]x", UrlError::Host),
            ("https://a:", UrlError::Port),
            ("https://a:0", UrlError::Port),
            ("https://a:+1", UrlError::Port),
            ("https://a:65536", UrlError::Port),
            ("https://a:1:2", UrlError::Port),
            ("https://a#b", UrlError::Fragment),
            ("https://a/b c", UrlError::Path),
            ("https://a/b\r\nX: y", UrlError::Path),
            ("https://a/ü", UrlError::Path),
        ] {
            assert_eq!(Url::parse(text), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(https?://)?.{0,40}") {
            if let Ok(url) = Url::parse(&text) {
                prop_assert_eq!(url.as_str(), &text);
                prop_assert!(!url.authority().contains(['/', '@', '?']) && url.target().starts_with('/'));
            }
        }
    }
}
