//! Access to a tenant: who has it, how it is given and taken away. Holds the rule that who comes in
//! is bound to the tenant's default role.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bindings::subject;
use super::roles::{self, RoleEntry};
use super::{Authority, Control, Fault, Listed, Plan, Profile, Search, Seen, bindings, find, names, profile};
use crate::model::{
    Act, Area, Group, Id, Member, Membership, Power, Principal, RoleId, Tenant, TenantId, Timestamp, UserName,
};
use crate::snapshot::{Account, Snapshot};
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored};

/// Somebody with access to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEntry {
    pub profile: Profile,
    pub groups: Vec<InGroup>,
    pub created_at: Timestamp,
}

/// A group that somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InGroup {
    pub id: Id,
    pub name: String,
    pub membership: Membership,
}

/// A role that somebody has, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub role: RoleEntry,
    /// The only services at which it holds; everywhere when none.
    pub services: Option<Vec<String>>,
    /// The group by which they have it; their own when none.
    pub group: Option<Id>,
    pub binding: Id,
}

/// Whose access is asked for: by a user's name, or by an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Newcomer {
    Named(UserName),
    Id(Id),
}

/// A member as lists go through them.
pub(super) struct Row {
    pub(super) id: Id,
    account: Arc<Account>,
    text: String,
}

impl Listed for Row {
    const FIELDS: &'static [&'static str] = &["id", "username"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.text.as_str().into(),
            "username" => self.account.name.as_ref().into(),
            _ => Cow::default(),
        }
    }
}

fn power(act: Act) -> Power {
    Power::new(Area::User, act)
}

impl Control {
    /// A page of those who have access to a tenant, and how many there are on all pages.
    pub async fn members(
        &self,
        authority: &Authority,
        tenant: TenantId,
        search: Search,
    ) -> Result<(Vec<MemberEntry>, usize), Fault> {
        let snapshot = self.snapshot();
        authority.require(&snapshot, &tenant, power(Act::Read))?;
        let (rows, total) = search.page(rows(&snapshot, &tenant, |_| true))?;
        let entries = self.read(move |store| entries(store, &tenant, &rows)).await?;
        Ok((entries, total))
    }

    /// Those of some ids who have access; the others are passed over.
    pub async fn members_of(
        &self,
        authority: &Authority,
        tenant: TenantId,
        ids: BTreeSet<Id>,
    ) -> Result<Vec<MemberEntry>, Fault> {
        let snapshot = self.snapshot();
        authority.require(&snapshot, &tenant, power(Act::Read))?;
        let mut rows = rows(&snapshot, &tenant, |_| true);
        rows.retain(|row| ids.contains(&row.id));
        self.read(move |store| entries(store, &tenant, &rows)).await
    }

    /// Somebody's access and the roles that they have by it. Everybody may look at their own.
    pub async fn member(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
    ) -> Result<(Stored<MemberEntry>, Vec<Assigned>), Fault> {
        let snapshot = self.snapshot();
        let own = authority.principal().is_some_and(|principal| principal.id() == id);
        match own {
            true => authority.rights(&snapshot, &tenant).ok_or_else(|| Fault::no_tenant(&tenant))?,
            false => authority.require(&snapshot, &tenant, power(Act::Read))?,
        };
        self.read(move |store| {
            let member = member_of(store, &tenant, id)?;
            let groups = group_names(store, &member.value)?;
            let profile = profile::find(store, &tenant, id)?.value;
            let assigned = assigned(store, &snapshot, &tenant, id)?;
            let value = MemberEntry { profile, groups, created_at: member.value.created_at };
            Ok((Stored { version: member.version, value }, assigned))
        })
        .await
    }

    /// Gives somebody access to a tenant, and its default role.
    pub async fn admit(
        &self,
        authority: &Authority,
        tenant: TenantId,
        who: Newcomer,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Create))?;
        self.write(authority, now, move |store| {
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?;
            let id = match &who {
                Newcomer::Id(id) => *id,
                Newcomer::Named(name) => named(store, name)?,
            };
            let profile = profile::find(store, &tenant.value.id, id)?;
            let found = found(store, &tenant.value, profile.value.principal, now)?;
            if !found.is_new() {
                let name = profile.value.name;
                return Err(Fault::Conflict(format!("{name:?} has access to the tenant already")));
            }
            let mut plan = Plan::new(());
            plan.keep(&tenant);
            plan.expect.push((profile.value.record(), Expect::Version(profile.version)));
            put(&tenant.value, found, now, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }

    /// Takes somebody's access to a tenant away, and with it their bindings and groups there.
    pub async fn expel(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Delete))?;
        self.write(authority, now, move |store| {
            let member = member_of(store, &tenant, id)?;
            seen.check(&member.value.record_id(), member.version)?;
            let mut plan = Plan::new(());
            leave(store, &member, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// Somebody's access as it is, or as it will be.
pub(super) struct Found {
    pub(super) member: Member,
    expect: Expect,
}

impl Found {
    /// Whether they have no access yet.
    pub(super) fn is_new(&self) -> bool {
        self.expect == Expect::Absent
    }

    /// Refuses who has seen it at another version, or at one when there is none.
    pub(super) fn check(&self, seen: &Seen) -> Result<(), Fault> {
        match (&self.expect, seen) {
            (_, Seen::Any) => Ok(()),
            (Expect::Version(version), _) => seen.check(&self.member.record_id(), *version),
            (_, Seen::OneOf(_)) => Err(Fault::Precondition(self.member.record_id())),
        }
    }
}

/// Somebody's access to a tenant; a new one when they have none.
pub(super) fn found(
    store: &Store,
    tenant: &Tenant,
    principal: Principal,
    now: Timestamp,
) -> Result<Found, Fault> {
    let tenant = tenant.id.clone();
    let stored = store.find::<Member>(&RecordId::Member(tenant.clone(), principal))?;
    Ok(match stored {
        Some(Stored { version, value }) => Found { member: value, expect: Expect::Version(version) },
        None => Found {
            member: Member { tenant, principal, groups: BTreeMap::new(), created_at: now },
            expect: Expect::Absent,
        },
    })
}

/// Plans to write somebody's access. A user who is new is bound to the tenant's default role;
/// service accounts are not: who may make them would give themselves that role by it.
pub(super) fn put<T>(tenant: &Tenant, found: Found, now: Timestamp, plan: &mut Plan<T>) -> Result<(), Fault> {
    let (new, principal) = (found.is_new(), found.member.principal);
    plan.expect.push((found.member.record_id(), found.expect));
    plan.changes.push(Change::Put(found.member.into()));
    if let (true, Principal::User(_), Some(role)) = (new, principal, tenant.default_role) {
        bindings::give(&tenant.id, subject(principal), role, None, now, plan)?;
    }
    Ok(())
}

/// Plans that somebody has access to a tenant and is in just these groups of it.
pub(super) fn seat<T>(
    store: &Store,
    tenant: TenantId,
    principal: Principal,
    groups: &BTreeSet<Id>,
    now: Timestamp,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant))?;
    plan.keep(&tenant);
    for group in groups {
        plan.keep(&find::<Group>(store, &RecordId::Group(tenant.value.id.clone(), *group))?);
    }
    let mut found = found(store, &tenant.value, principal, now)?;
    found.member.groups = kept(&found.member.groups, groups);
    put(&tenant.value, found, now, plan)
}

/// Groups as somebody has them who had others before: where they were something, they stay it.
pub(super) fn kept(before: &BTreeMap<Id, Membership>, groups: &BTreeSet<Id>) -> BTreeMap<Id, Membership> {
    let membership = |id| before.get(id).copied().unwrap_or(Membership::Member);
    groups.iter().map(|id| (*id, membership(id))).collect()
}

/// Plans to take somebody's access to a tenant, and what they are bound to there.
pub(super) fn leave<T>(store: &Store, member: &Stored<Member>, plan: &mut Plan<T>) -> Result<(), Fault> {
    let Member { tenant, principal, .. } = &member.value;
    plan.delete(member.value.record_id(), member.version);
    bindings::take_all(store, tenant, subject(*principal), plan)
}

/// Somebody's access to tenants, as the store has it; to `most` at most.
pub(super) fn memberships(
    store: &Store,
    snapshot: &Snapshot,
    principal: Principal,
    most: usize,
) -> Result<Vec<Stored<Member>>, Fault> {
    let tenants = snapshot.member_of.get(&principal.id());
    let ids = tenants.into_iter().flat_map(|tenants| tenants.iter()).take(most);
    let ids = ids.map(|tenant| RecordId::Member(tenant.clone(), principal));
    Ok(ids.filter_map(|id| store.find(&id).transpose()).collect::<Result<_, _>>()?)
}

/// The access of a user or service account; the news that there is none.
pub(super) fn member_of(store: &Store, tenant: &TenantId, id: Id) -> Result<Stored<Member>, Fault> {
    // The key says nothing of the kind of principal.
    find(store, &RecordId::Member(tenant.clone(), Principal::User(id)))
}

/// The members of a tenant that are wanted for their groups; by id.
pub(super) fn rows(
    snapshot: &Snapshot,
    tenant: &TenantId,
    wanted: impl Fn(&[(Id, Membership)]) -> bool,
) -> Vec<Row> {
    let Some(tenant) = snapshot.tenants.get(tenant.as_str()) else { return Vec::new() };
    let members = tenant.access.members().filter(|(_, groups)| wanted(groups));
    let row = |id: Id| {
        let account = snapshot.accounts.get(&id)?.clone();
        Some(Row { id, account, text: id.to_string() })
    };
    members.filter_map(|(id, _)| row(id)).collect()
}

/// The rows of one page as they are shown; without those who have left in the meantime.
pub(super) fn entries(store: &Store, tenant: &TenantId, rows: &[Row]) -> Result<Vec<MemberEntry>, Fault> {
    let entry = |row: &Row| {
        let member = member_of(store, tenant, row.id)?.value;
        let profile = profile::find(store, tenant, row.id)?.value;
        Ok(MemberEntry { profile, groups: group_names(store, &member)?, created_at: member.created_at })
    };
    let entries = rows.iter().map(entry).filter(|entry| !matches!(entry, Err(Fault::NotFound(_))));
    entries.collect()
}

/// The groups that somebody is in, with their names.
pub(super) fn group_names(store: &Store, member: &Member) -> Result<Vec<InGroup>, Fault> {
    let mut groups = Vec::with_capacity(member.groups.len());
    for (id, membership) in &member.groups {
        if let Some(group) = store.find::<Group>(&RecordId::Group(member.tenant.clone(), *id))? {
            groups.push(InGroup { id: *id, name: group.value.name, membership: *membership });
        }
    }
    Ok(groups)
}

fn named(store: &Store, name: &UserName) -> Result<Id, Fault> {
    let name = names::of_user(name);
    let taken = names::holder(store, name.clone())?;
    taken.map(|taken| taken.value.id).ok_or(Fault::NotFound(RecordId::Name(name)))
}

/// All roles that somebody has, by bindings of their own and of their groups.
fn assigned(store: &Store, snapshot: &Snapshot, tenant: &TenantId, id: Id) -> Result<Vec<Assigned>, Fault> {
    let Some(found) = snapshot.tenants.get(tenant.as_str()) else { return Ok(Vec::new()) };
    let roles = roles::entries(store, tenant)?;
    let roles: BTreeMap<RoleId, RoleEntry> = roles.into_iter().map(|role| (role.role, role)).collect();
    let mut assigned = Vec::new();
    for held in found.access.held(id) {
        if let Some(role) = roles.get(&held.role) {
            let names = |names: &[Arc<str>]| names.iter().map(|name| name.as_ref().to_owned()).collect();
            let services = held.services.map(names);
            assigned.push(Assigned {
                role: role.clone(),
                services,
                group: held.group,
                binding: held.binding,
            });
        }
    }
    Ok(assigned)
}
