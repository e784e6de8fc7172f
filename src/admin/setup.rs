//! What may be asked before anybody has signed in: how to, and to become the first.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::body::{Body, Rest, bytes, is};
use super::caller::Whence;
use super::problem::Refusal;
use super::words;
use crate::control::{FirstUser, Flaws, broken_rules};
use crate::model::{Secret, TenantId, Timestamp, UserName};

/// Whether the instance is somebody's.
#[derive(Serialize, ToSchema)]
pub(super) struct Setup {
    done: bool,
}

/// Whom the instance shall belong to.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = SetupForm)]
pub(super) struct Form {
    #[schema(value_type = Option<words::UserName>)]
    username: Option<String>,
    #[schema(value_type = Option<words::NewPassword>)]
    password: Option<String>,
    /// A tenant to be made; the user becomes its Admin.
    #[schema(value_type = Option<words::TenantId>)]
    tenant: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Who has become the first.
#[derive(Serialize, ToSchema)]
pub(super) struct First {
    id: String,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
}

/// By what people can sign in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Auths {
    /// By name and password.
    login_password: bool,
    /// Whether this gateway sends mails: it does not.
    mails_enabled: bool,
    /// By a code that is mailed: no.
    passwordless: bool,
    /// By identity providers: none.
    oauths: Vec<String>,
}

/// Whether a new password will do.
#[derive(Serialize, ToSchema)]
pub(super) struct Verdict {
    valid: bool,
    /// Each rule that it breaks.
    errors: Vec<String>,
}

/// A password as plain text.
pub(super) struct Plain(Secret);

impl<S: Sync> FromRequest<S> for Plain {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        if !is(request.headers(), &["text/plain"]) {
            return Err(Refusal::NoPlainText);
        }
        let bytes = bytes(request.into_body()).await?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Plain(Secret::new(text))),
            Err(_) => Err(Refusal::Malformed("the body is no UTF-8".to_owned())),
        }
    }
}

impl Form {
    fn read(self) -> Result<FirstUser, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let name = match self.username {
            Some(name) => flaws.take("username", UserName::parse(&name)),
            None => flaws.take("username", Err("is missing")),
        };
        let password = match self.password {
            Some(password) => Some(Secret::new(password)),
            None => flaws.take("password", Err("is missing")),
        };
        let tenant = self.tenant.and_then(|id| flaws.take("tenant", TenantId::parse(&id)));
        let (name, password) = flaws.yields(name.zip(password))?;
        Ok(FirstUser { name, password, tenant })
    }
}

/// Says whether the instance has been set up.
#[utoipa::path(
    get, path = "/api/v1/setup", tag = "setup", security(()),
    responses(
        (status = 200, description = "Whether it has.", body = Setup),
        (status = 500, description = "Something failed inside."),
    )
)]
pub(super) async fn state(state: State) -> Result<Json<Setup>, Refusal> {
    Ok(Json(Setup { done: state.wiring.control.is_set_up().await? }))
}

/// Makes the first super admin, and a tenant with them as its Admin if one is named. Only as long as
/// there is no user and no service account of the instance: a gateway that was started in the usual
/// way has made its first super admin by itself.
#[utoipa::path(
    post, path = "/api/v1/setup", tag = "setup", security(()), request_body = Form,
    responses(
        (status = 200, description = "Who is the first.", body = First),
        (status = 400, description = "The request is malformed."),
        (status = 405, description = "It has been set up."),
        (status = 409, description = "There is a tenant of that id."),
        (status = 500, description = "Something failed inside."),
    )
)]
pub(super) async fn set_up(
    Whence(origin): Whence,
    state: State,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let control = &state.wiring.control;
    if control.is_set_up().await? {
        return Err(Refusal::SetUp);
    }
    let first = form.read()?;
    let tenant = first.tenant.clone().map(String::from);
    let made = control.set_up(first, origin, Timestamp::now()).await?.ok_or(Refusal::SetUp)?;
    Ok((StatusCode::OK, Json(First { id: made.id.to_string(), username: made.name.into(), tenant })))
}

/// Lists by what people can sign in.
#[utoipa::path(
    get, path = "/api/v1/auths", tag = "setup", security(()),
    responses((status = 200, description = "The ways to sign in.", body = Auths))
)]
pub(super) async fn auths() -> Json<Auths> {
    Json(Auths { login_password: true, mails_enabled: false, passwordless: false, oauths: Vec::new() })
}

/// Judges a new password by the policy, without setting it. It is sent as plain text.
#[utoipa::path(
    post, path = "/api/v1/validate-password", tag = "setup", security(()),
    request_body(content = String, content_type = "text/plain", description = "The password."),
    responses(
        (status = 200, description = "Whether it will do.", body = Verdict),
        (status = 400, description = "The request is malformed."),
    )
)]
pub(super) async fn validate_password(Plain(password): Plain) -> Json<Verdict> {
    let errors = broken_rules("", &password);
    Json(Verdict { valid: errors.is_empty(), errors })
}
