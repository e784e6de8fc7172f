//! Groups of a tenant: made, shown, changed, deleted. Who is in them is `membership`'s.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{
    Authority, Control, Fault, Listed, Name, Plan, Prose, Search, Seen, bindings, draw, find, members, names,
    profile,
};
use crate::model::{Act, Area, Group, Id, Member, Membership, Power, Subject, Tenant, TenantId, Timestamp};
use crate::store::{Change, Expect, Page, RecordId, Recorded, Store, Stored, UniqueName, within};

/// What a group shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupForm {
    pub name: Name,
    pub description: Prose,
}

impl Listed for Group {
    const FIELDS: &'static [&'static str] = &["id", "name", "description"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.id.to_string().into(),
            "name" => self.name.as_str().into(),
            "description" => self.description.as_str().into(),
            _ => Cow::default(),
        }
    }
}

fn power(act: Act) -> Power {
    Power::new(Area::Group, act)
}

impl Control {
    /// Makes a group of some users and service accounts, which get access to the tenant by that.
    pub async fn create_group(
        &self,
        authority: &Authority,
        tenant: TenantId,
        form: GroupForm,
        members: BTreeSet<Id>,
        now: Timestamp,
    ) -> Result<Stored<Group>, Fault> {
        let snapshot = self.snapshot();
        authority.require(&snapshot, &tenant, power(Act::Create))?;
        if !members.is_empty() {
            authority.require(&snapshot, &tenant, Power::new(Area::GroupMembership, Act::Create))?;
        }
        let id = draw::id()?;
        self.write(authority, now, move |store| {
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?;
            let group = Group {
                tenant: tenant.value.id.clone(),
                id,
                name: form.name.clone().into(),
                description: form.description.clone().into(),
                created_at: now,
                updated_at: now,
            };
            let mut plan = put(store, group, None)?;
            plan.expect.push((tenant.value.record_id(), Expect::Version(tenant.version)));
            for member in &members {
                let profile = profile::find(store, &tenant.value.id, *member)?;
                plan.expect.push((profile.value.record(), Expect::Version(profile.version)));
                let mut found = members::found(store, &tenant.value, profile.value.principal, now)?;
                found.member.groups.insert(id, Membership::Member);
                members::put(&tenant.value, found, now, &mut plan)?;
            }
            Ok(plan)
        })
        .await
    }

    pub async fn group(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
    ) -> Result<Stored<Group>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| find(store, &RecordId::Group(tenant, id))).await
    }

    pub async fn groups(
        &self,
        authority: &Authority,
        tenant: TenantId,
        search: Search,
    ) -> Result<Page<Group>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.list(Some(within(Some(&tenant))), search).await
    }

    /// The groups of some ids; what names no group of the tenant is passed over.
    pub async fn groups_of(
        &self,
        authority: &Authority,
        tenant: TenantId,
        ids: BTreeSet<Id>,
    ) -> Result<Vec<Group>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| {
            let found = ids.into_iter().map(|id| store.find::<Group>(&RecordId::Group(tenant.clone(), id)));
            let found = found.filter_map(Result::transpose).map(|group| Ok(group?.value));
            found.collect()
        })
        .await
    }

    pub async fn replace_group(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
        form: GroupForm,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Group>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Update))?;
        self.write(authority, now, move |store| {
            let record = RecordId::Group(tenant.clone(), id);
            let before = find::<Group>(store, &record)?;
            seen.check(&record, before.version)?;
            let group = Group {
                name: form.name.clone().into(),
                description: form.description.clone().into(),
                updated_at: now,
                ..before.value.clone()
            };
            put(store, group, Some(before))
        })
        .await
    }

    /// Deletes a group, and with it what it was bound to; those who were in it stay in the tenant.
    pub async fn delete_group(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Delete))?;
        self.write(authority, now, move |store| {
            let record = RecordId::Group(tenant.clone(), id);
            let group = find::<Group>(store, &record)?;
            seen.check(&record, group.version)?;
            let mut plan = Plan::new(());
            forget(store, &tenant, id, &mut plan)?;
            plan.delete(record, group.version);
            names::give_up(store, unique(&group.value), &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

fn unique(group: &Group) -> UniqueName {
    UniqueName::Group(group.tenant.clone(), group.name.to_lowercase())
}

/// Plans to write a group, whose name must be free.
fn put(store: &Store, group: Group, before: Option<Stored<Group>>) -> Result<Plan<Group>, Fault> {
    let expected = before.as_ref().map_or(Expect::Absent, |before| Expect::Version(before.version));
    let expect = vec![(group.record_id(), expected)];
    let mut plan = Plan { expect, changes: Vec::new(), value: group.clone() };
    let before = before.map(|before| unique(&before.value));
    names::take(store, unique(&group), before, group.id, "another group of the tenant", &mut plan)?;
    plan.changes.push(Change::Put(group.into()));
    Ok(plan)
}

/// Takes a group out of the tenant's bindings and of its members' groups.
fn forget(store: &Store, tenant: &TenantId, id: Id, plan: &mut Plan<()>) -> Result<(), Fault> {
    bindings::take_all(store, tenant, Subject::Group(id), plan)?;
    for Stored { version, value: mut member } in store.all::<Member>(Some(&within(Some(tenant))))? {
        if member.groups.remove(&id).is_some() {
            plan.expect.push((member.record_id(), Expect::Version(version)));
            plan.changes.push(Change::Put(member.into()));
        }
    }
    Ok(())
}
