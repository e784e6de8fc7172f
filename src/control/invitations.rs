//! Invitations into a tenant: sent, shown, taken back. Holds the rule that nobody invites to more than
//! they have themselves. How they are accepted: see `acceptance`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use super::acceptance::{Gift, give, raise};
use super::departure::caught_up;
use super::members;
use super::options::unknown_service;
use super::roles::{self, RoleEntry};
use super::{Authority, Control, Fault, Flaws, Lack, Listed, Plan, Search, Seen, draw, find, names, users};
use crate::model::{
    Act, Area, Group, Id, Invitation, InvitationPlace, InvitationStatus, InvitedRole, Power, Principal,
    Secret, Tenant, TenantId, TicketKind, Timestamp, User, UserName,
};
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored, within};

/// How long an invitation can be accepted.
const GOOD_FOR: Duration = Duration::from_hours(7 * 24);
/// Invitations of a tenant that can be open at once.
const MOST_PENDING: usize = 10_000;

/// Who shall come into a tenant, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    pub email: UserName,
    /// Whether the user is made at once when there is none; for super admins.
    pub create_user: bool,
    pub super_admin: bool,
    pub roles: Vec<InvitedRole>,
    pub groups: BTreeSet<Id>,
}

/// What has become of the wish to invite somebody.
pub enum Invited {
    /// It is sent: whoever has the ticket, which is shown once, can accept it.
    Sent(Box<Stored<InvitationEntry>>, Secret),
    /// They are a user, and have access already.
    Admitted,
}

/// An invitation as it is shown: without roles and groups that are gone.
#[derive(Clone)]
pub struct InvitationEntry {
    pub invitation: Invitation,
    pub status: InvitationStatus,
    pub roles: Vec<(RoleEntry, Option<BTreeSet<String>>)>,
    /// Ids and names.
    pub groups: Vec<(Id, String)>,
}

impl Listed for InvitationEntry {
    const FIELDS: &'static [&'static str] = &["id", "email", "status"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match (name, self.status) {
            ("id", _) => self.invitation.id.to_string().into(),
            ("email", _) => self.invitation.email.as_str().into(),
            ("status", InvitationStatus::Pending) => "PENDING".into(),
            ("status", InvitationStatus::Accepted) => "ACCEPTED".into(),
            ("status", InvitationStatus::Expired) => "EXPIRED".into(),
            _ => Cow::default(),
        }
    }
}

pub(super) fn power(act: Act) -> Power {
    Power::new(Area::Invitation, act)
}

impl Control {
    /// Invites somebody into a tenant. A user of that name gets access at once.
    pub async fn invite(
        &self,
        authority: &Authority,
        tenant: TenantId,
        new: NewInvitation,
        now: Timestamp,
    ) -> Result<Invited, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Create))?;
        // Whoever sends one has to be able to give it still when it is accepted.
        if authority.vouched_for().is_some() {
            return Err(Fault::Forbidden(Lack::Account));
        }
        if new.super_admin || new.create_user {
            authority.require_super_admin()?;
        }
        let id = draw::id()?;
        let (ticket, hash) = draw::ticket(TicketKind::Invitation, id)?;
        let good_for = u64::try_from(GOOD_FOR.as_millis()).unwrap_or(u64::MAX);
        let invitation = Invitation {
            tenant,
            id,
            email: new.email,
            roles: new.roles,
            groups: new.groups,
            super_admin: new.super_admin,
            invited_by: authority.principal(),
            hash: Some(hash),
            sent_at: now,
            expires_at: Timestamp::from_millis(now.millis().saturating_add(good_for)),
            accepted_at: None,
        };
        let (giver, published, services) = (authority.clone(), self.published.clone(), self.services());
        let made = self.write(authority, now, move |store| {
            let live = caught_up(store, &published)?;
            let tenant = find::<Tenant>(store, &RecordId::Tenant(invitation.tenant.clone()))?;
            let gift = Gift::whole(store, &tenant, &invitation)?;
            gift.covered_by(&live, &giver)?;
            known_services(&invitation.roles, &services)?;
            match user_of(store, &invitation.email)? {
                Some(user) => admitted(store, &gift, &invitation, user, now),
                None if new.create_user => made_and_admitted(store, &gift, &invitation, now),
                None => sent(store, &gift, &invitation, now),
            }
        });
        let made = made.await?;
        Ok(match made.value {
            None => Invited::Admitted,
            Some(value) => {
                let entry = self.read(move |store| entry(store, value, now)).await?;
                Invited::Sent(Box::new(Stored { version: made.version, value: entry }), ticket)
            }
        })
    }

    /// A page of a tenant's invitations, and how many there are on all pages.
    pub async fn invitations(
        &self,
        authority: &Authority,
        tenant: TenantId,
        search: Search,
        now: Timestamp,
    ) -> Result<(Vec<InvitationEntry>, usize), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| search.page(entries(store, &tenant, now, |_| true)?)).await
    }

    /// All invitations of an address into a tenant.
    pub async fn invitations_of(
        &self,
        authority: &Authority,
        tenant: TenantId,
        email: UserName,
        now: Timestamp,
    ) -> Result<Vec<InvitationEntry>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| entries(store, &tenant, now, |one| one.email == email)).await
    }

    pub async fn invitation(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
        now: Timestamp,
    ) -> Result<Stored<InvitationEntry>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| {
            let found = find::<Invitation>(store, &RecordId::Invitation(tenant, id))?;
            Ok(Stored { version: found.version, value: entry(store, found.value, now)? })
        })
        .await
    }

    /// Takes an invitation back: its link is worth nothing when this returns. What was accepted stays.
    pub async fn revoke_invitation(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Delete))?;
        self.write(authority, now, move |store| {
            let record = RecordId::Invitation(tenant.clone(), id);
            let version = find::<Invitation>(store, &record)?.version;
            seen.check(&record, version)?;
            let mut plan = Plan::new(());
            plan.delete(record, version);
            plan.changes.push(Change::Delete(RecordId::InvitationPlace(id)));
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// Refuses roles that are limited to services that there are not.
fn known_services(roles: &[InvitedRole], services: &[String]) -> Result<(), Fault> {
    let mut flaws = Flaws::default();
    for (nth, role) in roles.iter().enumerate() {
        if let Some(message) = unknown_service(role.services.as_ref(), services) {
            flaws.add(&format!("roles[{nth}].services"), message);
        }
    }
    flaws.settle()
}

/// The user of a name, if there is one.
pub(super) fn user_of(store: &Store, name: &UserName) -> Result<Option<Stored<User>>, Fault> {
    match names::holder(store, names::of_user(name))? {
        Some(taken) => Ok(store.find(&RecordId::User(taken.value.id))?),
        None => Ok(None),
    }
}

/// A user who signs in by the invited address, and has no password yet.
pub(super) fn newcomer(id: Id, invitation: &Invitation, now: Timestamp) -> User {
    User {
        id,
        name: invitation.email.clone(),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: None,
        super_admin: invitation.super_admin,
        disabled: false,
        restricted: false,
        created_at: now,
        updated_at: now,
    }
}

/// What a write leaves behind: an invitation, if one was sent.
type Outcome = Plan<Option<Invitation>>;

fn outcome(value: Option<Invitation>) -> Outcome {
    Plan::new(value)
}

fn admitted(
    store: &Store,
    gift: &Gift<'_>,
    invitation: &Invitation,
    user: Stored<User>,
    now: Timestamp,
) -> Result<Outcome, Fault> {
    let principal = Principal::User(user.value.id);
    if !members::found(store, &gift.tenant.value, principal, now)?.is_new() {
        return Err(Fault::Conflict(format!("\"{}\" has access to the tenant already", user.value.name)));
    }
    let mut plan = outcome(None);
    raise(invitation.super_admin, user, now, &mut plan);
    give(store, gift, principal, now, &mut plan)?;
    Ok(plan)
}

fn made_and_admitted(
    store: &Store,
    gift: &Gift<'_>,
    invitation: &Invitation,
    now: Timestamp,
) -> Result<Outcome, Fault> {
    let id = draw::id()?;
    let made = users::made(store, newcomer(id, invitation, now))?;
    let mut plan = Plan { expect: made.expect, changes: made.changes, value: None };
    give(store, gift, Principal::User(id), now, &mut plan)?;
    Ok(plan)
}

fn sent(store: &Store, gift: &Gift<'_>, invitation: &Invitation, now: Timestamp) -> Result<Outcome, Fault> {
    let mut pending = store.all::<Invitation>(Some(&within(Some(&invitation.tenant))))?;
    pending.retain(|one| one.value.status(now) == InvitationStatus::Pending);
    if pending.iter().any(|one| one.value.email == invitation.email) {
        return Err(Fault::Conflict(format!("\"{}\" is invited already", invitation.email)));
    }
    if pending.len() >= MOST_PENDING {
        return Err(Fault::Conflict(format!("{MOST_PENDING} invitations are open: delete some first")));
    }
    let mut plan = outcome(Some(invitation.clone()));
    plan.expect.extend(gift.expected());
    let place = InvitationPlace { id: invitation.id, tenant: invitation.tenant.clone() };
    plan.expect.extend([(invitation.record_id(), Expect::Absent), (place.record_id(), Expect::Absent)]);
    plan.changes.extend([Change::Put(invitation.clone().into()), Change::Put(place.into())]);
    Ok(plan)
}

fn entries(
    store: &Store,
    tenant: &TenantId,
    now: Timestamp,
    wanted: impl Fn(&Invitation) -> bool,
) -> Result<Vec<InvitationEntry>, Fault> {
    let all = store.all::<Invitation>(Some(&within(Some(tenant))))?;
    let all = all.into_iter().map(|stored| stored.value).filter(wanted);
    all.map(|invitation| entry(store, invitation, now)).collect()
}

fn entry(store: &Store, invitation: Invitation, now: Timestamp) -> Result<InvitationEntry, Fault> {
    let tenant = find::<Tenant>(store, &RecordId::Tenant(invitation.tenant.clone()))?;
    let mut roles = Vec::with_capacity(invitation.roles.len());
    for invited in &invitation.roles {
        match roles::entry(store, &tenant, invited.role) {
            Ok(role) => roles.push((role.value, invited.services.clone())),
            Err(Fault::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
    }
    let mut groups = Vec::with_capacity(invitation.groups.len());
    for id in &invitation.groups {
        let record = RecordId::Group(invitation.tenant.clone(), *id);
        groups.extend(store.find::<Group>(&record)?.map(|group| (*id, group.value.name)));
    }
    Ok(InvitationEntry { status: invitation.status(now), invitation, roles, groups })
}
