//! Every way in which a request ends here: the one place where our own statuses are chosen.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use crate::auth::{Denied, Failure, is_basic};
use crate::catalog::Methods;
use crate::telemetry::UpstreamFailure;

/// Why a request is not answered by a back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Bad(Bad),
    /// A method that is never forwarded: CONNECT, TRACE.
    NoSuchMethod,
    /// No rule covers this host and path.
    NoService,
    /// The service's table does not list this path.
    Unlisted,
    /// The path is listed with these methods only.
    OtherMethods(Methods),
    Unauthenticated(Failure),
    Denied(Denied),
    /// The caller stopped sending its body.
    SlowBody,
    /// The body is larger than the tenant's may be.
    TooLarge,
    /// The caller's body broke off or is not framed as HTTP has it.
    BrokenBody,
    Upstream(UpstreamFailure),
    /// Something that cannot happen has.
    Internal,
}

/// What is wrong with a request that cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Missing, double, contradictory or no host at all.
    Host,
    Path,
    /// A header that must be alone is not.
    Header,
    /// A header's name is longer than any reader has to cope with.
    HeaderName,
}

/// When a suspended tenant may be back, in seconds.
const SUSPENDED: u64 = 30;
/// When there is room again for a password to be checked, in seconds.
const CHECKED: u64 = 1;

const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"tenantry\", charset=\"UTF-8\"");

/// Whether a caller whose credential is refused is told that a name and a password will do. For that
/// a browser asks its user in a window of its own, also when it was a script of a page that asked
/// (Grafana's own pages do). So only callers are told that came with `Basic` themselves, as agents
/// do, and no script of a browser: those are marked, with another mode than `navigate`.
pub fn offers_basic(headers: &HeaderMap) -> bool {
    let by_script = headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate");
    let credential = headers.get(header::AUTHORIZATION);
    !by_script && credential.is_some_and(|credential| is_basic(credential.as_bytes()))
}

impl Refusal {
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::Bad(_) | Refusal::BrokenBody | Refusal::Unauthenticated(Failure::Ambiguous) => {
                StatusCode::BAD_REQUEST
            }
            Refusal::NoSuchMethod | Refusal::OtherMethods(_) => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::NoService | Refusal::Unlisted | Refusal::Denied(Denied::UnknownTenant) => {
                StatusCode::NOT_FOUND
            }
            Refusal::Unauthenticated(Failure::Locked { .. }) => StatusCode::TOO_MANY_REQUESTS,
            // An agent that gets this keeps what it has and tries again.
            Refusal::Unauthenticated(Failure::Busy | Failure::Broken)
            | Refusal::Denied(Denied::Suspended) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Refusal::Denied(Denied::Lacks(_)) => StatusCode::FORBIDDEN,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Refusal::Upstream(failure) => upstream_status(failure),
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The precise reason, for the access log.
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::Bad(Bad::Host) => "bad_host",
            Refusal::Bad(Bad::Path) => "bad_path",
            Refusal::Bad(Bad::Header) => "bad_header",
            Refusal::Bad(Bad::HeaderName) => "bad_header_name",
            Refusal::NoSuchMethod => "bad_method",
            Refusal::NoService => "no_service",
            Refusal::Unlisted => "unlisted",
            Refusal::OtherMethods(_) => "method",
            Refusal::Unauthenticated(failure) => failure.reason(),
            Refusal::Denied(Denied::UnknownTenant) => "unknown_tenant",
            Refusal::Denied(Denied::Suspended) => "suspended",
            Refusal::Denied(Denied::Lacks(_)) => "forbidden",
            Refusal::TooLarge => "too_large",
            Refusal::SlowBody => "slow_body",
            Refusal::BrokenBody => "broken_body",
            Refusal::Upstream(failure) => failure.label(),
            Refusal::Internal => "internal",
        }
    }

    /// What the caller is told. All faults of tokens sound alike.
    fn text(self) -> Bytes {
        Bytes::from_static(match self {
            Refusal::Bad(Bad::Host) => b"the request does not name exactly one host\n",
            Refusal::Bad(Bad::Path) => b"the path is not in canonical form\n",
            Refusal::Bad(Bad::Header) => b"a header that must be alone is there twice\n",
            Refusal::Bad(Bad::HeaderName) => b"the name of a header is too long\n",
            Refusal::Unauthenticated(Failure::Ambiguous) => b"more than one credential\n",
            Refusal::NoSuchMethod | Refusal::OtherMethods(_) => b"method not allowed\n",
            Refusal::NoService | Refusal::Unlisted => b"not found\n",
            Refusal::Denied(Denied::UnknownTenant) => b"tenant not found\n",
            Refusal::Unauthenticated(Failure::Missing) => b"Authorization header missing\n",
            Refusal::Unauthenticated(Failure::Locked { .. }) => b"too many failed attempts\n",
            Refusal::Unauthenticated(Failure::Busy) => b"too many passwords to check: try again\n",
            Refusal::Unauthenticated(Failure::Broken) => b"the password could not be checked: try again\n",
            Refusal::Denied(Denied::Suspended) => b"the tenant is suspended\n",
            Refusal::Unauthenticated(_) => b"bad authentication token\n",
            Refusal::Denied(Denied::Lacks(permission)) => return lacks(permission),
            Refusal::TooLarge => b"the body is larger than this tenant's may be\n",
            Refusal::SlowBody => b"the request took too long here\n",
            Refusal::BrokenBody => b"the request's body is broken\n",
            Refusal::Upstream(failure) if upstream_status(failure) == StatusCode::GATEWAY_TIMEOUT => {
                b"the back end did not answer in time\n"
            }
            Refusal::Upstream(_) => b"the back end cannot be reached\n",
            Refusal::Internal => b"internal error\n",
        })
    }

    /// The answer. `basic`: whether the caller is offered Basic.
    pub fn response(self, basic: bool) -> Response<Bytes> {
        let mut response = Response::new(self.text());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self {
            Refusal::Unauthenticated(failure) => turn_away(failure, basic, headers),
            Refusal::Denied(Denied::Suspended) => {
                headers.insert(header::RETRY_AFTER, SUSPENDED.into());
            }
            Refusal::Denied(Denied::Lacks(_)) => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer error=\"insufficient_scope\""),
                );
            }
            Refusal::OtherMethods(methods) => {
                if let Ok(allow) = HeaderValue::try_from(methods.to_string()) {
                    headers.insert(header::ALLOW, allow);
                }
            }
            Refusal::NoSuchMethod => {
                // RFC 9110 §15.5.6 wants a list; what the path allows is among these.
                let known = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
                headers.insert(header::ALLOW, known);
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            // Part of a body may still be on its way: what follows it cannot be found.
            Refusal::TooLarge | Refusal::SlowBody | Refusal::BrokenBody | Refusal::Bad(_) => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Refusal::NoService
            | Refusal::Unlisted
            | Refusal::Denied(Denied::UnknownTenant)
            | Refusal::Upstream(_)
            | Refusal::Internal => {}
        }
        response
    }
}

/// What a caller who is not known is told besides.
fn turn_away(failure: Failure, basic: bool, headers: &mut HeaderMap) {
    let bearer = match failure {
        Failure::Locked { retry_after } => {
            // Rounded up, so that it is not too early after them.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.into());
            return;
        }
        Failure::Busy | Failure::Broken => {
            headers.insert(header::RETRY_AFTER, CHECKED.into());
            return;
        }
        // RFC 6750 §3: no error code for a request without a credential.
        Failure::Missing => "Bearer",
        Failure::Ambiguous => "Bearer error=\"invalid_request\"",
        _ => "Bearer error=\"invalid_token\"",
    };
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(bearer));
    if basic && failure != Failure::Ambiguous {
        headers.append(header::WWW_AUTHENTICATE, BASIC);
    }
}

fn lacks(permission: crate::model::Permission) -> Bytes {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "this credential does not grant {permission}");
    text.into()
}

fn upstream_status(failure: UpstreamFailure) -> StatusCode {
    match failure {
        UpstreamFailure::ConnectTimeout | UpstreamFailure::FirstByteTimeout | UpstreamFailure::Timeout => {
            StatusCode::GATEWAY_TIMEOUT
        }
        UpstreamFailure::ConnectRefused
        | UpstreamFailure::ConnectFailed
        | UpstreamFailure::Closed
        | UpstreamFailure::Malformed
        | UpstreamFailure::Truncated => StatusCode::BAD_GATEWAY,
    }
}
