//! The headers of a request on its way to a back end, and of the answer on its way back. What
//! concerns one connection only goes out, what callers may not say goes out, ours go in; in this
//! order, so that nobody can name ours in `Connection`.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Version};

use super::cookies;
use super::ids::REQUEST_ID;
use super::reject::{Bad, Refusal};
use super::target::Host;
use crate::auth::Permit;
use crate::net::{self, Conn};
use crate::snapshot::Routes;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Of one connection only (RFC 9110 §7.6.1), besides those that `Connection` names.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What a request brings and its back end must not see: said by us, meant for us, or believed by
/// some back ends as the truth about the caller. No proxy in front is trusted yet.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "expect"
            | "forwarded"
            | "http2-settings"
            | "x-scope-orgid"
            | "x-tenant"
            | "x-prom-label-policy"
            | "x-real-ip"
            | "x-original-url"
            | "x-original-host"
            | "x-rewrite-url"
            | "x-original-uri"
            | "x-envoy-original-path"
            | "x-http-method-override"
            | "x-http-method"
            | "x-method-override"
            | "x-client-ip"
            | "x-cluster-client-ip"
            | "true-client-ip"
            | "cf-connecting-ip"
            | "x-webauth-user"
            | "x-remote-user"
            | "remote-user"
    ) || name.starts_with("x-forwarded-")
}

/// CGI and its heirs read every other sign as if it were `-`: `X_Scope_OrgID`, `X.Scope.OrgID`.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// What a permitted request is sent with.
pub struct Additions<'a, 's> {
    pub permit: &'a Permit<'s>,
    pub routes: &'a Routes,
    pub host: &'a Host,
    pub conn: &'a Conn,
    pub id: &'a HeaderValue,
    /// Whether there is a body whose length nobody has said.
    pub unsized_body: bool,
}

/// Makes a caller's headers ours.
pub fn rewrite(request: &mut Parts, add: &Additions<'_, '_>) -> Result<(), Refusal> {
    let peers_host = request.headers.get(header::HOST).cloned();
    let headers = &mut request.headers;
    remove_connection(headers);
    remove_owned(headers, add.routes);
    cookies::strip(headers);
    if request.version == Version::HTTP_2 {
        join_cookies(headers)?;
        check_names(headers)?;
        check_length(headers)?;
    }
    // A body of unknown length is chunked; hyper would send none for methods that seldom have one.
    let seldom = matches!(request.method, Method::GET | Method::HEAD);
    if add.unsized_body && seldom {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let host = canonical_host(peers_host, add.host)?;
    headers.insert(FORWARDED_HOST, host.clone());
    headers.insert(header::HOST, host);
    headers.insert(FORWARDED_FOR, add.conn.peer_text.clone());
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if add.conn.tls { "https" } else { "http" }));
    let via = if request.version == Version::HTTP_2 { "2.0 tenantry" } else { "1.1 tenantry" };
    headers.append(header::VIA, HeaderValue::from_static(via));
    headers.insert(REQUEST_ID, add.id.clone());
    headers.insert(add.permit.service().tenant_header.clone(), add.permit.tenant().header.clone());
    Ok(())
}

/// Takes out of a request's trailers what a caller may not say in a header: some back ends read both.
pub fn strip_trailers(trailers: &mut HeaderMap, routes: &Routes) {
    remove_connection(trailers);
    remove_owned(trailers, routes);
    cookies::strip(trailers);
}

/// Takes out of a back end's answer what concerned our connection to it only.
pub fn strip_answer(headers: &mut HeaderMap) {
    // RFC 9112 §6.3: chunks end the body then, whatever a length beside them says.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    remove_connection(headers);
}

/// Gives any answer its last form: with the request's id, and as HTTP/2 wants it.
pub fn finish_answer(headers: &mut HeaderMap, version: Version, id: HeaderValue) {
    if version == Version::HTTP_2 {
        headers.remove(header::CONNECTION);
    }
    headers.insert(REQUEST_ID, id);
}

/// Removes the headers of one connection, and those that `Connection` names.
fn remove_connection(headers: &mut HeaderMap) {
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let present: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect();
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !is_connection_option(token))
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        // Framing and the host are ours to judge, whoever names them.
        .filter(|name| !matches!(*name, header::CONTENT_LENGTH | header::HOST))
        .collect();
    for name in present.iter().chain(&named) {
        headers.remove(name);
    }
}

fn is_connection_option(token: &[u8]) -> bool {
    token.eq_ignore_ascii_case(b"close") || token.eq_ignore_ascii_case(b"keep-alive")
}

/// Removes every spelling of what callers may not say.
fn remove_owned(headers: &mut HeaderMap, routes: &Routes) {
    let owned = |name: &HeaderName| {
        !is_plain(name.as_str()) || is_ours(name.as_str()) || routes.tenant_headers().contains(name)
    };
    // Most requests have one such header, `Authorization`: no list is made for that.
    headers.remove(header::AUTHORIZATION);
    if headers.keys().any(owned) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| owned(name)).cloned().collect();
        for name in &names {
            headers.remove(name);
        }
    }
}

/// HTTP/2 callers may split cookies (RFC 9113 §8.2.3); HTTP/1 has them in one line.
fn join_cookies(headers: &mut HeaderMap) -> Result<(), Refusal> {
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    if crumbs.by_ref().nth(1).is_none() {
        return Ok(());
    }
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let joined = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).map_err(|_| Refusal::Bad(Bad::Header))?;
    headers.insert(header::COOKIE, joined);
    Ok(())
}

/// What the guard refuses in HTTP/1 does not come by way of HTTP/2 either.
fn check_names(headers: &HeaderMap) -> Result<(), Refusal> {
    let long = |name: &HeaderName| name.as_str().len() > net::MAX_NAME;
    if headers.keys().any(long) { Err(Refusal::Bad(Bad::HeaderName)) } else { Ok(()) }
}

/// As [`check_names`]: one length, and a number.
fn check_length(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let sound = match (lengths.next(), lengths.next()) {
        (None, _) => true,
        (Some(length), None) => {
            (1..=18).contains(&length.len()) && length.as_bytes().iter().all(u8::is_ascii_digit)
        }
        (Some(_), Some(_)) => false,
    };
    if sound { Ok(()) } else { Err(Refusal::Bad(Bad::Header)) }
}

/// The canonical host as a header value: the caller's own, when it is canonical already.
fn canonical_host(peers: Option<HeaderValue>, host: &Host) -> Result<HeaderValue, Refusal> {
    match peers {
        Some(value) if value.as_bytes() == host.text() => Ok(value),
        _ => HeaderValue::from_bytes(host.text()).map_err(|_| Refusal::Bad(Bad::Host)),
    }
}
