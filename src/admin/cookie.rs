//! The cookie that carries a session's ticket: its name, how it is set, and how it is read. Knows
//! nothing of who has signed in.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

use super::problem::Refusal;
use crate::model::{SESSION_COOKIES, Secret};

/// How people sign in at this port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// How long a session lasts.
    pub ttl: Duration,
    /// Whether callers come over TLS: then the cookie is for TLS only, and no other host's page can
    /// have set it.
    pub secure: bool,
}

impl Default for Sessions {
    /// Twelve hours, without TLS.
    fn default() -> Self {
        Sessions { ttl: Duration::from_secs(12 * 60 * 60), secure: false }
    }
}

/// Where Kestra's clients put a session's ticket. Not taken from browsers: there any host of the same
/// domain may have set it.
const KESTRA: &str = "JWT";

impl Sessions {
    const fn name(&self) -> &'static str {
        let [plain, secure] = SESSION_COOKIES;
        if self.secure { secure } else { plain }
    }

    /// The `Set-Cookie` that makes a browser show the ticket.
    pub(super) fn set(&self, ticket: &Secret) -> HeaderValue {
        self.cookie(ticket.reveal(), self.ttl.as_secs())
    }

    /// The `Set-Cookie` that makes a browser forget it.
    pub(super) fn clear(&self) -> HeaderValue {
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, seconds: u64) -> HeaderValue {
        let (name, secure) = (self.name(), if self.secure { "; Secure" } else { "" });
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        let mut header = HeaderValue::try_from(text).expect("tickets are letters, digits and underscores");
        header.set_sensitive(true);
        header
    }

    /// The ticket that a request shows; our own cookie before the one of Kestra's clients.
    pub(super) fn ticket(&self, headers: &HeaderMap) -> Result<Option<Secret>, Refusal> {
        match one(headers, self.name())? {
            Some(ticket) => Ok(Some(ticket)),
            None if by_browser(headers) => Ok(None),
            None => one(headers, KESTRA),
        }
    }
}

/// The value of a cookie (RFC 6265 §4.2). Of two with one name nobody can tell whose they are.
fn one(headers: &HeaderMap, name: &str) -> Result<Option<Secret>, Refusal> {
    // Bytes: other cookies need not be text.
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Refusal::Malformed(format!("there is more than one cookie {name}"))),
        (first, _) => Ok(first.map(|value| {
            let text = String::from_utf8_lossy(value);
            Secret::new(text.trim_matches('"').to_owned())
        })),
    }
}

/// Fetch Metadata, or `Origin`: only browsers send them, and no page can take them away.
fn by_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(secure: bool, lines: &[&'static str]) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        let found = Sessions { secure, ..Sessions::default() }.ticket(&headers)?;
        Ok(found.map(|ticket| ticket.reveal().to_owned()))
    }

    #[test]
    fn one_cookie_is_read_and_two_are_refused() {
        let read = |lines: &[&'static str]| ticket(false, lines).ok().flatten();
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["a=b; tenantry=t1; c=d"]).as_deref(), Some("t1"));
        assert_eq!(read(&["a=b", "tenantry=\"t1\""]).as_deref(), Some("t1"));
        assert_eq!(read(&["JWT=t2"]).as_deref(), Some("t2"));
        assert_eq!(read(&["JWT=t2; tenantry=t1"]).as_deref(), Some("t1"));
        assert_eq!(read(&["xtenantry=t1; Tenantry=t1; __Host-tenantry=t1"]), None);
        for two in [&["tenantry=a; tenantry=b"][..], &["tenantry=a", "tenantry=a"], &["JWT=a; JWT=a"]] {
            assert!(matches!(ticket(false, two), Err(Refusal::Malformed(_))), "{two:?}");
        }
    }

    #[test]
    fn cookies_that_are_no_text_do_not_hide_ours() {
        let mut headers = HeaderMap::new();
        let line = HeaderValue::from_bytes(b"name=J\xf6rg; tenantry=t1").expect("a header");
        headers.append(header::COOKIE, line);
        let read = Sessions::default().ticket(&headers).ok().flatten();
        assert_eq!(read.map(|ticket| ticket.reveal().to_owned()).as_deref(), Some("t1"));
        headers.insert(header::COOKIE, HeaderValue::from_bytes(b"tenantry=\xf6").expect("a header"));
        assert!(Sessions::default().ticket(&headers).ok().flatten().is_some(), "a bad one is one");
    }

    #[test]
    fn of_browsers_only_our_own_cookie_is_taken() {
        for secure in [true, false] {
            let sessions = Sessions { secure, ..Sessions::default() };
            let mut headers = HeaderMap::new();
            headers.append(header::COOKIE, HeaderValue::from_static("JWT=t2"));
            assert!(sessions.ticket(&headers).ok().flatten().is_some());
            for name in ["sec-fetch-site", "origin"] {
                let mut headers = headers.clone();
                headers.insert(name, HeaderValue::from_static("same-origin"));
                assert!(sessions.ticket(&headers).ok().flatten().is_none(), "{name}");
            }
        }
    }

    #[test]
    fn over_tls_only_the_host_bound_cookie_counts() {
        assert_eq!(ticket(true, &["tenantry=t1"]).ok().flatten(), None);
        assert_eq!(ticket(true, &["__Host-tenantry=t1"]).ok().flatten().as_deref(), Some("t1"));
        let secure = Sessions { secure: true, ttl: Duration::from_secs(60) };
        let set = secure.set(&Secret::new("t1".to_owned()));
        let expected = "__Host-tenantry=t1; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(set.to_str().ok(), Some(expected));
        assert!(!Sessions::default().clear().to_str().expect("text").contains("Secure"));
    }
}
