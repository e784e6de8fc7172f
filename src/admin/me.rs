//! `/api/v1/me`: who the caller is, as the gateway sees it, and what users change of their own.

use std::time::Instant;

use axum::Json;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::body::{Body, Rest, nullable};
use super::caller::{Caller, Whence};
use super::etag::{ETag, IfMatch, Precondition};
use super::problem::Refusal;
use super::userform::{email, given_name};
use super::userview::{Auth, TenantName};
use super::words;
use crate::control::{Authority, Control, Flaws, NewPassword, OwnChange, Person, Vouched};
use crate::model::{Secret, Timestamp, User};
use crate::store::Revision;

/// A caller.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    /// The id of the account; of the tenant, for whom a trusted key vouches.
    id: String,
    /// Whether the caller may manage tenants and identities everywhere.
    super_admin: bool,
    /// Whether the caller may not change the own profile, password and tokens.
    restricted: bool,
    profile: Profile,
    /// By what the account can sign in.
    auths: Vec<MyAuth>,
    /// The tenants to which the caller has access.
    tenants: Vec<TenantName>,
    /// For a session: what writes by cookie have to send as `X-CSRF-TOKEN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// For a token that a trusted key vouches for: what it speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Token>,
}

/// What a token of the data plane is good for.
#[derive(Serialize, ToSchema)]
struct Token {
    #[schema(example = "acme")]
    tenant: String,
    /// The id of the trusted key that vouches for it.
    key: String,
    /// What it may do to the tenant's data.
    #[schema(example = json!(["metrics:read", "metrics:write"]))]
    grants: Vec<String>,
    /// When it ends (RFC 3339); none when it never does.
    expires_at: Option<String>,
}

/// What people know an account by.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Profile {
    #[schema(example = "ann@example.com")]
    username: String,
    /// Of users only, as are the names.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
}

/// A way to sign in.
#[derive(Serialize, ToSchema)]
struct MyAuth {
    name: &'static str,
    r#type: &'static str,
}

/// What shall change about one's own profile: what is left out stays, null means none.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = MePatch)]
pub(super) struct Patch {
    /// Nothing but the address that it is: only a super admin changes by what somebody signs in.
    #[schema(value_type = Option<words::UserName>)]
    email: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::GivenName>)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::GivenName>)]
    last_name: Option<Option<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// One's own password, and what shall be it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
pub(super) struct PasswordChange {
    #[schema(format = Password, max_length = 1024)]
    old_password: String,
    #[schema(value_type = words::NewPassword)]
    new_password: String,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Who am I?
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "The caller.", body = Me,
        headers(("ETag" = Option<String>, description = "The version of the user, if it is one."))))
)]
pub(super) async fn read(Caller(authority): Caller, state: State) -> Result<impl IntoResponse, Refusal> {
    let (version, me) = seen(&state.wiring.control, &authority).await?;
    Ok((version.map(ETag), Json(me)))
}

/// Changes what is given about one's own profile. Not for restricted users, nor for tokens that have
/// not all of their owner's rights.
#[utoipa::path(
    patch, path = "/api/v1/me", tag = "me",
    request_body(content((Patch = "application/json"), (Patch = "application/merge-patch+json"))),
    params(Precondition),
    responses((status = 200, description = "The caller.", body = Me,
        headers(("ETag" = String, description = "Its new version."))))
)]
pub(super) async fn change(
    Caller(authority): Caller,
    state: State,
    IfMatch(expected): IfMatch,
    Body(patch): Body<Patch>,
) -> Result<impl IntoResponse, Refusal> {
    let control = &state.wiring.control;
    let change = patch.change()?;
    let changed = control.change_own_profile(&authority, change, expected, Timestamp::now()).await?;
    Ok((ETag(changed.version), Json(Me::user(&authority, changed.value))))
}

/// Changes one's own password. All other sessions of the user end. A wrong old password counts as a
/// failed login.
#[utoipa::path(
    put, path = "/api/v1/me/password", tag = "me", request_body = PasswordChange,
    responses((status = 200, description = "The caller.", body = Me,
        headers(("ETag" = Option<String>, description = "The new version of the user."))))
)]
pub(super) async fn password(
    Caller(authority): Caller,
    Whence(origin): Whence,
    state: State,
    Body(form): Body<PasswordChange>,
) -> Result<impl IntoResponse, Refusal> {
    let mut flaws = Flaws::default();
    form.rest.refuse(&[], &mut flaws);
    flaws.settle()?;
    let passwords = NewPassword { old: Secret::new(form.old_password), new: Secret::new(form.new_password) };
    let control = &state.wiring.control;
    let clock = (Timestamp::now(), Instant::now());
    control.change_own_password(&authority, passwords, origin.address, clock).await?;
    let (version, me) = seen(control, &authority).await?;
    Ok((version.map(ETag), Json(me)))
}

/// The caller, and the version of the user if it is one.
async fn seen(control: &Control, authority: &Authority) -> Result<(Option<Revision>, Me), Refusal> {
    if let Some(user) = control.own_user(authority).await? {
        return Ok((Some(user.version), Me::user(authority, user.value)));
    }
    let (id, tenants) = match (authority.principal(), authority.vouched_for()) {
        (Some(principal), _) => (principal.id().to_string(), control.tenants_of(principal.id()).await?),
        (None, Some(vouched)) => (vouched.tenant.to_string(), control.tenant_named(&vouched.tenant).await?),
        (None, None) => (String::new(), Vec::new()),
    };
    let username = authority.who().to_owned();
    let me = Me {
        id,
        super_admin: authority.is_super_admin(),
        restricted: false,
        profile: Profile { username, email: None, first_name: None, last_name: None },
        auths: Vec::new(),
        tenants: tenants.into_iter().map(TenantName::from).collect(),
        csrf_token: None,
        token: authority.vouched_for().map(Token::of),
    };
    Ok((None, me))
}

impl Me {
    fn user(authority: &Authority, person: Person) -> Self {
        let Person { user, tenants, .. } = person;
        Me {
            id: user.id.to_string(),
            super_admin: authority.is_super_admin(),
            restricted: user.restricted,
            auths: Auth::of(&user).map(|auth| MyAuth { name: auth.name, r#type: auth.r#type }).collect(),
            profile: Profile::of(user),
            tenants: tenants.into_iter().map(TenantName::from).collect(),
            csrf_token: authority.session().map(|signed_in| signed_in.csrf.clone()),
            token: None,
        }
    }
}

impl Profile {
    fn of(user: User) -> Self {
        let name = user.name.to_string();
        let (first_name, last_name) = (Some(user.first_name), Some(user.last_name));
        Profile { username: name.clone(), email: Some(name), first_name, last_name }
    }
}

impl Patch {
    fn change(self) -> Result<OwnChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let change = OwnChange {
            email: self.email.and_then(|text| email(&text, &mut flaws)),
            first_name: self.first_name.map(|name| given_name("firstName", name, &mut flaws)),
            last_name: self.last_name.map(|name| given_name("lastName", name, &mut flaws)),
        };
        flaws.settle()?;
        Ok(change)
    }
}

impl Token {
    fn of(vouched: &Vouched) -> Self {
        Token {
            tenant: vouched.tenant.to_string(),
            key: vouched.key.clone(),
            grants: vouched.effective.everywhere.texts().collect(),
            expires_at: vouched.expires.map(|at| at.to_string()),
        }
    }
}
