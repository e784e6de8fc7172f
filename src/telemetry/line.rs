//! The access log's line: its fields, their order and how each format writes them. Knows nothing
//! of requests, only the words and numbers that describe one.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use super::quote::{cut, quoted, value};
use super::stamp::Stamp;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Logfmt,
    Json,
}

/// One request that has ended. What was not known is empty. Texts that a caller chose are bytes
/// as they came; all texts are escaped and cut.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When it began, in Unix milliseconds.
    pub time_millis: u64,
    pub request_id: &'a str,
    pub peer: SocketAddr,
    pub listener: &'a str,
    pub method: &'a str,
    /// Cut at 256 bytes.
    pub host: &'a [u8],
    /// Without the query, which may hold secrets. Cut at 1 KiB.
    pub path: &'a [u8],
    /// `HTTP/1.1`, `HTTP/2`.
    pub version: &'static str,
    pub service: &'a str,
    pub tenant: &'a str,
    /// The id of the key that signed the credential.
    pub key: &'a str,
    pub status: u16,
    /// Why it was refused or failed, precisely.
    pub reason: &'a str,
    /// The back end that answered.
    pub upstream: &'a str,
    /// Of the request's body.
    pub bytes_in: u64,
    /// Of the response's body.
    pub bytes_out: u64,
    pub duration_us: u64,
    /// The part of it that the gateway took.
    pub overhead_us: u64,
    /// The part of it that the upstream took.
    pub upstream_us: u64,
    /// Cut at 256 bytes.
    pub user_agent: &'a [u8],
}

/// Texts not named otherwise, in bytes.
const WORD: usize = 256;
const PATH: usize = 1024;

/// Writes lines; holds what they share.
pub(super) struct Lines {
    format: Format,
    stamp: Stamp,
}

impl Lines {
    pub(super) fn new(format: Format) -> Self {
        Lines { format, stamp: Stamp::new() }
    }

    /// Appends one line, the line feed at its end its only control character.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, entry: &Entry<'_>) {
        out.extend_from_slice(self.opening());
        out.extend_from_slice(self.stamp.at(entry.time_millis));
        if self.format == Format::Json {
            out.push(b'"');
        }
        self.fields(out, entry);
        out.extend_from_slice(self.closing());
    }

    fn opening(&self) -> &'static [u8] {
        match self.format {
            Format::Logfmt => b"time=",
            Format::Json => b"{\"time\":\"",
        }
    }

    fn closing(&self) -> &'static [u8] {
        match self.format {
            Format::Logfmt => b"\n",
            Format::Json => b"}\n",
        }
    }

    fn fields(&self, out: &mut Vec<u8>, entry: &Entry<'_>) {
        self.text(out, &name!("request_id"), entry.request_id.as_bytes(), WORD);
        self.peer(out, entry.peer);
        self.text(out, &name!("listener"), entry.listener.as_bytes(), WORD);
        self.text(out, &name!("method"), entry.method.as_bytes(), WORD);
        self.text(out, &name!("host"), entry.host, WORD);
        self.text(out, &name!("path"), entry.path, PATH);
        self.text(out, &name!("version"), entry.version.as_bytes(), WORD);
        self.text(out, &name!("service"), entry.service.as_bytes(), WORD);
        self.text(out, &name!("tenant"), entry.tenant.as_bytes(), WORD);
        self.text(out, &name!("key"), entry.key.as_bytes(), WORD);
        self.number(out, &name!("status"), u64::from(entry.status));
        self.text(out, &name!("reason"), entry.reason.as_bytes(), WORD);
        self.text(out, &name!("upstream"), entry.upstream.as_bytes(), WORD);
        self.number(out, &name!("bytes_in"), entry.bytes_in);
        self.number(out, &name!("bytes_out"), entry.bytes_out);
        self.number(out, &name!("duration_us"), entry.duration_us);
        self.number(out, &name!("overhead_us"), entry.overhead_us);
        self.number(out, &name!("upstream_us"), entry.upstream_us);
        self.text(out, &name!("user_agent"), entry.user_agent, WORD);
    }

    fn text(&self, out: &mut Vec<u8>, name: &Name, text: &[u8], limit: usize) {
        self.name(out, name);
        match self.format {
            Format::Logfmt => value(out, cut(text, limit)),
            Format::Json => quoted(out, cut(text, limit)),
        }
    }

    fn number(&self, out: &mut Vec<u8>, name: &Name, number: u64) {
        self.name(out, name);
        decimal(out, number);
    }

    /// Needs no escapes in either format; JSON has it in quotes.
    fn peer(&self, out: &mut Vec<u8>, peer: SocketAddr) {
        self.name(out, &name!("peer"));
        let quote: &[u8] = if self.format == Format::Json { b"\"" } else { b"" };
        out.extend_from_slice(quote);
        address(out, peer);
        out.extend_from_slice(quote);
    }

    fn name(&self, out: &mut Vec<u8>, name: &Name) {
        out.extend_from_slice(match self.format {
            Format::Logfmt => name.logfmt.as_bytes(),
            Format::Json => name.json.as_bytes(),
        });
    }
}

/// A field's name with what stands around it.
struct Name {
    logfmt: &'static str,
    json: &'static str,
}

macro_rules! name {
    ($name:literal) => {
        Name { logfmt: concat!(" ", $name, "="), json: concat!(",\"", $name, "\":") }
    };
}
use name;

fn address(out: &mut Vec<u8>, peer: SocketAddr) {
    match peer.ip() {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                decimal(out, u64::from(octet));
            }
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(ip) => drop(write!(out, "[{ip}]")),
    }
    out.push(b':');
    decimal(out, u64::from(peer.port()));
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    /// The digits of `u64::MAX`.
    const LONGEST: usize = 20;
    let mut digits = [0; LONGEST];
    let mut at = LONGEST;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn entry() -> Entry<'static> {
        Entry {
            time_millis: 1_767_323_045_678,
            request_id: "01JG",
            peer: SocketAddr::from(([192, 0, 2, 7], 40_001)),
            listener: "default",
            method: "POST",
            host: b"cortex.acme.example.com",
            path: b"/api/v1/push",
            version: "HTTP/1.1",
            service: "metrics",
            tenant: "acme",
            key: "a0b1",
            status: 204,
            reason: "",
            upstream: "127.0.0.1:9009",
            bytes_in: 65_536,
            bytes_out: 0,
            duration_us: 1200,
            overhead_us: 40,
            upstream_us: 1160,
            user_agent: b"Prometheus/2.42.0",
        }
    }

    fn line(format: Format, entry: &Entry<'_>) -> String {
        let mut out = Vec::new();
        Lines::new(format).write(&mut out, entry);
        String::from_utf8(out).expect("always UTF-8")
    }

    #[test]
    fn both_formats_in_full() {
        assert_eq!(
            line(Format::Logfmt, &entry()),
            "time=2026-01-02T03:04:05.678Z request_id=01JG peer=192.0.2.7:40001 listener=default \
             method=POST host=cortex.acme.example.com path=/api/v1/push version=HTTP/1.1 \
             service=metrics tenant=acme key=a0b1 status=204 reason=\"\" upstream=127.0.0.1:9009 \
             bytes_in=65536 bytes_out=0 duration_us=1200 overhead_us=40 upstream_us=1160 \
             user_agent=Prometheus/2.42.0\n"
        );
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        assert_eq!(
            line(Format::Json, &Entry { peer: v6, bytes_in: u64::MAX, ..entry() }),
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"request_id\":\"01JG\",\"peer\":\"[::1]:0\",\
             \"listener\":\"default\",\"method\":\"POST\",\"host\":\"cortex.acme.example.com\",\
             \"path\":\"/api/v1/push\",\"version\":\"HTTP/1.1\",\"service\":\"metrics\",\
             \"tenant\":\"acme\",\"key\":\"a0b1\",\"status\":204,\"reason\":\"\",\
             \"upstream\":\"127.0.0.1:9009\",\"bytes_in\":18446744073709551615,\"bytes_out\":0,\
             \"duration_us\":1200,\"overhead_us\":40,\"upstream_us\":1160,\
             \"user_agent\":\"Prometheus/2.42.0\"}\n"
        );
    }

    #[test]
    fn a_line_in_a_user_agent_stays_within_its_field() {
        let forged = Entry { user_agent: b"x\r\ntime=now status=200 \x1b[2K", ..entry() };
        let out = line(Format::Logfmt, &forged);
        assert!(out.ends_with("user_agent=\"x\\r\\ntime=now status=200 \\u001b[2K\"\n"), "{out}");
        assert_eq!(out.matches('\n').count(), 1);
    }

    #[test]
    fn long_texts_are_cut() {
        let long = vec![b'a'; 4096];
        let out = line(Format::Json, &Entry { path: &long, user_agent: &long, host: &long, ..entry() });
        let read: Value = serde_json::from_str(&out).expect("JSON");
        let length = |name: &str| read[name].as_str().map(str::len);
        assert_eq!(length("path"), Some(1024));
        assert_eq!(length("user_agent"), Some(256));
        assert_eq!(length("host"), Some(256));
    }

    proptest! {
        #[test]
        fn any_bytes_make_one_line(
            host in prop::collection::vec(any::<u8>(), 0..300),
            path in prop::collection::vec(any::<u8>(), 0..1100),
            user_agent in prop::collection::vec(any::<u8>(), 0..300),
            reason in any::<String>(),
            bytes_in in any::<u64>(),
        ) {
            let hostile = Entry {
                host: &host, path: &path, user_agent: &user_agent, reason: &reason, bytes_in, ..entry()
            };
            for format in [Format::Logfmt, Format::Json] {
                let out = line(format, &hostile);
                let body = out.strip_suffix('\n').expect("ends its line");
                prop_assert!(!body.chars().any(char::is_control), "{body:?}");
            }
            let read: Value = serde_json::from_str(&line(Format::Json, &hostile)).expect("JSON");
            let lossy = |text: &[u8], limit| Value::from(String::from_utf8_lossy(cut(text, limit)));
            prop_assert_eq!(&read["host"], &lossy(&host, 256));
            prop_assert_eq!(&read["path"], &lossy(&path, 1024));
            prop_assert_eq!(&read["user_agent"], &lossy(&user_agent, 256));
            prop_assert_eq!(&read["reason"], &lossy(reason.as_bytes(), 256));
            prop_assert_eq!(&read["bytes_in"], &Value::from(bytes_in));
        }

        #[test]
        fn addresses_are_as_std_writes_them(peer in any::<SocketAddr>()) {
            let mut out = Vec::new();
            address(&mut out, peer);
            // A scope is of this host alone and says nothing of the caller.
            let unscoped = SocketAddr::new(peer.ip(), peer.port());
            prop_assert_eq!(String::from_utf8(out).expect("ASCII"), unscoped.to_string());
        }
    }
}
