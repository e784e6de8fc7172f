//! Tenants: made, shown, changed, deleted. Holds the rule that an org id is used once.

use super::{Authority, Control, Deed, Fault, Name, Plan, Prose, Search, Seen, contains, keys, misfiled};
use crate::model::{OrgId, OrgRecord, Tenant, TenantId, Timestamp};
use crate::store::{Change, Expect, Kind, Page, Record, RecordId, Store, Stored};

/// A tenant to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    pub id: TenantId,
    /// The id when none.
    pub name: Option<Name>,
    pub description: Prose,
}

/// What shall become of a tenant. What is none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantChange {
    /// Inner none: the id again.
    pub name: Option<Option<Name>>,
    pub description: Option<Prose>,
}

impl Control {
    /// Makes a tenant. Its org id is the first of `acme`, `acme-2`, … that no tenant has ever had.
    pub async fn create_tenant(
        &self,
        authority: &Authority,
        new: NewTenant,
        now: Timestamp,
    ) -> Result<Stored<Tenant>, Fault> {
        let deed = Deed::new(authority, "tenant created", RecordId::Tenant(new.id.clone()));
        self.write(deed, move |store| {
            let id = RecordId::Tenant(new.id.clone());
            if store.get(&id)?.is_some() {
                return Err(Fault::Conflict(format!("{id} exists already")));
            }
            let org_id = unused_org_id(store, &new.id)?;
            let tenant = Tenant {
                id: new.id.clone(),
                name: name_of(&new.id, new.name.clone()),
                description: new.description.clone().into(),
                org_id: org_id.clone(),
                created_at: now,
                updated_at: now,
            };
            let org = OrgRecord {
                org_id: org_id.clone(),
                tenant: new.id.clone(),
                created_at: now,
                deleted_at: None,
            };
            Ok(Plan {
                expect: vec![(id, Expect::Absent), (RecordId::Org(org_id), Expect::Absent)],
                changes: vec![Change::Put(Record::Tenant(tenant.clone())), Change::Put(Record::Org(org))],
                value: tenant,
            })
        })
        .await
    }

    pub async fn tenant(&self, _authority: &Authority, id: TenantId) -> Result<Stored<Tenant>, Fault> {
        self.read(move |store| find(store, &id)).await
    }

    /// The tenants whose id or name contains the search's text.
    pub async fn tenants(&self, _authority: &Authority, search: Search) -> Result<Page<Tenant>, Fault> {
        let shows = |record: &Record, text: &str| match record {
            Record::Tenant(tenant) => contains(tenant.id.as_str(), text) || contains(&tenant.name, text),
            Record::Org(_) | Record::Key(_) | Record::Admin(_) => false,
        };
        let page = self.search(Kind::Tenant, search, shows).await?;
        let items = page.items.into_iter().map(tenant_of).collect::<Result<_, _>>()?;
        Ok(Page { items, total: page.total })
    }

    pub async fn change_tenant(
        &self,
        authority: &Authority,
        id: TenantId,
        change: TenantChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Tenant>, Fault> {
        let deed = Deed::new(authority, "tenant changed", RecordId::Tenant(id.clone()));
        self.write(deed, move |store| {
            let Stored { version, value: mut tenant } = find(store, &id)?;
            let record = RecordId::Tenant(id.clone());
            seen.check(&record, version)?;
            if let Some(name) = change.name.clone() {
                tenant.name = name_of(&id, name);
            }
            if let Some(description) = change.description.clone() {
                tenant.description = description.into();
            }
            tenant.updated_at = now;
            Ok(Plan {
                expect: vec![(record, Expect::Version(version))],
                changes: vec![Change::Put(Record::Tenant(tenant.clone()))],
                value: tenant,
            })
        })
        .await
    }

    /// Deletes a tenant. Its org id stays taken, and keys that named it no longer do, so that a
    /// later tenant of the same id inherits neither what it stored nor who spoke for it.
    pub async fn delete_tenant(
        &self,
        authority: &Authority,
        id: TenantId,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let deed = Deed::new(authority, "tenant deleted", RecordId::Tenant(id.clone()));
        self.write(deed, move |store| {
            let tenant = find(store, &id)?;
            let record = RecordId::Tenant(id.clone());
            seen.check(&record, tenant.version)?;
            let mut plan = Plan {
                expect: vec![(record.clone(), Expect::Version(tenant.version))],
                changes: vec![Change::Delete(record)],
                value: (),
            };
            entomb(store, &tenant.value.org_id, now, &mut plan)?;
            keys::forget_tenant(store, &id, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

pub(super) fn find(store: &Store, id: &TenantId) -> Result<Stored<Tenant>, Fault> {
    let id = RecordId::Tenant(id.clone());
    match store.get(&id)? {
        Some(stored) => tenant_of(stored),
        None => Err(Fault::NotFound(id)),
    }
}

fn tenant_of(stored: Stored<Record>) -> Result<Stored<Tenant>, Fault> {
    let id = stored.value.id();
    match stored.value {
        Record::Tenant(value) => Ok(Stored { version: stored.version, value }),
        Record::Org(_) | Record::Key(_) | Record::Admin(_) => Err(misfiled(&id)),
    }
}

fn name_of(id: &TenantId, name: Option<Name>) -> String {
    name.map_or_else(|| id.as_str().to_owned(), String::from)
}

fn unused_org_id(store: &Store, tenant: &TenantId) -> Result<OrgId, Fault> {
    for nth in 1..=u32::MAX {
        let candidate = OrgId::nth(tenant, nth);
        if store.get(&RecordId::Org(candidate.clone()))?.is_none() {
            return Ok(candidate);
        }
    }
    Err(Fault::Conflict(format!("tenant {tenant} has used up its org ids")))
}

/// Marks an org id as used by a tenant that is no more.
fn entomb(store: &Store, org_id: &OrgId, now: Timestamp, plan: &mut Plan<()>) -> Result<(), Fault> {
    let id = RecordId::Org(org_id.clone());
    match store.get(&id)? {
        Some(Stored { version, value: Record::Org(mut org) }) => {
            org.deleted_at = Some(now);
            plan.expect.push((id, Expect::Version(version)));
            plan.changes.push(Change::Put(Record::Org(org)));
            Ok(())
        }
        Some(_) | None => Err(misfiled(&id)),
    }
}
