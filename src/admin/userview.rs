//! Users as they are shown on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::control::{Person, display_name};
use crate::model::{TenantId, User};

/// A user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(super) struct Shown {
    id: String,
    /// By what the user signs in.
    #[schema(example = "ann@example.com")]
    username: String,
    /// First and last name; without them the user name.
    #[schema(example = "Ann Lee")]
    display_name: String,
    #[schema(example = "Ann")]
    first_name: String,
    #[schema(example = "Lee")]
    last_name: String,
    /// The same as `username`.
    #[schema(example = "ann@example.com")]
    email: String,
    /// The tenants to which the user has access.
    tenants: Vec<TenantName>,
    auths: Vec<Auth>,
    groups: Vec<GroupName>,
    super_admin: bool,
    /// May not change the own profile, password and tokens.
    restricted: bool,
    /// Known, and refused everywhere.
    disabled: bool,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A user in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserSummary)]
pub(super) struct Entry {
    id: String,
    #[schema(example = "ann@example.com")]
    username: String,
    #[schema(example = "Ann Lee")]
    display_name: String,
    /// The first hundred tenants to which the user has access, by their ids.
    tenants: Vec<TenantName>,
    auths: Vec<Auth>,
    super_admin: bool,
    disabled: bool,
}

/// A tenant, by its name.
#[derive(Serialize, ToSchema)]
pub(super) struct TenantName {
    #[schema(example = "acme")]
    id: String,
    #[schema(example = "Acme, Inc.")]
    name: String,
}

/// A way to sign in.
#[derive(Serialize, ToSchema)]
pub(super) struct Auth {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// `BASIC_AUTH`: a password.
    pub(super) r#type: &'static str,
}

/// A group that a user is in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserGroup)]
pub(super) struct GroupName {
    id: String,
    #[schema(example = "acme")]
    tenant_id: String,
}

impl Auth {
    pub(super) const PASSWORD: &str = "password";

    pub(super) fn of(user: &User) -> impl Iterator<Item = Auth> {
        let password = Auth { id: Auth::PASSWORD, name: Auth::PASSWORD, r#type: "BASIC_AUTH" };
        user.password_hash.as_ref().map(|_| password).into_iter()
    }
}

impl From<(TenantId, String)> for TenantName {
    fn from((id, name): (TenantId, String)) -> Self {
        TenantName { id: id.into(), name }
    }
}

impl From<Person> for Shown {
    fn from(Person { user, tenants, groups }: Person) -> Self {
        Shown {
            id: user.id.to_string(),
            display_name: display_name(&user),
            auths: Auth::of(&user).collect(),
            username: user.name.to_string(),
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.name.into(),
            tenants: tenants.into_iter().map(TenantName::from).collect(),
            groups: groups
                .into_iter()
                .map(|(tenant, id)| GroupName { id: id.to_string(), tenant_id: tenant.into() })
                .collect(),
            super_admin: user.super_admin,
            restricted: user.restricted,
            disabled: user.disabled,
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
        }
    }
}

impl From<Person> for Entry {
    fn from(Person { user, tenants, .. }: Person) -> Self {
        Entry {
            id: user.id.to_string(),
            display_name: display_name(&user),
            auths: Auth::of(&user).collect(),
            username: user.name.into(),
            tenants: tenants.into_iter().map(TenantName::from).collect(),
            super_admin: user.super_admin,
            disabled: user.disabled,
        }
    }
}
