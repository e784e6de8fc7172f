//! How an invitation is accepted: by a new user, who has its link, or by the user whose name is its
//! address. What it gives is looked at once more: roles and groups may be gone, and whoever sent it
//! may have lost what it gives.

use super::bindings::subject;
use super::departure::caught_up;
use super::invitations::{newcomer, power, user_of};
use super::roles::{self, EVERYWHERE, RoleEntry};
use super::{Authority, Control, Fault, Name, Origin, Plan, Via, bindings, draw, find, members, users};
use crate::model::{
    Act, Group, Id, Invitation, InvitationPlace, InvitationStatus, InvitedRole, Membership, Principal,
    RoleId, Secret, Tenant, Ticket, TicketKind, Timestamp, User,
};
use crate::snapshot::Snapshot;
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored};

/// Who accepts an invitation as a new user.
#[derive(Clone)]
pub struct NewPerson {
    pub first_name: Option<Name>,
    pub last_name: Option<Name>,
    pub password: Secret,
}

impl Control {
    /// Makes the user who was invited, with all that the invitation gives. It has to be open, and
    /// nobody may be called so yet.
    pub async fn accept_as_new(
        &self,
        ticket: Secret,
        new: NewPerson,
        origin: Origin,
        now: Timestamp,
    ) -> Result<User, Fault> {
        let shown = ticket.clone();
        // Before the password is hashed: that costs too much for whoever has no link.
        let invitation = self.read(move |store| shown_by(store, &shown, now)).await?.value;
        let id = draw::id()?;
        let user = User {
            first_name: new.first_name.map_or_else(String::new, String::from),
            last_name: new.last_name.map_or_else(String::new, String::from),
            password_hash: self.hashed(invitation.email.as_str(), Some(new.password)).await?,
            ..newcomer(id, &invitation, now)
        };
        let authority = Authority::invited(&user);
        let authority = authority.within(origin.address.to_string(), origin.request_id);
        let published = self.published.clone();
        let made = self.write(&authority, now, move |store| {
            let invitation = shown_by(store, &ticket, now)?;
            if user_of(store, &user.name)?.is_some() {
                let message = "there is a user of that name: sign in as that user to accept it";
                return Err(Fault::Conflict(message.to_owned()));
            }
            let mut plan = users::made(store, user.clone())?;
            accept(store, &*caught_up(store, &published)?, invitation, id, now, &mut plan)?;
            Ok(plan)
        });
        Ok(made.await?.value)
    }

    /// Gives the user who asks all that an invitation gives, if it is open and for them.
    pub async fn accept_invitation(
        &self,
        authority: &Authority,
        invitation: Id,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let id = authority.require_own()?.principal.id();
        let published = self.published.clone();
        self.write(authority, now, move |store| {
            let user = find::<User>(store, &RecordId::User(id))?;
            let invitation = named(store, invitation)?;
            if invitation.value.email != user.value.name {
                return Err(unknown(invitation.value.id));
            }
            let invitation = open(invitation, now)?;
            let mut plan = Plan { expect: Vec::new(), changes: Vec::new(), value: () };
            raise(invitation.value.super_admin, user, now, &mut plan);
            accept(store, &*caught_up(store, &published)?, invitation, id, now, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// The open invitation whose link has this ticket.
fn shown_by(store: &Store, ticket: &Secret, now: Timestamp) -> Result<Stored<Invitation>, Fault> {
    let none = || Fault::Missing("such an invitation".to_owned());
    let ticket = Ticket::parse(TicketKind::Invitation, ticket.reveal()).ok_or_else(none)?;
    let found = named(store, ticket.id)?;
    match &found.value.hash {
        Some(hash) if ticket.proves(hash) => open(found, now),
        // Also one that was used: its hash is gone.
        Some(_) | None => Err(unknown(ticket.id)),
    }
}

fn named(store: &Store, id: Id) -> Result<Stored<Invitation>, Fault> {
    let place = store.find::<InvitationPlace>(&RecordId::InvitationPlace(id))?;
    let place = place.ok_or_else(|| unknown(id))?;
    store.find(&RecordId::Invitation(place.value.tenant, id))?.ok_or_else(|| unknown(id))
}

fn unknown(id: Id) -> Fault {
    Fault::Missing(format!("invitation \"{id}\""))
}

fn open(invitation: Stored<Invitation>, now: Timestamp) -> Result<Stored<Invitation>, Fault> {
    match invitation.value.status(now) {
        InvitationStatus::Pending => Ok(invitation),
        InvitationStatus::Accepted => Err(Fault::Conflict("this invitation was accepted already".to_owned())),
        InvitationStatus::Expired => {
            Err(Fault::Conflict("this invitation has expired: ask for another".to_owned()))
        }
    }
}

/// Plans to give a user all that an invitation gives, and its end.
fn accept<T>(
    store: &Store,
    live: &Snapshot,
    Stored { version, value: invitation }: Stored<Invitation>,
    user: Id,
    now: Timestamp,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    let tenant = find::<Tenant>(store, &RecordId::Tenant(invitation.tenant.clone()))?;
    let gift = Gift::left(store, &tenant, &invitation)?;
    if let Some(inviter) = invitation.invited_by {
        let account = live.accounts.get(&inviter.id()).filter(|account| !account.disabled);
        let inviter = account.map(|account| Authority::user(account.clone(), Via::Invitation));
        let may = |inviter: &Authority| {
            inviter.require(live, &tenant.value.id, power(Act::Create)).is_ok()
                && gift.covered_by(live, inviter).is_ok()
        };
        if !inviter.as_ref().is_some_and(may) {
            let message = "whoever sent this invitation can no longer give what it gives: ask for another";
            return Err(Fault::Conflict(message.to_owned()));
        }
    }
    give(store, &gift, Principal::User(user), now, plan)?;
    plan.expect.push((invitation.record_id(), Expect::Version(version)));
    let accepted = Invitation { hash: None, accepted_at: Some(now), ..invitation };
    plan.changes.push(Change::Put(accepted.into()));
    Ok(())
}

/// What an invitation gives, as it is now.
pub(super) struct Gift<'a> {
    pub(super) tenant: &'a Stored<Tenant>,
    super_admin: bool,
    roles: Vec<(InvitedRole, Stored<RoleEntry>)>,
    groups: Vec<Stored<Group>>,
}

impl<'a> Gift<'a> {
    /// All of it; the news of what there is not.
    pub(super) fn whole(
        store: &Store,
        tenant: &'a Stored<Tenant>,
        invitation: &Invitation,
    ) -> Result<Self, Fault> {
        Gift::of(store, tenant, invitation, Err)
    }

    /// What is left of it.
    fn left(store: &Store, tenant: &'a Stored<Tenant>, invitation: &Invitation) -> Result<Self, Fault> {
        Gift::of(store, tenant, invitation, |_| Ok(()))
    }

    fn of(
        store: &Store,
        tenant: &'a Stored<Tenant>,
        invitation: &Invitation,
        missing: impl Fn(Fault) -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        let (mut roles, mut groups) = (Vec::new(), Vec::new());
        for invited in &invitation.roles {
            match roles::entry(store, tenant, invited.role) {
                Ok(role) => roles.push((invited.clone(), role)),
                Err(none @ Fault::NotFound(_)) => missing(none)?,
                Err(other) => return Err(other),
            }
        }
        for id in &invitation.groups {
            match find::<Group>(store, &RecordId::Group(invitation.tenant.clone(), *id)) {
                Ok(group) => groups.push(group),
                Err(none @ Fault::NotFound(_)) => missing(none)?,
                Err(other) => return Err(other),
            }
        }
        Ok(Gift { tenant, super_admin: invitation.super_admin, roles, groups })
    }

    /// Refuses what whoever gives it does not have.
    pub(super) fn covered_by(&self, live: &Snapshot, giver: &Authority) -> Result<(), Fault> {
        if self.super_admin {
            giver.require_super_admin()?;
        }
        let tenant = &self.tenant.value.id;
        let held = giver.rights(live, tenant).unwrap_or_default();
        for (invited, role) in &self.roles {
            match &invited.services {
                None => giver.require_cover(&held, role.value.rights, EVERYWHERE)?,
                Some(services) => {
                    let services = services.iter().map(String::as_str);
                    giver.require_cover(&held, role.value.rights, Some(services))?;
                }
            }
        }
        let access = live.tenants.get(tenant.as_str()).map(|tenant| &tenant.access);
        let access = access.ok_or_else(|| Fault::no_tenant(tenant))?;
        let mut groups = self.groups.iter();
        groups.try_for_each(|group| giver.require_cover_all(&held, &access.group_rights(group.value.id)))
    }

    /// What must hold for it to be given.
    pub(super) fn expected(&self) -> impl Iterator<Item = (RecordId, Expect)> {
        let tenant = (self.tenant.value.record_id(), Expect::Version(self.tenant.version));
        let role = |(invited, role): &(InvitedRole, Stored<RoleEntry>)| match invited.role {
            RoleId::Managed(_) => None,
            RoleId::Custom(id) => {
                Some((RecordId::Role(self.tenant.value.id.clone(), id), Expect::Version(role.version)))
            }
        };
        let groups =
            self.groups.iter().map(|group| (group.value.record_id(), Expect::Version(group.version)));
        std::iter::once(tenant).chain(self.roles.iter().filter_map(role)).chain(groups)
    }
}

/// Plans to give somebody access to the tenant, its default role if they are new, and all of a gift
/// that belongs to the tenant.
pub(super) fn give<T>(
    store: &Store,
    gift: &Gift<'_>,
    principal: Principal,
    now: Timestamp,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    plan.expect.extend(gift.expected());
    let tenant = &gift.tenant.value;
    let mut found = members::found(store, tenant, principal, now)?;
    for group in &gift.groups {
        found.member.groups.entry(group.value.id).or_insert(Membership::Member);
    }
    members::put(tenant, found, now, plan)?;
    for (invited, _) in &gift.roles {
        bindings::give(&tenant.id, subject(principal), invited.role, invited.services.clone(), now, plan)?;
    }
    Ok(())
}

/// Plans to make a super admin of a user, if they shall be one and are none; expects them to stay.
pub(super) fn raise<T>(super_admin: bool, user: Stored<User>, now: Timestamp, plan: &mut Plan<T>) {
    let Stored { version, value: user } = user;
    plan.expect.push((user.record_id(), Expect::Version(version)));
    if super_admin && !user.super_admin {
        plan.changes.push(Change::Put(User { super_admin: true, updated_at: now, ..user }.into()));
    }
}
