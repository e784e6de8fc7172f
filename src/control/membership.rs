//! Who is in which group of a tenant. Whoever owns a group manages who is in it; others need the
//! power to, and give nobody by it what they do not have themselves.

use std::collections::BTreeSet;

use super::departure::caught_up;
use super::members::{self, InGroup, MemberEntry};
use super::{Authority, Control, Fault, Plan, Profile, Search, Seen, find, profile};
use crate::model::{Act, Area, Group, Id, Membership, Power, Tenant, TenantId, Timestamp};
use crate::snapshot::{Access, Snapshot};
use crate::store::{Expect, RecordId, Recorded, Store, Stored};

/// One person of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub tenant: TenantId,
    pub group: Id,
    /// The user's id, or the service account's.
    pub member: Id,
}

/// By what right somebody manages a group.
struct Right {
    owner: bool,
    /// Whether they have the power in the whole tenant.
    power: bool,
}

fn power(act: Act) -> Power {
    Power::new(Area::GroupMembership, act)
}

impl Control {
    /// A page of those who are in a group, and how many there are on all pages.
    pub async fn group_members(
        &self,
        authority: &Authority,
        tenant: TenantId,
        group: Id,
        search: Search,
    ) -> Result<(Vec<MemberEntry>, usize), Fault> {
        let snapshot = self.snapshot();
        right(authority, &snapshot, &tenant, group, Act::Read)?;
        let inside = |groups: &[(Id, Membership)]| groups.iter().any(|(id, _)| *id == group);
        let (rows, total) = search.page(members::rows(&snapshot, &tenant, inside))?;
        let entries = self.read(move |store| {
            find::<Group>(store, &RecordId::Group(tenant.clone(), group))?;
            members::entries(store, &tenant, &rows)
        });
        Ok((entries.await?, total))
    }

    /// Puts somebody into a group. Without the power to, an owner can choose only among those who
    /// have access to the tenant already.
    pub async fn join(
        &self,
        authority: &Authority,
        seat: Seat,
        now: Timestamp,
    ) -> Result<Stored<MemberEntry>, Fault> {
        right(authority, &self.snapshot(), &seat.tenant, seat.group, Act::Create)?;
        let (giver, published) = (authority.clone(), self.published.clone());
        self.write(authority, now, move |store| {
            let live = caught_up(store, &published)?;
            let right = right(&giver, &live, &seat.tenant, seat.group, Act::Create)?;
            right.cover(&giver, &live, &seat.tenant, seat.group)?;
            let mut edit = Edit::begin(store, &seat, now)?;
            if edit.found.is_new() && !right.power {
                return Err(Fault::NotFound(edit.profile.record()));
            }
            if edit.found.member.groups.contains_key(&seat.group) {
                return Err(Fault::Conflict(format!("{:?} is in the group already", edit.profile.name)));
            }
            edit.found.member.groups.insert(seat.group, Membership::Member);
            edit.end(store, now)
        })
        .await
    }

    /// Makes somebody of a group its owner, or an owner a mere member.
    pub async fn set_membership(
        &self,
        authority: &Authority,
        seat: Seat,
        membership: Membership,
        now: Timestamp,
    ) -> Result<Stored<MemberEntry>, Fault> {
        right(authority, &self.snapshot(), &seat.tenant, seat.group, Act::Update)?;
        let (giver, published) = (authority.clone(), self.published.clone());
        self.write(authority, now, move |store| {
            let live = caught_up(store, &published)?;
            let right = right(&giver, &live, &seat.tenant, seat.group, Act::Update)?;
            right.cover(&giver, &live, &seat.tenant, seat.group)?;
            let mut edit = Edit::begin(store, &seat, now)?;
            *edit.seated(&seat)? = membership;
            edit.end(store, now)
        })
        .await
    }

    /// Takes somebody out of a group. Their access to the tenant stays.
    pub async fn leave(
        &self,
        authority: &Authority,
        seat: Seat,
        now: Timestamp,
    ) -> Result<Stored<MemberEntry>, Fault> {
        right(authority, &self.snapshot(), &seat.tenant, seat.group, Act::Delete)?;
        self.write(authority, now, move |store| {
            let mut edit = Edit::begin(store, &seat, now)?;
            edit.seated(&seat)?;
            edit.found.member.groups.remove(&seat.group);
            edit.end(store, now)
        })
        .await
    }

    /// Puts somebody into exactly these groups; what they are in those in which they stay is kept.
    /// Joining and leaving take what they take one by one, and what admits admits.
    pub async fn set_groups(
        &self,
        authority: &Authority,
        tenant: TenantId,
        member: Id,
        groups: BTreeSet<Id>,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Update))?;
        let (giver, published) = (authority.clone(), self.published.clone());
        self.write(authority, now, move |store| {
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?;
            let profile = profile::find(store, &tenant.value.id, member)?;
            let mut found = members::found(store, &tenant.value, profile.value.principal, now)?;
            let live = caught_up(store, &published)?;
            if found.is_new() {
                if groups.is_empty() {
                    return Err(Fault::NotFound(found.member.record_id()));
                }
                giver.require(&live, &tenant.value.id, power(Act::Create))?;
            }
            found.check(&seen)?;
            let mut expect = vec![
                (tenant.value.record_id(), Expect::Version(tenant.version)),
                (profile.value.record(), Expect::Version(profile.version)),
            ];
            let before = std::mem::take(&mut found.member.groups);
            for id in &groups {
                let record = RecordId::Group(tenant.value.id.clone(), *id);
                expect.push((record.clone(), Expect::Version(find::<Group>(store, &record)?.version)));
            }
            let had = before.keys().copied().collect();
            may_seat(&giver, &live, &tenant.value.id, (&(&groups - &had), &(&had - &groups)))?;
            found.member.groups = members::kept(&before, &groups);
            let mut plan = Plan { expect, ..Plan::new(()) };
            members::put(&tenant.value, found, now, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// The caller's right to manage who is in a group.
fn right(
    authority: &Authority,
    snapshot: &Snapshot,
    tenant: &TenantId,
    group: Id,
    act: Act,
) -> Result<Right, Fault> {
    let owner = authority.owns(snapshot, tenant, group, power(act));
    match authority.require(snapshot, tenant, power(act)) {
        Ok(_) => Ok(Right { owner, power: true }),
        Err(Fault::Forbidden(_)) if owner => Ok(Right { owner, power: false }),
        Err(refused) => Err(refused),
    }
}

/// Refuses who may not put somebody into these groups and take them out of those.
pub(super) fn may_seat(
    authority: &Authority,
    snapshot: &Snapshot,
    tenant: &TenantId,
    (joined, left): (&BTreeSet<Id>, &BTreeSet<Id>),
) -> Result<(), Fault> {
    for group in left {
        right(authority, snapshot, tenant, *group, Act::Delete)?;
    }
    joined.iter().try_for_each(|group| {
        right(authority, snapshot, tenant, *group, Act::Create)?.cover(authority, snapshot, tenant, *group)
    })
}

impl Right {
    /// Refuses to give away by a group what the caller neither has nor owns. Owning it counts for
    /// owners themselves, not for a token that has only some of their rights.
    fn cover(
        &self,
        authority: &Authority,
        snapshot: &Snapshot,
        tenant: &TenantId,
        group: Id,
    ) -> Result<(), Fault> {
        if self.owner && authority.bounds().0.is_none() {
            return Ok(());
        }
        let held = authority.rights(snapshot, tenant).ok_or_else(|| Fault::no_tenant(tenant))?;
        let found = snapshot.tenants.get(tenant.as_str());
        let access: &Access = &found.ok_or_else(|| Fault::no_tenant(tenant))?.access;
        authority.require_cover_all(&held, &access.group_rights(group))
    }
}

/// A change of what somebody is in a group, being planned.
struct Edit {
    tenant: Stored<Tenant>,
    profile: Profile,
    found: members::Found,
    expect: Vec<(RecordId, Expect)>,
}

impl Edit {
    fn begin(store: &Store, seat: &Seat, now: Timestamp) -> Result<Self, Fault> {
        let tenant = find::<Tenant>(store, &RecordId::Tenant(seat.tenant.clone()))?;
        let record = RecordId::Group(seat.tenant.clone(), seat.group);
        let group = find::<Group>(store, &record)?;
        let profile = profile::find(store, &seat.tenant, seat.member)?;
        let found = members::found(store, &tenant.value, profile.value.principal, now)?;
        let expect = vec![
            (tenant.value.record_id(), Expect::Version(tenant.version)),
            (record, Expect::Version(group.version)),
            (profile.value.record(), Expect::Version(profile.version)),
        ];
        Ok(Edit { tenant, profile: profile.value, found, expect })
    }

    /// What they are in the group; the news that they are not in it, or not in the tenant.
    fn seated(&mut self, seat: &Seat) -> Result<&mut Membership, Fault> {
        if self.found.is_new() {
            return Err(Fault::NotFound(self.profile.record()));
        }
        let outside = || Fault::Conflict(format!("{:?} is not in the group", self.profile.name));
        self.found.member.groups.get_mut(&seat.group).ok_or_else(outside)
    }

    fn end(self, store: &Store, now: Timestamp) -> Result<Plan<MemberEntry>, Fault> {
        let groups: Vec<InGroup> = members::group_names(store, &self.found.member)?;
        let created_at = self.found.member.created_at;
        let value = MemberEntry { profile: self.profile, groups, created_at };
        let mut plan = Plan { expect: self.expect, ..Plan::new(value) };
        members::put(&self.tenant.value, self.found, now, &mut plan)?;
        Ok(plan)
    }
}
