//! From a request's host and path to its service, the text that stands for its tenant, and the
//! permission that it needs. What is judged here is what is forwarded: anything that two readers
//! could take for two different things is refused, not repaired.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Version, header};

use super::reject::{Bad, Refusal};
use crate::model::Permission;
use crate::snapshot::{Matched, Routes, Service, Verdict};

/// Longest host (RFC 1035 §2.3.4) with a port behind it.
const MAX_HOST: usize = 253 + 6;

/// A request's host in canonical form: lower case, without a final dot. Holds its text in place.
pub struct Host {
    bytes: [u8; MAX_HOST],
    /// Of the name alone.
    name: usize,
    /// Of the name with its port, if one was given.
    len: usize,
}

/// Where a request goes, if its caller may.
pub struct Target<'r, 'a> {
    pub service: &'r Arc<Service>,
    /// What the URL says the tenant is; nobody has shown yet that there is one.
    pub tenant: &'a str,
    pub permission: Permission,
    /// The path for the back end: the part of the request's own from here on.
    pub start: usize,
}

/// Finds the target of a request whose host is canonical.
pub fn target<'r, 'a>(
    routes: &'r Routes,
    host: &'a Host,
    method: &Method,
    path: &'a str,
) -> Result<Target<'r, 'a>, Refusal> {
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::NoSuchMethod);
    }
    check_path(path)?;
    let Matched { service, tenant, start } = routes.find(host.name(), path).ok_or(Refusal::NoService)?;
    let seen = if start == path.len() { "/" } else { &path[start..] };
    match service.judge(method, seen) {
        Verdict::Needs(permission) => Ok(Target { service, tenant, permission, start }),
        Verdict::OtherMethods(methods) => Err(Refusal::OtherMethods(methods)),
        Verdict::Unlisted => Err(Refusal::Unlisted),
    }
}

impl Host {
    /// The host that a request names: in `Host`, in `:authority`, or in both alike.
    pub fn of(request: &Parts) -> Result<Host, Refusal> {
        let mut named = request.headers.get_all(header::HOST).iter();
        let header = named.next().map(|value| Host::parse(value.as_bytes())).transpose()?;
        if named.next().is_some() {
            return Err(Refusal::Bad(Bad::Host));
        }
        let authority = request.uri.authority();
        let authority = authority.map(|text| Host::parse(text.as_str().as_bytes())).transpose()?;
        match (header, authority) {
            (Some(header), Some(authority)) if header.text() != authority.text() => {
                Err(Refusal::Bad(Bad::Host))
            }
            // RFC 9112 §3.2: HTTP/1.1 has a Host, whatever the form of its target.
            (None, Some(_)) if request.version == Version::HTTP_11 => Err(Refusal::Bad(Bad::Host)),
            (Some(host), _) | (None, Some(host)) => Ok(host),
            (None, None) => Err(Refusal::Bad(Bad::Host)),
        }
    }

    /// Reads `name`, `name.`, `name:port`, `[address]` and `[address]:port`.
    fn parse(text: &[u8]) -> Result<Host, Refusal> {
        let bad = Refusal::Bad(Bad::Host);
        let bracketed = text.first() == Some(&b'[');
        let end = match bracketed {
            true => text.iter().position(|b| *b == b']').map(|at| at + 1).ok_or(bad)?,
            false => text.iter().position(|b| *b == b':').unwrap_or(text.len()),
        };
        let (name, port) = text.split_at(end);
        let name = if bracketed { name } else { name.strip_suffix(b".").unwrap_or(name) };
        let fits = |b: &u8| match bracketed {
            true => b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']'),
            false => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'),
        };
        let digits = port.strip_prefix(b":");
        let sound_port = port.is_empty()
            || digits.is_some_and(|digits| {
                (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
            });
        let sound_name = (1..=253).contains(&name.len())
            && name.iter().all(fits)
            && !name.starts_with(b".")
            && !name.ends_with(b".")
            && !name.windows(2).any(|pair| pair == b"..");
        if !sound_port || !sound_name {
            return Err(bad);
        }
        let mut bytes = [0; MAX_HOST];
        let len = name.len() + port.len();
        bytes[..name.len()].copy_from_slice(name);
        bytes[..name.len()].make_ascii_lowercase();
        bytes[name.len()..len].copy_from_slice(port);
        Ok(Host { bytes, name: name.len(), len })
    }

    /// The name, without its port.
    pub fn name(&self) -> &str {
        // ASCII, as `parse` has checked.
        std::str::from_utf8(&self.bytes[..self.name]).unwrap_or_default()
    }

    /// The name with its port, as it goes to the back end.
    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.text().escape_ascii())
    }
}

/// What a byte may be in a path that is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Slash,
    Dot,
    Percent,
    Refused,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Refused; 256];
    let plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&'()*+,=:@";
    let mut at = 0;
    while at < plain.len() {
        kinds[plain[at] as usize] = Kind::Plain;
        at += 1;
    }
    kinds[b'/' as usize] = Kind::Slash;
    kinds[b'.' as usize] = Kind::Dot;
    kinds[b'%' as usize] = Kind::Percent;
    kinds
};

/// Refuses every path that is not in the one form that everybody reads alike: no empty and no dot
/// segments, no `\` or `;`, and nothing escaped that need not be or must not be (RFC 3986 §2.3,
/// §6.2.2).
fn check_path(path: &str) -> Result<(), Refusal> {
    let bad = Refusal::Bad(Bad::Path);
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(bad);
    }
    let mut segment = 1;
    let mut only_dots = true;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match KINDS[usize::from(*byte)] {
            Kind::Plain => only_dots = false,
            Kind::Dot => {}
            Kind::Percent if sound_escape(&bytes[at + 1..]) => only_dots = false,
            Kind::Slash if !dubious(only_dots, at - segment) => {
                segment = at + 1;
                only_dots = true;
            }
            Kind::Slash | Kind::Percent | Kind::Refused => return Err(bad),
        }
    }
    let last = bytes.len() - segment;
    if last > 0 && dubious(only_dots, last) { Err(bad) } else { Ok(()) }
}

/// An empty segment, `.` or `..`.
fn dubious(only_dots: bool, len: usize) -> bool {
    only_dots && len <= 2
}

/// Whether an escape stands for a byte that has to be escaped, and that no reader takes for syntax.
fn sound_escape(rest: &[u8]) -> bool {
    let digit = |at: usize| rest.get(at).and_then(|b| char::from(*b).to_digit(16));
    let (Some(high), Some(low)) = (digit(0), digit(1)) else { return false };
    let Ok(byte) = u8::try_from(high * 16 + low) else { return false };
    let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    !unreserved && !byte.is_ascii_control() && !matches!(byte, b'/' | b'\\' | b'%' | b';' | b'?' | b'#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    fn host(text: &str) -> Option<String> {
        let host = Host::parse(text.as_bytes()).ok()?;
        Some(format!("{} {}", host.name(), String::from_utf8_lossy(host.text())))
    }

    #[test]
    fn hosts_have_one_form() {
        assert_eq!(host("Acme.Example.COM").as_deref(), Some("acme.example.com acme.example.com"));
        assert_eq!(host("acme.example.com.").as_deref(), Some("acme.example.com acme.example.com"));
        assert_eq!(host("acme.example.com.:8080").as_deref(), Some("acme.example.com acme.example.com:8080"));
        assert_eq!(host("[::1]:80").as_deref(), Some("[::1] [::1]:80"));
        for bad in [
            "",
            ".",
            "a..b",
            ".a",
            "a..",
            "a:b",
            "a:",
            "a:123456",
            "a@b",
            "user@a:80",
            "a b",
            "a/b",
            "a,b",
            "bücher",
            "a%2eb",
            "[::1",
            "::1",
            "a\0",
            "[a]x",
        ] {
            assert_eq!(host(bad), None, "{bad:?}");
        }
        assert_eq!(host(&"a".repeat(254)), None);
    }

    #[test]
    fn a_request_names_one_host() {
        let of = |uri: &str, version: Version, hosts: &[&str]| {
            let mut request = Request::builder().uri(uri).version(version);
            for host in hosts {
                request = request.header("host", *host);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            Host::of(&parts).ok().map(|host| host.name().to_owned())
        };
        let h1 = Version::HTTP_11;
        assert_eq!(of("/", h1, &["a.b"]).as_deref(), Some("a.b"));
        assert_eq!(of("http://A.b/", h1, &["a.b"]).as_deref(), Some("a.b"));
        assert_eq!(of("https://a.b/", Version::HTTP_2, &[]).as_deref(), Some("a.b"));
        assert_eq!(of("https://a.b/", Version::HTTP_2, &["A.B"]).as_deref(), Some("a.b"));
        for (uri, version, hosts) in [
            ("/", h1, [].as_slice()),
            ("/", h1, &["a.b", "a.b"]),
            ("http://a.b/", h1, &[]),
            ("http://a.b/", h1, &["c.d"]),
            ("https://a.b/", Version::HTTP_2, &["c.d"]),
            ("/", Version::HTTP_10, &[]),
        ] {
            assert_eq!(of(uri, version, hosts), None, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn paths_that_two_readers_could_read_in_two_ways_are_refused() {
        for good in
            ["/", "/api/v1/push", "/a.b/..c", "/a/", "/label/a%20b", "/%C3%A9", "/a:b@c", "/...", "/a/.b"]
        {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "a",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/./a",
            "/a/../b",
            "/a/..",
            "/a/.",
            "/a;x=1",
            "/a\\b",
            "/%2e%2e/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%00",
            "/a%25",
            "/a%2",
            "/a%zz",
            "/%61pi",
            "/a%0ab",
            "/a%3bb",
            "/a b",
            "/a#b",
            "/a\"b",
            "/é",
            "/a%7e",
            "/a|b",
        ] {
            assert_eq!(check_path(bad), Err(Refusal::Bad(Bad::Path)), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,40}", path in "[/.a%2eE;\\\\]{0,16}") {
            let _ = Host::parse(text.as_bytes());
            // What passes has no segment that a reader would drop or climb by.
            if check_path(&path).is_ok() {
                let mut segments = path[1..].split('/').rev();
                let last = segments.next().unwrap_or_default();
                prop_assert!(!matches!(last, "." | ".."));
                prop_assert!(segments.all(|segment| !matches!(segment, "" | "." | "..")));
            }
        }
    }
}
