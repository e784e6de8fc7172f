//! Users as they are written and shown on the wire.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Rest, nullable};
use super::problem::Refusal;
use super::words;
use crate::control::{Flaws, Name, NewUser, Person, Places, UserChange, display_name};
use crate::model::{Id, Secret, TenantId, User, UserName};

/// What Kestra's clients say of a user and this gateway has no use for.
const KESTRA: &[&str] = &["namespaceId"];
/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["auths", "createdAt", "displayName", "updatedAt"];

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

/// A user to be made, or what one shall be. Fields that Kestra's clients send beside these are
/// accepted and ignored; others are refused.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = UserForm)]
pub(super) struct Form {
    /// By what the user signs in, in any case. No colon, no space.
    #[schema(value_type = Option<words::UserName>)]
    email: Option<String>,
    /// Instead of `email`; ignored beside it.
    #[schema(value_type = Option<words::UserName>)]
    username: Option<String>,
    /// Empty when left out.
    #[schema(value_type = Option<words::GivenName>)]
    first_name: Option<String>,
    /// Empty when left out.
    #[schema(value_type = Option<words::GivenName>)]
    last_name: Option<String>,
    /// Left out: none when creating, the same as before when replacing.
    #[schema(value_type = Option<words::NewPassword>)]
    password: Option<String>,
    /// All the tenants to which the user shall have access. Left out when replacing: the same as
    /// before.
    tenants: Option<Vec<Named>>,
    /// All the groups that the user shall be in, of whatever tenants. Being in a group takes access to
    /// its tenant, which is given. Left out when replacing: the same as before.
    groups: Option<Vec<Named>>,
    /// False when creating and left out; else the same as before. So with the other flags.
    super_admin: Option<bool>,
    /// The same as `superAdmin`.
    instance_owner: Option<bool>,
    restricted: Option<bool>,
    disabled: Option<bool>,
    /// Nothing but the user's own id, and not when creating.
    id: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// An id, or a record that has one, as the gateway shows it.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "an id, or an object with one")]
#[schema(as = IdOrRecord)]
pub(super) enum Named {
    Id(String),
    Record { id: String },
}

/// What shall change about a user: what is left out stays, null means none.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = UserPatch)]
pub(super) struct Patch {
    /// By what the user signs in.
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

impl Form {
    pub(super) fn create(self) -> Result<NewUser, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA, OURS], &mut flaws);
        let name = self.email.or(self.username);
        let name = match name {
            Some(name) => email(&name, &mut flaws),
            None => flaws.take("email", Err("is missing")),
        };
        let first_name = given_name("firstName", self.first_name, &mut flaws);
        let last_name = given_name("lastName", self.last_name, &mut flaws);
        let super_admin = one_of(self.super_admin, self.instance_owner, &mut flaws).unwrap_or(false);
        let places = places(self.tenants, self.groups, &mut flaws);
        Ok(NewUser {
            name: flaws.yields(name)?,
            first_name,
            last_name,
            password: self.password.map(Secret::new),
            super_admin,
            restricted: self.restricted.unwrap_or(false),
            disabled: self.disabled.unwrap_or(false),
            places,
        })
    }

    pub(super) fn replace(self, id: Id) -> Result<UserChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA, OURS], &mut flaws);
        if self.id.is_some_and(|given| given != id.to_string()) {
            flaws.add("id", "cannot be changed");
        }
        let name = match self.email.or(self.username) {
            Some(name) => email(&name, &mut flaws),
            None => flaws.take("email", Err("is missing")),
        };
        let change = UserChange {
            name,
            first_name: Some(given_name("firstName", self.first_name, &mut flaws)),
            last_name: Some(given_name("lastName", self.last_name, &mut flaws)),
            password: self.password.map(|password| Some(Secret::new(password))),
            super_admin: one_of(self.super_admin, self.instance_owner, &mut flaws),
            restricted: self.restricted,
            disabled: self.disabled,
            places: places(self.tenants, self.groups, &mut flaws),
        };
        flaws.settle()?;
        Ok(change)
    }
}

impl Patch {
    pub(super) fn change(self) -> Result<UserChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let change = UserChange {
            name: self.email.and_then(|text| email(&text, &mut flaws)),
            first_name: self.first_name.map(|name| given_name("firstName", name, &mut flaws)),
            last_name: self.last_name.map(|name| given_name("lastName", name, &mut flaws)),
            ..UserChange::default()
        };
        flaws.settle()?;
        Ok(change)
    }
}

impl Named {
    fn id(&self) -> &str {
        match self {
            Named::Id(id) | Named::Record { id } => id,
        }
    }
}

pub(super) fn email(text: &str, flaws: &mut Flaws) -> Option<UserName> {
    flaws.take("email", UserName::parse(text))
}

/// A first or last name; none when it is empty.
pub(super) fn given_name(field: &str, text: Option<String>, flaws: &mut Flaws) -> Option<Name> {
    let text = text.filter(|text| !text.is_empty())?;
    flaws.take(field, Name::parse(text))
}

/// One flag with two names.
pub(super) fn one_of(super_admin: Option<bool>, owner: Option<bool>, flaws: &mut Flaws) -> Option<bool> {
    if super_admin.zip(owner).is_some_and(|(one, other)| one != other) {
        flaws.add("instanceOwner", "is the same as superAdmin: give one of them");
    }
    super_admin.or(owner)
}

/// What is no id at all names nothing that exists, but it is more use to say which rule it breaks.
fn places(tenants: Option<Vec<Named>>, groups: Option<Vec<Named>>, flaws: &mut Flaws) -> Places {
    Places {
        tenants: tenants.map(|named| ids("tenants", &named, TenantId::parse, flaws)),
        groups: groups.map(|named| ids("groups", &named, str::parse::<Id>, flaws)),
    }
}

fn ids<T: Ord, E: Display>(
    field: &str,
    named: &[Named],
    parse: impl Fn(&str) -> Result<T, E>,
    flaws: &mut Flaws,
) -> BTreeSet<T> {
    let each = named.iter().enumerate();
    each.filter_map(|(at, named)| flaws.take(&format!("{field}[{at}]"), parse(named.id()))).collect()
}
