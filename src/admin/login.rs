//! `/login` and `/logout`: sessions, for browsers and for Kestra's clients.

use std::time::Instant;

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Form, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::body::{Body, Rest, bytes, is};
use super::caller::{Caller, SameOrigin, Whence};
use super::problem::Refusal;
use super::trail::Trail;
use crate::control::{Flaws, Via};
use crate::model::{Secret, Timestamp};

/// A user's name and password.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
pub(super) struct Credentials {
    #[schema(example = "ann@example.com", min_length = 1, max_length = 254)]
    username: String,
    #[schema(format = Password, min_length = 1, max_length = 1024)]
    password: String,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Somebody who has signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoggedIn {
    #[schema(example = "ann@example.com")]
    username: String,
    /// What writes by cookie have to send as `X-CSRF-TOKEN`.
    csrf_token: String,
    /// When the session ends (RFC 3339).
    #[schema(format = DateTime)]
    expires_at: String,
}

impl<S: Sync> FromRequest<S> for Credentials {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        if !is(request.headers(), &["application/x-www-form-urlencoded"]) {
            let Body(credentials) = Body::<Credentials>::from_request(request, state).await?;
            let mut flaws = Flaws::default();
            credentials.rest.refuse(&[], &mut flaws);
            flaws.settle()?;
            return Ok(credentials);
        }
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts, bytes(body).await?.into());
        let form = Form::from_request(whole, &()).await.map(|Form(credentials)| credentials);
        form.map_err(|_| Refusal::Malformed("the form must have one username and one password".to_owned()))
    }
}

/// Signs a user in. Sets a cookie that is good until the session ends: `__Host-tenantry` over TLS,
/// `tenantry` without. Requests by cookie other than GET and HEAD need the header `X-CSRF-TOKEN`, with
/// the token that is in the answer and in that of `/api/v1/me`. An `Authorization` header goes before
/// a cookie. A session ends when its user is deleted or disabled, or gets another password. A user has
/// 64 of them at most: with one more, the first ends.
#[utoipa::path(
    post, path = "/login", tag = "sessions", security(()),
    request_body(content((Credentials = "application/json"), (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Signed in.", body = LoggedIn,
            headers(("Set-Cookie" = String, description = "The session's ticket."))),
        (status = 400, description = "The request is malformed."),
        (status = 401, description = "The user name or the password is wrong."),
        (status = 403, description = "A page of another site asks."),
        (status = 429, description = "Too many failed logins; Retry-After says how long to wait."),
        (status = 500, description = "Something failed inside."),
    )
)]
pub(super) async fn login(
    _: SameOrigin,
    Whence(origin): Whence,
    trail: Trail,
    state: State,
    credentials: Credentials,
) -> Result<impl IntoResponse, Refusal> {
    let sessions = state.wiring.sessions;
    let password = Secret::new(credentials.password);
    let clock = (Timestamp::now(), Instant::now());
    let control = &state.wiring.control;
    trail.claimed(&credentials.username, Via::Password);
    let entry = control.sign_in(&credentials.username, password, origin, sessions.ttl, clock).await?;
    let logged_in = LoggedIn {
        username: entry.user.into(),
        csrf_token: entry.signed_in.csrf,
        expires_at: entry.signed_in.expires_at.to_string(),
    };
    Ok(([(header::SET_COOKIE, sessions.set(&entry.ticket))], Json(logged_in)))
}

/// Signs the caller out: ends the session, if it was one that they showed, and clears the cookie.
#[utoipa::path(
    post, path = "/logout", tag = "sessions",
    responses((status = 204, description = "Signed out.",
        headers(("Set-Cookie" = String, description = "Nothing, so that the cookie is forgotten."))))
)]
pub(super) async fn logout(Caller(authority): Caller, state: State) -> Result<impl IntoResponse, Refusal> {
    state.wiring.control.sign_out(&authority, Timestamp::now()).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, state.wiring.sessions.clear())]))
}
