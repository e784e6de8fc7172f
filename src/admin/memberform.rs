//! People and machines of a tenant as they are shown on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Rest;
use super::problem::Refusal;
use super::words;
use crate::control::{Assigned, Flaws, InGroup, MemberEntry, Newcomer};
use crate::model::{self, Principal, TenantId, UserName};

/// Whether somebody is a person.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = UserType)]
pub(super) enum AccountType {
    Standard,
    ServiceAccount,
}

impl From<Principal> for AccountType {
    fn from(principal: Principal) -> Self {
        match principal {
            Principal::User(_) => AccountType::Standard,
            Principal::ServiceAccount(_) => AccountType::ServiceAccount,
        }
    }
}

/// What somebody is in a group.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Membership {
    /// Manages who is in the group.
    Owner,
    Member,
}

impl From<Membership> for model::Membership {
    fn from(membership: Membership) -> Self {
        match membership {
            Membership::Owner => model::Membership::Owner,
            Membership::Member => model::Membership::Member,
        }
    }
}

impl From<model::Membership> for Membership {
    fn from(membership: model::Membership) -> Self {
        match membership {
            model::Membership::Owner => Membership::Owner,
            model::Membership::Member => Membership::Member,
        }
    }
}

/// A group that somebody is in.
#[derive(Serialize, ToSchema)]
struct GroupMembership {
    id: String,
    name: String,
    /// Always false: no group is managed from outside.
    external: bool,
    membership: Membership,
}

impl From<InGroup> for GroupMembership {
    fn from(group: InGroup) -> Self {
        let membership = group.membership.into();
        GroupMembership { id: group.id.to_string(), name: group.name, external: false, membership }
    }
}

/// Somebody who has access to a tenant, or is in one of its groups.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantMember)]
pub(super) struct Summary {
    pub(super) id: String,
    username: String,
    display_name: String,
    r#type: AccountType,
    groups: Vec<GroupMembership>,
}

impl From<MemberEntry> for Summary {
    fn from(member: MemberEntry) -> Self {
        Summary {
            id: member.profile.principal.id().to_string(),
            r#type: member.profile.principal.into(),
            username: member.profile.name,
            display_name: member.profile.display,
            groups: member.groups.into_iter().map(GroupMembership::from).collect(),
        }
    }
}

/// Somebody's access to a tenant, and what they may do there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantAccess)]
pub(super) struct Shown {
    tenant_id: String,
    user_id: String,
    username: String,
    display_name: String,
    r#type: AccountType,
    groups: Vec<GroupMembership>,
    roles: Vec<RoleAssignment>,
    /// Whether they manage tenants and identities everywhere; that is no role here.
    super_admin: bool,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A role that somebody has, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RoleAssignment {
    id: String,
    name: String,
    origin: Origin,
    /// The id of the group when it is by one, else of the binding.
    source_id: String,
    /// The only services at which it holds; left out when it holds everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<Vec<String>>,
    permissions: Vec<ResourceActions>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = RoleOrigin)]
enum Origin {
    /// By a binding of their own.
    Binding,
    /// By a binding of a group that they are in.
    Group,
}

#[derive(Serialize, ToSchema)]
struct ResourceActions {
    resource: String,
    actions: Vec<String>,
}

impl From<Assigned> for RoleAssignment {
    fn from(assigned: Assigned) -> Self {
        // A binding that is limited to services gives no right of administration.
        let rights = match assigned.services {
            Some(_) => model::Rights::on_data(assigned.role.rights.data),
            None => assigned.role.rights,
        };
        let permissions: BTreeMap<String, Vec<String>> = rights.into();
        RoleAssignment {
            id: assigned.role.id,
            name: assigned.role.name,
            origin: if assigned.group.is_some() { Origin::Group } else { Origin::Binding },
            source_id: assigned.group.unwrap_or(assigned.binding).to_string(),
            services: assigned.services,
            permissions: permissions
                .into_iter()
                .map(|(resource, actions)| ResourceActions { resource, actions })
                .collect(),
        }
    }
}

impl Shown {
    pub(super) fn new(tenant: &TenantId, member: MemberEntry, roles: Vec<Assigned>) -> Self {
        Shown {
            tenant_id: tenant.to_string(),
            user_id: member.profile.principal.id().to_string(),
            r#type: member.profile.principal.into(),
            super_admin: member.profile.super_admin,
            username: member.profile.name,
            display_name: member.profile.display,
            groups: member.groups.into_iter().map(GroupMembership::from).collect(),
            roles: roles.into_iter().map(RoleAssignment::from).collect(),
            created_at: member.created_at.to_string(),
        }
    }
}

/// A user who shall get access to a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = TenantAccessForm)]
pub(super) struct Form {
    /// The user's name, in any case.
    #[schema(value_type = words::UserName)]
    email: String,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl Form {
    pub(super) fn read(self) -> Result<Newcomer, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let name = flaws.take("email", UserName::parse(&self.email));
        Ok(Newcomer::Named(flaws.yields(name)?))
    }
}
