//! Where an admin port is, and the URLs below it. Knows no connection.

use std::fmt::Write as _;

use http::Uri;

use super::ClientError;

/// The base URL of an admin port: `http[s]://host[:port][/prefix]`, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// Reads what a person wrote. No credentials, query or fragment may stand in it.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let fault = |why: &str| ClientError::Url { url: without_userinfo(text), why: why.to_owned() };
        if text.contains('#') {
            return Err(fault("a fragment has no place there"));
        }
        let uri: Uri = text.parse().map_err(|_| fault("it is no URL"))?;
        let authority = uri.authority().ok_or_else(|| fault("expected http://HOST:PORT or https://HOST"))?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            _ => return Err(fault("expected http://HOST:PORT or https://HOST")),
        }
        if authority.as_str().contains('@') {
            return Err(fault("credentials go in TENANTRY_USER and TENANTRY_PASSWORD, not in the URL"));
        }
        if uri.query().is_some() {
            return Err(fault("a query has no place there"));
        }
        Ok(Place(text.trim_end_matches('/').to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_https(&self) -> bool {
        self.0.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    }

    /// Whether others on the network could read what is sent: plain HTTP to another machine.
    pub fn is_exposed(&self) -> bool {
        let uri: Option<Uri> = self.0.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let local = bare.eq_ignore_ascii_case("localhost")
            || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        !self.is_https() && !local
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// `/api/v1` and the segments, each encoded so that it stays one segment.
    pub fn path(segments: &[&str]) -> String {
        let mut path = "/api/v1".to_owned();
        for segment in segments {
            path.push('/');
            encode(segment, &mut path);
        }
        path
    }

    /// A query of these pairs, with its `?`; nothing without pairs.
    pub fn query(pairs: &[(&str, &str)]) -> String {
        let mut query = String::new();
        for (name, value) in pairs {
            query.push(if query.is_empty() { '?' } else { '&' });
            encode(name, &mut query);
            query.push('=');
            encode(value, &mut query);
        }
        query
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3). A lone `.` or `..` is encoded
/// too, lest it be taken for a step between segments.
fn encode(text: &str, into: &mut String) {
    let dots = matches!(text, "." | "..");
    for byte in text.bytes() {
        match byte {
            b'.' if dots => into.push_str("%2E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                into.push(char::from(byte))
            }
            other => write!(into, "%{other:02X}").expect("a String takes every write"),
        }
    }
}

/// What may be shown of a URL in which somebody may have written a password.
fn without_userinfo(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        for (text, base) in [
            ("http://127.0.0.1:9080", "http://127.0.0.1:9080"),
            ("https://gw.example.com/", "https://gw.example.com"),
            ("http://[::1]:9080/tenantry/", "http://[::1]:9080/tenantry"),
        ] {
            assert_eq!(Place::parse(text).map(|place| place.0).ok().as_deref(), Some(base));
        }
        for bad in
            ["", "gw", "gw:9080", "ftp://gw", "http://", "http://gw?x=1", "http://gw/#a", "http://u:p@gw"]
        {
            assert!(Place::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        let refused = Place::parse("http://root:hunter2@gw").expect_err("credentials").to_string();
        assert!(!refused.contains("hunter2") && refused.contains("TENANTRY_PASSWORD"), "{refused}");
        let refused = Place::parse("http://root:hunter2@g w").expect_err("no URL").to_string();
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn only_plain_http_to_elsewhere_is_exposed() {
        for (text, exposed) in [
            ("http://127.0.0.1:9080", false),
            ("http://[::1]:9080", false),
            ("http://localhost", false),
            ("https://gw", false),
            ("HTTPS://gw", false),
            ("http://gw:9080", true),
        ] {
            assert_eq!(Place::parse(text).expect("a place").is_exposed(), exposed, "{text}");
        }
    }

    #[test]
    fn segments_stay_segments() {
        assert_eq!(Place::path(&["tenants", "a/b?c#d e%"]), "/api/v1/tenants/a%2Fb%3Fc%23d%20e%25");
        assert_eq!(Place::path(&["keys", ".."]), "/api/v1/keys/%2E%2E");
        assert_eq!(Place::query(&[("page", "2"), ("q", "ü&")]), "?page=2&q=%C3%BC%26");
    }
}
