//! A back end's address as written: `http://host[:port][/base]`. Knows no key.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::problem::quoted;
use super::read::shape;
use super::word::Word;
use crate::model::{HostTemplate, PathTemplate, Upstream};

impl Word for Upstream {
    const WHAT: &'static str = "text such as http://127.0.0.1:9009";

    fn word(text: &str) -> Result<Self, String> {
        let rest = after_scheme(text)?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            // The text is not shown: there may be a password in it.
            return Err("a back end's address has no user and no password".to_owned());
        }
        if tail.contains(['?', '#']) {
            return Err(format!("{} has a query or a fragment; only a path can follow", quoted(text)));
        }
        let (host, port) = host_and_port(authority).map_err(|fault| format!("{}: {fault}", quoted(text)))?;
        let base = base(tail).map_err(|fault| format!("{}: {fault}", quoted(text)))?;
        Ok(Upstream { host, port, base })
    }
}

shape!([] Upstream, |_generator| {
    json_schema!({ "type": "string", "pattern": "^http://[^/?#@]+(/[^?#]*)?$" })
});

fn after_scheme(text: &str) -> Result<&str, String> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok(rest),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
            Err("TLS to the back end is not supported in this version; write http://".to_owned())
        }
        _ => Err("a back end's address begins with http://".to_owned()),
    }
}

fn host_and_port(authority: &str) -> Result<(String, u16), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (address, port) = inner.split_once(']').ok_or("the bracket is not closed")?;
            let address: Ipv6Addr =
                address.parse().map_err(|_| format!("{} is no IPv6 address", quoted(address)))?;
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
    if port == 0 {
        return Err("the port is a number from 1 to 65535 after a colon".to_owned());
    }
    Ok((host, port))
}

fn host_name(text: &str) -> Result<String, String> {
    let labels: HostTemplate = text.parse().map_err(|fault| format!("{fault}"))?;
    if labels.has_tenant() {
        return Err("{tenant} has no place in a back end's address".to_owned());
    }
    let host = text.to_ascii_lowercase();
    // What ends in a number is an IP address (WHATWG URL §3.5), and resolvers take odd ones.
    let last = labels.0.last().and_then(Option::as_deref).unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!("{} is no IPv4 address", quoted(text)));
    }
    Ok(host)
}

fn base(tail: &str) -> Result<String, String> {
    if tail.is_empty() {
        return Ok(String::new());
    }
    let path: PathTemplate = tail.parse().map_err(|fault| format!("{fault}"))?;
    if path.has_tenant() {
        return Err("{tenant} has no place in a back end's address".to_owned());
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
            assert_eq!(Upstream::word(text).map(|u| u.to_string()), Ok(shown.to_owned()), "{text}");
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
            assert!(Upstream::word(text).is_err(), "{text}");
        }
        assert!(Upstream::word("http://user:pass@a").is_err_and(|fault| !fault.contains("pass@")));
        assert!(Upstream::word("https://a").is_err_and(|fault| fault.contains("TLS")));
    }
}
