//! Tenants: made, shown, changed, deleted. Holds the rule that an org id is used once.

use std::borrow::Cow;

use super::departure::caught_up;
use super::search::among;
use super::{
    Authority, Control, Edit, Fault, LabelName, LabelValue, Lack, Listed, Name, OptionsChange, Plan, Prose,
    Search, Seen, bindings, estate, find, issuers, keys, members, names, options,
};
use crate::model::{
    Act, Area, Id, ManagedRole, OrgId, OrgRecord, Power, Principal, Rights, Role, RoleId, Subject, Tenant,
    TenantId, TenantState, Timestamp, UserName,
};
use crate::store::{Change, Expect, Page, RecordId, Store, Stored};

/// A tenant to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    pub id: TenantId,
    /// A user who gets its Admin role; nobody does when none.
    pub admin: Option<UserName>,
    /// What is none gets its default.
    pub rest: TenantChange,
}

/// What shall become of a tenant. What is none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantChange {
    /// Inner none: the id again.
    pub name: Option<Option<Name>>,
    pub description: Option<Prose>,
    pub state: Option<TenantState>,
    pub labels: Option<Edit<LabelName, LabelValue>>,
    /// By the name of the service.
    pub options: Option<Edit<String, OptionsChange>>,
    /// Inner none: no role.
    pub default_role: Option<Option<RoleId>>,
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
    ///
    /// Only super admins make tenants, and a super admin reaches no tenant's data without a role
    /// there: nobody becomes its Admin but the user who is named.
    pub async fn create_tenant(
        &self,
        authority: &Authority,
        new: NewTenant,
        now: Timestamp,
    ) -> Result<Stored<Tenant>, Fault> {
        authority.require_super_admin()?;
        let services = self.services();
        self.write(authority, now, move |store| {
            let mut plan = founded(store, &new.id, new.rest.clone(), &services, now)?;
            if let Some(admin) = &new.admin {
                let Some(taken) = names::holder(store, names::of_user(admin))? else {
                    let message = format_args!("there is no user {:?}", admin.as_str());
                    return Err(Fault::invalid("admin", message));
                };
                plan.keep(&taken);
                appoint(store, taken.value.id, now, &mut plan)?;
            }
            Ok(plan)
        })
        .await
    }

    /// A tenant, for whoever has access to it.
    pub async fn tenant(&self, authority: &Authority, id: TenantId) -> Result<Stored<Tenant>, Fault> {
        authority.require_access(&self.snapshot(), &id)?;
        self.read(move |store| find(store, &RecordId::Tenant(id))).await
    }

    /// The tenants to which the caller has access.
    pub async fn tenants(&self, authority: &Authority, search: Search) -> Result<Page<Tenant>, Fault> {
        let Some(own) = authority.reach(&self.snapshot()) else { return self.list(None, search).await };
        self.read(move |store| {
            let found = own.into_iter().map(|id| store.find(&RecordId::Tenant(id)));
            let found: Vec<_> = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            among(found, &search)
        })
        .await
    }

    /// Changes a tenant. Its state and its options are for super admins alone: an option can send
    /// the gateway's requests anywhere.
    pub async fn change_tenant(
        &self,
        authority: &Authority,
        id: TenantId,
        change: TenantChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Tenant>, Fault> {
        let held = authority.require(&self.snapshot(), &id, Power::new(Area::Tenant, Act::Update))?;
        let (caller, services) = (authority.clone(), self.services());
        self.write(authority, now, move |store| {
            let record = RecordId::Tenant(id.clone());
            let Stored { version, value: before } = find::<Tenant>(store, &record)?;
            seen.check(&record, version)?;
            let mut tenant = Tenant { updated_at: now, ..before.clone() };
            amend(&mut tenant, change.clone(), &services)?;
            if (tenant.state, &tenant.options) != (before.state, &before.options) && !caller.is_super_admin()
            {
                return Err(Fault::Forbidden(Lack::SuperAdmin));
            }
            let mut expect = vec![(record, Expect::Version(version))];
            if let Some(role) = tenant.default_role.filter(|role| before.default_role != Some(*role)) {
                let (rights, there) = role_of(store, &id, role, "default_role")?;
                caller.require_cover(&held, rights, None::<[&str; 0]>)?;
                expect.extend(there);
            }
            Ok(Plan { expect, changes: vec![Change::Put(tenant.clone().into())], value: tenant })
        })
        .await
    }

    /// Deletes a tenant and all that belongs to it. Its org id stays taken, and keys that named it no
    /// longer do, so that a later tenant of the same id inherits neither what it stored nor who
    /// spoke for it.
    pub async fn delete_tenant(
        &self,
        authority: &Authority,
        id: TenantId,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require_super_admin()?;
        let published = self.published.clone();
        self.write(authority, now, move |store| {
            let record = RecordId::Tenant(id.clone());
            let tenant = find::<Tenant>(store, &record)?;
            seen.check(&record, tenant.version)?;
            let mut plan = Plan::new(());
            estate::clear(store, &*caught_up(store, &published)?, &id, &mut plan)?;
            entomb(store, &tenant.value.org_id, now, &mut plan)?;
            keys::forget_tenant(store, &id, &mut plan)?;
            issuers::forget_tenant(store, &id, &mut plan)?;
            plan.delete(record, tenant.version);
            Ok(plan)
        })
        .await?;
        Ok(())
    }

    /// The names of the services that there are now.
    pub(super) fn services(&self) -> Vec<String> {
        self.snapshot().routes.services().iter().map(|service| service.name.to_string()).collect()
    }
}

/// The writing of a tenant that is new.
pub(super) fn founded(
    store: &Store,
    id: &TenantId,
    rest: TenantChange,
    services: &[String],
    now: Timestamp,
) -> Result<Plan<Tenant>, Fault> {
    let record = RecordId::Tenant(id.clone());
    if store.get(&record)?.is_some() {
        return Err(Fault::Conflict(format!("{record} exists already")));
    }
    let org_id = unused_org_id(store, id)?;
    let mut tenant = Tenant::new(id.clone(), org_id.clone(), now);
    amend(&mut tenant, rest, services)?;
    let org = OrgRecord { org_id: org_id.clone(), tenant: id.clone(), created_at: now, deleted_at: None };
    let mut plan = Plan {
        expect: vec![(record, Expect::Absent), (RecordId::Org(org_id), Expect::Absent)],
        changes: vec![Change::Put(tenant.clone().into()), Change::Put(org.into())],
        value: tenant,
    };
    if let Some(role) = plan.value.default_role {
        plan.expect.extend(role_of(store, id, role, "default_role")?.1);
    }
    Ok(plan)
}

/// Makes of a tenant what `change` says.
pub(super) fn amend(tenant: &mut Tenant, change: TenantChange, services: &[String]) -> Result<(), Fault> {
    let TenantChange { name, description, state, labels, options, default_role } = change;
    if let Some(name) = name {
        tenant.name = name.map_or_else(|| tenant.id.as_str().to_owned(), String::from);
    }
    if let Some(description) = description {
        tenant.description = description.into();
    }
    if let Some(labels) = labels {
        options::label(&mut tenant.labels, labels)?;
    }
    if let Some(options) = options {
        options::tune(&mut tenant.options, options, services)?;
    }
    tenant.state = state.unwrap_or(tenant.state);
    tenant.default_role = default_role.unwrap_or(tenant.default_role);
    Ok(())
}

/// The rights of a tenant's role that a `field` names, and how the commit shall find it.
pub(super) fn role_of(
    store: &Store,
    tenant: &TenantId,
    role: RoleId,
    field: &str,
) -> Result<(Rights, Option<(RecordId, Expect)>), Fault> {
    let id = match role {
        RoleId::Managed(role) => return Ok((role.rights(), None)),
        RoleId::Custom(id) => RecordId::Role(tenant.clone(), id),
    };
    match store.find::<Role>(&id)? {
        Some(Stored { version, value }) => Ok((value.rights, Some((id, Expect::Version(version))))),
        None => Err(Fault::invalid(field, format_args!("{id} does not exist"))),
    }
}

/// Plans to give the Admin role of a tenant that is being made to a user.
pub(super) fn appoint(store: &Store, user: Id, now: Timestamp, plan: &mut Plan<Tenant>) -> Result<(), Fault> {
    let tenant = plan.value.clone();
    let found = members::found(store, &tenant, Principal::User(user), now)?;
    members::put(&tenant, found, now, plan)?;
    let role = RoleId::Managed(ManagedRole::Admin);
    bindings::give(&tenant.id, Subject::User(user), role, None, now, plan)?;
    Ok(())
}

pub(super) fn unused_org_id(store: &Store, tenant: &TenantId) -> Result<OrgId, Fault> {
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
    plan.changes.push(Change::Put(org.into()));
    Ok(())
}
