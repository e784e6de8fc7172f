//! Who calls the admin port. Each scheme answers that it was not asked, whom it recognised, or that
//! it was asked and refuses; a refused credential never counts as none.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, header};

use super::problem::Refusal;
use super::trail::Trail;
use super::{Desk, frame};
use crate::auth::{is_token, user_and_password};
use crate::control::{Authority, Control, Fault, Origin, Via, knows_csrf};
use crate::model::{Ticket, TicketKind, Timestamp};

const CSRF: &str = "x-csrf-token";

/// Somebody who was recognised, and what they may.
pub(super) struct Caller(pub Authority);

/// From where a request comes, whoever sends it.
pub(super) struct Whence(pub Origin);

/// Nobody's page but our own.
pub(super) struct SameOrigin;

/// What one scheme makes of a request's credential.
enum Outcome {
    NotRequested,
    Authenticated(Authority),
    Failed(Refusal),
}

/// The one `Authorization` header of a request.
struct Credential<'a> {
    scheme: &'a str,
    value: &'a str,
}

impl FromRequestParts<Arc<Desk>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Refusal> {
        let control = &desk.wiring.control;
        same_origin(parts)?;
        let address = address(&parts.extensions);
        let trail = Trail::of(&parts.extensions);
        let outcome = match Credential::of(&parts.headers)? {
            None => cookie(desk, parts, address, &trail).await?,
            Some(credential) => match basic(control, &credential, address, &trail).await {
                Outcome::NotRequested => bearer(control, &credential, &trail),
                decided => decided,
            },
        };
        match outcome {
            Outcome::Authenticated(authority) => {
                let authority = authority.within(address.to_string(), request_id(parts));
                trail.known(&authority);
                Ok(Caller(authority))
            }
            Outcome::Failed(refusal) => Err(refusal),
            Outcome::NotRequested => Err(Fault::Unauthenticated.into()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Whence {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Whence(Origin { address: address(&parts.extensions), request_id: request_id(parts) }))
    }
}

impl<S: Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        same_origin(parts).map(|()| SameOrigin)
    }
}

/// Refuses writes that another site's page sends: a browser adds what it has of ours by itself, also
/// the password of Basic. Browsers say from where they ask (Fetch Metadata; `Origin` where they do
/// not trust the connection), other clients say nothing.
fn same_origin(parts: &Parts) -> Result<(), Refusal> {
    if parts.method.is_safe() {
        return Ok(());
    }
    let told = |name: &str| parts.headers.get(name).map(HeaderValue::as_bytes);
    let ours = match (told("sec-fetch-site"), told("origin")) {
        (Some(site), _) => matches!(site, b"same-origin" | b"none"),
        (None, Some(origin)) => {
            let host = told("host").unwrap_or_default();
            [&b"http://"[..], b"https://"].into_iter().any(|scheme| {
                origin.strip_prefix(scheme).is_some_and(|origin| origin.eq_ignore_ascii_case(host))
            })
        }
        (None, None) => true,
    };
    if ours { Ok(()) } else { Err(Refusal::OtherSite) }
}

impl<'a> Credential<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (all.next(), all.next());
        if second.is_some() {
            return Err(Refusal::Malformed("there is more than one Authorization header".to_owned()));
        }
        // What is no text is no credential of any scheme.
        let Some(text) = first.map(|value| value.to_str().unwrap_or_default()) else { return Ok(None) };
        let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
        Ok(Some(Credential { scheme, value: value.trim_matches(' ') }))
    }
}

/// RFC 7617: a user's name and password, or a token as the password.
async fn basic(control: &Control, credential: &Credential<'_>, address: IpAddr, trail: &Trail) -> Outcome {
    if !credential.scheme.eq_ignore_ascii_case("basic") {
        return Outcome::NotRequested;
    }
    let Some((user, password)) = user_and_password(credential.value) else {
        trail.claimed("", Via::Password);
        return Outcome::Failed(Fault::Unauthenticated.into());
    };
    if is_token(password.reveal()) {
        return by_token(control, password.reveal(), trail);
    }
    trail.claimed(&user, Via::Password);
    match control.authenticate(&user, password, address, Instant::now()).await {
        Ok(authority) => Outcome::Authenticated(authority),
        Err(fault) => Outcome::Failed(fault.into()),
    }
}

/// RFC 6750: a token of the data plane.
fn bearer(control: &Control, credential: &Credential<'_>, trail: &Trail) -> Outcome {
    if !credential.scheme.eq_ignore_ascii_case("bearer") {
        return Outcome::NotRequested;
    }
    by_token(control, credential.value, trail)
}

/// RFC 6265: a session's ticket. Browsers send it by themselves, so a write needs a proof besides
/// that it is our own page that asks.
async fn cookie(desk: &Desk, parts: &Parts, address: IpAddr, trail: &Trail) -> Result<Outcome, Refusal> {
    let Some(ticket) = desk.wiring.sessions.ticket(&parts.headers)? else {
        return Ok(Outcome::NotRequested);
    };
    trail.claimed("", Via::Session);
    let authority = match desk.wiring.control.resume(ticket, Timestamp::now()).await {
        Ok(authority) => authority,
        Err(fault) => return Ok(Outcome::Failed(fault.into())),
    };
    trail.known(&authority.clone().within(address.to_string(), request_id(parts)));
    let mut shown = parts.headers.get_all(CSRF).iter();
    let shown = shown.next().filter(|_| shown.next().is_none()).and_then(|shown| shown.to_str().ok());
    let knows = authority.session().zip(shown).is_some_and(|(session, shown)| knows_csrf(session, shown));
    match knows || matches!(parts.method, Method::GET | Method::HEAD) {
        true => Ok(Outcome::Authenticated(authority)),
        false => Ok(Outcome::Failed(Refusal::NoCsrf)),
    }
}

fn by_token(control: &Control, token: &str, trail: &Trail) -> Outcome {
    let ours = Ticket::claimed(TicketKind::ApiToken, token);
    trail.claimed("", if ours { Via::ApiToken } else { Via::Jwt });
    match control.identify(token, Timestamp::now()) {
        Ok(authority) => Outcome::Authenticated(authority),
        Err(fault) => Outcome::Failed(fault.into()),
    }
}

/// The request's id, as `frame` has set it.
fn request_id(parts: &Parts) -> String {
    let id = parts.headers.get(frame::REQUEST_ID).and_then(|id| id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

/// The caller's address; all callers share one where the listener does not tell.
pub(super) fn address(extensions: &Extensions) -> IpAddr {
    match extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(peer)) => peer.ip(),
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(values: &[&'static str]) -> Result<Option<(String, String)>, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        let read = Credential::of(&headers)?;
        Ok(read.map(|credential| (credential.scheme.to_owned(), credential.value.to_owned())))
    }

    #[test]
    fn one_header_is_read_and_two_are_refused() {
        let read = |values: &[&'static str]| credential(values).ok().flatten();
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["bAsIc  YTpi "]), Some(("bAsIc".into(), "YTpi".into())));
        assert_eq!(read(&["Basic"]), Some(("Basic".into(), String::new())));
        assert!(matches!(credential(&["Basic YTpi", "Basic YTpi"]), Err(Refusal::Malformed(_))));
    }
}
