//! Invitations as they are written and shown on the wire.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bindingform::check_services;
use super::body::Rest;
use super::problem::Refusal;
use super::roleform::Summary;
use super::userform::{email, given_name, one_of};
use super::{named, roles, words};
use crate::control::{Flaws, InvitationEntry, NewInvitation, NewPerson};
use crate::model::{Id, InvitationStatus, InvitedRole, Secret, TenantId};

/// Roles and groups of one invitation, each.
const MOST: usize = 100;

/// What has become of an invitation.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = InvitationStatus)]
pub(super) enum Status {
    Pending,
    Accepted,
    Expired,
}

impl From<InvitationStatus> for Status {
    fn from(status: InvitationStatus) -> Self {
        match status {
            InvitationStatus::Pending => Status::Pending,
            InvitationStatus::Accepted => Status::Accepted,
            InvitationStatus::Expired => Status::Expired,
        }
    }
}

/// An invitation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invitation)]
pub(super) struct Shown {
    pub(super) id: String,
    tenant_id: String,
    email: String,
    status: Status,
    /// The roles to which whoever accepts is bound; without those that are gone.
    roles: Vec<RoleGiven>,
    /// The groups into which whoever accepts comes; without those that are gone.
    groups: Vec<GroupGiven>,
    /// Whether whoever accepts becomes a super admin.
    super_admin: bool,
    /// RFC 3339.
    #[schema(format = DateTime)]
    sent_at: String,
    /// When it can no longer be accepted (RFC 3339).
    #[schema(format = DateTime)]
    expired_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    accepted_at: Option<String>,
}

/// A role that is given, with where.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitationRole)]
struct RoleGiven {
    #[serde(flatten)]
    role: Summary,
    /// The only services at which it holds; left out when it holds everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<BTreeSet<String>>,
}

/// A group into which somebody comes.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitationGroup)]
struct GroupGiven {
    id: String,
    name: String,
}

/// An invitation that was just sent: nobody sees its link again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SentInvitation)]
pub(super) struct Sent {
    #[serde(flatten)]
    invitation: Shown,
    /// The path to which whoever is invited posts a name and a password. To be handed on as a
    /// secret is: this gateway sends no mail.
    link: String,
}

impl From<InvitationEntry> for Shown {
    fn from(entry: InvitationEntry) -> Self {
        let InvitationEntry { invitation, status, roles, groups } = entry;
        Shown {
            id: invitation.id.to_string(),
            tenant_id: invitation.tenant.into(),
            email: invitation.email.into(),
            status: status.into(),
            roles: roles
                .into_iter()
                .map(|(role, services)| RoleGiven { role: role.into(), services })
                .collect(),
            groups: groups.into_iter().map(|(id, name)| GroupGiven { id: id.to_string(), name }).collect(),
            super_admin: invitation.super_admin,
            sent_at: invitation.sent_at.to_string(),
            expired_at: invitation.expires_at.to_string(),
            accepted_at: invitation.accepted_at.map(|at| at.to_string()),
        }
    }
}

impl Sent {
    pub(super) fn new(entry: InvitationEntry, ticket: &Secret) -> Self {
        let link = format!("/api/v1/invitation/create/{}", ticket.reveal());
        Sent { invitation: entry.into(), link }
    }
}

/// Who shall be invited, and to what.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = InvitationForm)]
pub(super) struct Form {
    /// By what whoever accepts will sign in.
    #[schema(value_type = words::UserName)]
    email: String,
    /// Whether the user is made at once when there is none, without a password; for super admins.
    /// False when left out.
    create_user_if_not_exist: Option<bool>,
    /// Whether whoever accepts becomes a super admin; for super admins. False when left out.
    super_admin: Option<bool>,
    /// Another name of `superAdmin`.
    instance_owner: Option<bool>,
    /// Roles of the tenant; none when left out.
    #[schema(max_items = 100)]
    roles: Option<Vec<RoleForm>>,
    /// The ids of groups of the tenant; none when left out.
    #[schema(value_type = Option<Vec<words::Id>>, max_items = 100)]
    groups: Option<Vec<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// A role that shall be given.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = InvitationRoleForm)]
struct RoleForm {
    #[schema(value_type = words::RoleId)]
    id: String,
    /// The only services at which it shall hold, 1 to 64, as in bindings; everywhere when left out.
    #[schema(value_type = Option<Vec<words::ServiceName>>, min_items = 1, max_items = 64)]
    services: Option<BTreeSet<String>>,
    /// Nothing, or none: there are no namespaces here.
    #[schema(value_type = Option<Vec<String>>, max_items = 0)]
    namespaces: Option<Vec<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl Form {
    pub(super) fn read(self, tenant: &TenantId) -> Result<NewInvitation, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let email = email(&self.email, &mut flaws);
        let super_admin = one_of(self.super_admin, self.instance_owner, &mut flaws).unwrap_or_default();
        let (roles, groups) = (self.roles.unwrap_or_default(), self.groups.unwrap_or_default());
        for (field, given) in [("roles", roles.len()), ("groups", groups.len())] {
            if given > MOST {
                flaws.add(field, format_args!("has at most {MOST} entries"));
            }
        }
        for (nth, role) in roles.iter().enumerate() {
            role.check(&format!("roles[{nth}]."), &mut flaws);
        }
        let email = flaws.yields(email)?;
        let roles = roles.into_iter().map(|role| role.read(tenant)).collect::<Result<_, _>>()?;
        let groups =
            groups.iter().map(|id| named::record("group", id)).collect::<Result<BTreeSet<Id>, _>>()?;
        let create_user = self.create_user_if_not_exist.unwrap_or_default();
        Ok(NewInvitation { email, create_user, super_admin, roles, groups })
    }
}

impl RoleForm {
    fn check(&self, prefix: &str, flaws: &mut Flaws) {
        let mut own = Flaws::default();
        self.rest.refuse(&[], &mut own);
        if let Some(services) = &self.services {
            check_services(services, &mut own);
        }
        if self.namespaces.as_ref().is_some_and(|namespaces| !namespaces.is_empty()) {
            own.add("namespaces", "there are no namespaces here: name services to limit a role");
        }
        flaws.add_all(prefix, own);
    }

    fn read(self, tenant: &TenantId) -> Result<InvitedRole, Refusal> {
        Ok(InvitedRole { role: roles::named(&self.id, tenant)?, services: self.services })
    }
}

/// Who accepts an invitation as a new user.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = InvitationUser)]
pub(super) struct PersonForm {
    #[schema(value_type = Option<words::GivenName>)]
    first_name: Option<String>,
    #[schema(value_type = Option<words::GivenName>)]
    last_name: Option<String>,
    #[schema(value_type = words::NewPassword)]
    password: String,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl PersonForm {
    pub(super) fn read(self) -> Result<NewPerson, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let first_name = given_name("firstName", self.first_name, &mut flaws);
        let last_name = given_name("lastName", self.last_name, &mut flaws);
        flaws.settle()?;
        Ok(NewPerson { first_name, last_name, password: Secret::new(self.password) })
    }
}

/// Who has accepted an invitation.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitationAccepted)]
pub(super) struct Accepted {
    pub(super) id: String,
    #[schema(example = "ann@example.com")]
    pub(super) username: String,
}
