//! Refusals: which status each has and how it is told (RFC 9457). The one place where statuses of
//! refusals are chosen.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::trail::Reason;
use crate::control::{Fault, seconds};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("there is nothing at this path; /api/v1/openapi.json lists what there is")]
    NoRoute,
    #[error("this path does not have that method; the Allow header lists those it has")]
    Method,
    /// A record that cannot exist, as its name is none.
    #[error("{0} does not exist")]
    NoRecord(String),
    #[error("{0}")]
    Malformed(String),
    #[error("the body must be sent as Content-Type: application/json")]
    MediaType,
    #[error("the body must be sent as Content-Type: text/plain")]
    NoPlainText,
    /// What a cookie alone must not do.
    #[error("a write by cookie needs the header X-CSRF-TOKEN, with the csrfToken of /api/v1/me")]
    NoCsrf,
    #[error("a page of another site may not do this")]
    OtherSite,
    #[error("this instance has been set up already; sign in at /login")]
    SetUp,
    #[error("the body is larger than {} KiB", most / 1024)]
    TooLarge { most: usize },
    #[error("the body did not arrive in time")]
    SlowBody,
    #[error("this took too long; it may have been done all the same")]
    TimedOut,
}

/// What went wrong, in the form of RFC 9457.
#[derive(Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: &'static str,
    #[schema(example = 422)]
    status: u16,
    /// What is wrong and what to do.
    #[schema(example = "id: \"www\" is reserved and cannot be a tenant id")]
    detail: String,
    /// The same as `detail`.
    message: String,
    /// Each field that breaks a rule, up to 100 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// A field that breaks a rule.
#[derive(Serialize, ToSchema)]
struct FieldError {
    /// Its path in the body, or the name of the query parameter.
    #[schema(example = "id")]
    field: String,
    /// Which rule.
    #[schema(example = "\"www\" is reserved and cannot be a tenant id")]
    message: String,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Fault(fault) => match fault {
                Fault::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Fault::NotFound(_) | Fault::Missing(_) => StatusCode::NOT_FOUND,
                Fault::Conflict(_) => StatusCode::CONFLICT,
                Fault::Precondition(_) => StatusCode::PRECONDITION_FAILED,
                Fault::Unauthenticated => StatusCode::UNAUTHORIZED,
                Fault::Forbidden(_) => StatusCode::FORBIDDEN,
                Fault::Busy => StatusCode::SERVICE_UNAVAILABLE,
                Fault::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
                Fault::Store(_) | Fault::Hash(_) | Fault::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Refusal::NoRoute | Refusal::NoRecord(_) => StatusCode::NOT_FOUND,
            Refusal::Method | Refusal::SetUp => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::NoCsrf | Refusal::OtherSite => StatusCode::FORBIDDEN,
            Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
            Refusal::MediaType | Refusal::NoPlainText => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Refusal::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn extra_header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED if matches!(self, Refusal::SetUp) => {
                Some((header::ALLOW, HeaderValue::from_static("GET, HEAD")))
            }
            StatusCode::UNAUTHORIZED => {
                let basic = HeaderValue::from_static("Basic realm=\"tenantry\", charset=\"UTF-8\"");
                Some((header::WWW_AUTHENTICATE, basic))
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                Some((header::RETRY_AFTER, self.retry_after().into()))
            }
            _ => None,
        }
    }

    fn retry_after(&self) -> u64 {
        match self {
            Refusal::Fault(Fault::TooMany { retry_after }) => seconds(*retry_after),
            _ => 1,
        }
    }

    /// What the caller is told: nothing of what is inside.
    pub(super) fn detail(&self) -> String {
        match self.status() {
            StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(error = %self, "admin request failed");
                "something failed inside; the gateway's log says what".to_owned()
            }
            _ => self.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, detail) = (self.status(), self.detail());
        let header = self.extra_header();
        let reason = (status == StatusCode::FORBIDDEN).then(|| Reason(detail.clone()));
        let flaws = match self {
            Refusal::Fault(Fault::Invalid(flaws)) => flaws.0,
            _ => Vec::new(),
        };
        let problem = Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            message: detail.clone(),
            detail,
            errors: flaws
                .into_iter()
                .map(|flaw| FieldError { field: flaw.field, message: flaw.message })
                .collect(),
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = header {
            headers.insert(name, value);
        }
        if let Some(reason) = reason {
            response.extensions_mut().insert(reason);
        }
        response
    }
}
