//! Tenants: made, shown, changed, deleted. Holds the rule that an org id is used once.

use std::borrow::Cow;

use super::{Authority, Control, Fault, Listed, Name, Plan, Prose, Search, Seen, find, issuers, keys};
use crate::model::{OrgId, OrgRecord, Tenant, TenantId, Timestamp};
use crate::store::{Change, Expect, Page, Record, RecordId, Store, Stored};

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

impl Listed for Tenant {
    const FIELDS: &'static [&'static str] = &["id", "name"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.id.as_str().into(),
            "name" => self.name.as_str().into(),
            _ => Cow::default(),
        }
    }
}

impl Control {
    /// Makes a tenant. Its org id is the first of `acme`, `acme-2`, … that no tenant has ever had.
    pub async fn create_tenant(
        &self,
        authority: &Authority,
        new: NewTenant,
        now: Timestamp,
    ) -> Result<Stored<Tenant>, Fault> {
        authority.require_super_admin()?;
        self.write(authority, now, move |store| {
            let id = RecordId::Tenant(new.id.clone());
            if store.get(&id)?.is_some() {
                return Err(Fault::Conflict(format!("{id} exists already")));
            }
            let org_id = unused_org_id(store, &new.id)?;
            let tenant = Tenant {
                id: new.id.clone(),
                name: name_of(&new.id, new.name.clone()),
                description: new.description.clone().into(),
                ..Tenant::new(new.id.clone(), org_id.clone(), now)
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

    pub async fn tenant(&self, authority: &Authority, id: TenantId) -> Result<Stored<Tenant>, Fault> {
        authority.require_super_admin()?;
        self.read(move |store| find(store, &RecordId::Tenant(id))).await
    }

    pub async fn tenants(&self, authority: &Authority, search: Search) -> Result<Page<Tenant>, Fault> {
        authority.require_super_admin()?;
        self.list(None, search).await
    }

    pub async fn change_tenant(
        &self,
        authority: &Authority,
        id: TenantId,
        change: TenantChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Tenant>, Fault> {
        authority.require_super_admin()?;
        self.write(authority, now, move |store| {
            let record = RecordId::Tenant(id.clone());
            let Stored { version, value: mut tenant } = find::<Tenant>(store, &record)?;
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
        authority.require_super_admin()?;
        self.write(authority, now, move |store| {
            let record = RecordId::Tenant(id.clone());
            let tenant = find::<Tenant>(store, &record)?;
            seen.check(&record, tenant.version)?;
            let mut plan = Plan {
                expect: vec![(record.clone(), Expect::Version(tenant.version))],
                changes: vec![Change::Delete(record)],
                value: (),
            };
            entomb(store, &tenant.value.org_id, now, &mut plan)?;
            keys::forget_tenant(store, &id, &mut plan)?;
            issuers::forget_tenant(store, &id, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
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
    let Stored { version, value: mut org } = find::<OrgRecord>(store, &id)?;
    org.deleted_at = Some(now);
    plan.expect.push((id, Expect::Version(version)));
    plan.changes.push(Change::Put(Record::Org(org)));
    Ok(())
}
