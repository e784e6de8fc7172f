//! Access to tenants and groups as a whole: what somebody has, made into what they shall have.

use std::collections::{BTreeMap, BTreeSet};

use super::members::{kept, leave, memberships, seat};
use super::{Fault, Plan};
use crate::model::{Group, Id, Member, Principal, TenantId, Timestamp};
use crate::snapshot::Snapshot;
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored};

/// The tenants and groups that somebody shall be in. What is none stays as it is; but being in a
/// group takes access to its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub tenants: Option<BTreeSet<TenantId>>,
    pub groups: Option<BTreeSet<Id>>,
}

/// Plans what makes somebody's places those.
pub(super) fn settle<T>(
    store: &Store,
    snapshot: &Snapshot,
    principal: Principal,
    places: &Places,
    now: Timestamp,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    if *places == Places::default() {
        return Ok(());
    }
    let had = memberships(store, snapshot, principal, usize::MAX)?;
    let groups = places.groups.as_ref();
    let mut wanted =
        groups.map_or_else(|| Ok(BTreeMap::new()), |ids| grouped(store, &had, places, ids, plan))?;
    for tenant in places.tenants.iter().flatten() {
        wanted.entry(tenant.clone()).or_default();
    }
    for member in had {
        let Some(groups) = wanted.remove(&member.value.tenant) else {
            match places.tenants {
                Some(_) => leave(store, &member, plan)?,
                None => regroup(member, places, &BTreeSet::new(), plan),
            }
            continue;
        };
        regroup(member, places, &groups, plan);
    }
    for (tenant, groups) in wanted {
        seat(store, tenant, principal, &groups, now, plan)?;
    }
    Ok(())
}

/// Plans to put a member into other groups. Who owns a group goes on owning it.
fn regroup<T>(member: Stored<Member>, places: &Places, groups: &BTreeSet<Id>, plan: &mut Plan<T>) {
    let Stored { version, value: mut member } = member;
    let after = kept(&member.groups, groups);
    if places.groups.is_some() && after != member.groups {
        member.groups = after;
        plan.expect.push((member.record_id(), Expect::Version(version)));
        plan.changes.push(Change::Put(member.into()));
    }
}

/// Groups by their tenants, each expected to stay.
fn grouped<T>(
    store: &Store,
    had: &[Stored<Member>],
    places: &Places,
    ids: &BTreeSet<Id>,
    plan: &mut Plan<T>,
) -> Result<BTreeMap<TenantId, BTreeSet<Id>>, Fault> {
    let likely: BTreeSet<&TenantId> =
        had.iter().map(|member| &member.value.tenant).chain(places.tenants.iter().flatten()).collect();
    let mut grouped = BTreeMap::<_, BTreeSet<Id>>::new();
    let mut unknown = BTreeSet::new();
    for id in ids {
        let found = likely
            .iter()
            .find_map(|tenant| store.find::<Group>(&RecordId::Group((*tenant).clone(), *id)).transpose());
        match found.transpose()? {
            Some(group) => enter(group, &mut grouped, plan),
            None => drop(unknown.insert(*id)),
        }
    }
    if !unknown.is_empty() {
        for group in anywhere(store, &unknown)? {
            unknown.remove(&group.value.id);
            enter(group, &mut grouped, plan);
        }
    }
    match unknown.first() {
        Some(id) => Err(Fault::Missing(format!("group \"{id}\""))),
        None => Ok(grouped),
    }
}

fn enter<T>(group: Stored<Group>, grouped: &mut BTreeMap<TenantId, BTreeSet<Id>>, plan: &mut Plan<T>) {
    plan.keep(&group);
    grouped.entry(group.value.tenant).or_default().insert(group.value.id);
}

/// Groups of whatever tenants: reads them all.
fn anywhere(store: &Store, ids: &BTreeSet<Id>) -> Result<Vec<Stored<Group>>, Fault> {
    Ok(store.first(None, ids.len(), |group: &Group| ids.contains(&group.id))?)
}
