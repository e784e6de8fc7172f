//! Users as they are written on the wire.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{Rest, nullable};
use super::problem::Refusal;
use super::words;
use crate::control::{Flaws, Name, NewUser, Places, UserChange};
use crate::model::{Id, Secret, TenantId, UserName};

/// What Kestra's clients say of a user and this gateway has no use for.
const KESTRA: &[&str] = &["namespaceId"];
/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["auths", "createdAt", "displayName", "updatedAt"];

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
