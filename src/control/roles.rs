//! Roles of a tenant: those that it has made, and those that every tenant has. Holds the rule that
//! nobody makes or widens a role beyond what they have themselves.

use std::borrow::Cow;

use super::version::marked;
use super::{Authority, Control, Fault, Listed, Name, Plan, Prose, Search, Seen, draw, find, names};
use crate::model::{
    Act, Area, Binding, Id, Issuer, ManagedRole, Power, Rights, Role, RoleId, Tenant, TenantId, Timestamp,
    TrustedKey,
};
use crate::snapshot::Effective;
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored, UniqueName, within};

/// A role as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleEntry {
    /// As clients know it; see [`RoleId::text`].
    pub id: String,
    pub role: RoleId,
    pub name: String,
    pub description: String,
    pub rights: Rights,
    /// Whether new members of the tenant are bound to it.
    pub default: bool,
    /// When it was made and last changed; none for a managed role.
    pub times: Option<(Timestamp, Timestamp)>,
}

/// What a role shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleForm {
    pub name: Name,
    pub description: Prose,
    /// At least one.
    pub rights: Rights,
    pub default: bool,
}

impl Listed for RoleEntry {
    const FIELDS: &'static [&'static str] = &["id", "name", "description"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.id.as_str().into(),
            "name" => self.name.as_str().into(),
            "description" => self.description.as_str().into(),
            _ => Cow::default(),
        }
    }
}

impl RoleEntry {
    fn managed(role: ManagedRole, tenant: &Tenant) -> Self {
        let role_id = RoleId::Managed(role);
        RoleEntry {
            id: role_id.text(&tenant.id),
            role: role_id,
            name: role.name().to_owned(),
            description: role.description().to_owned(),
            rights: role.rights(),
            default: tenant.default_role == Some(role_id),
            times: None,
        }
    }

    fn custom(role: Role, tenant: &Tenant) -> Self {
        RoleEntry {
            id: role.id.to_string(),
            role: RoleId::Custom(role.id),
            name: role.name,
            description: role.description,
            rights: role.rights,
            default: tenant.default_role == Some(RoleId::Custom(role.id)),
            times: Some((role.created_at, role.updated_at)),
        }
    }
}

fn power(act: Act) -> Power {
    Power::new(Area::Role, act)
}

impl Control {
    /// Makes a role of no more than the caller's own rights.
    pub async fn create_role(
        &self,
        authority: &Authority,
        tenant: TenantId,
        form: RoleForm,
        now: Timestamp,
    ) -> Result<Stored<RoleEntry>, Fault> {
        let held = authority.require(&self.snapshot(), &tenant, power(Act::Create))?;
        authority.require_cover(&held, form.rights, EVERYWHERE)?;
        let id = draw::id()?;
        self.write(authority, now, move |store| {
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?;
            let role = Role {
                tenant: tenant.value.id.clone(),
                id,
                name: form.name.clone().into(),
                description: form.description.clone().into(),
                rights: form.rights,
                created_at: now,
                updated_at: now,
            };
            put(store, tenant, role, None, form.default, now)
        })
        .await
        .map(shown)
    }

    /// A role, and the version of its record; of the tenant's when it is a managed one.
    pub async fn role(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: RoleId,
    ) -> Result<Stored<RoleEntry>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| {
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant))?;
            entry(store, &tenant, id)
        })
        .await
        .map(shown)
    }

    /// A page of the tenant's roles, managed ones among them, and how many there are on all pages.
    pub async fn roles(
        &self,
        authority: &Authority,
        tenant: TenantId,
        search: Search,
    ) -> Result<(Vec<RoleEntry>, usize), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| search.page(entries(store, &tenant)?)).await
    }

    /// The roles of some ids; what names no role of the tenant is passed over.
    pub async fn roles_of(
        &self,
        authority: &Authority,
        tenant: TenantId,
        ids: Vec<String>,
    ) -> Result<Vec<RoleEntry>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| {
            let mut roles = entries(store, &tenant)?;
            roles.retain(|role| ids.contains(&role.id));
            Ok(roles)
        })
        .await
    }

    /// Makes another role of a role. Only what it gains has to be the caller's own: nobody is kept
    /// from narrowing a role, or from giving it another name.
    pub async fn replace_role(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: RoleId,
        form: RoleForm,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<RoleEntry>, Fault> {
        let held = authority.require(&self.snapshot(), &tenant, power(Act::Update))?;
        let id = changeable(id)?;
        let giver = authority.clone();
        self.write(authority, now, move |store| {
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?;
            let record = RecordId::Role(tenant.value.id.clone(), id);
            let Stored { version, value: before } = find::<Role>(store, &record)?;
            let was_default = tenant.value.default_role == Some(RoleId::Custom(id));
            seen.check(&record, marked(version, was_default))?;
            let kept = Effective::everywhere(held.everywhere.union(before.rights));
            giver.require_cover(&kept, form.rights, EVERYWHERE)?;
            if form.default && !was_default {
                giver.require_cover(&held, form.rights, EVERYWHERE)?;
            }
            let role = Role {
                name: form.name.clone().into(),
                description: form.description.clone().into(),
                rights: form.rights,
                updated_at: now,
                ..before.clone()
            };
            let before = Stored { version, value: before };
            put(store, tenant, role, Some(before), form.default, now)
        })
        .await
        .map(shown)
    }

    /// Deletes a role to which nobody is bound, and which no key and no issuer gives.
    pub async fn delete_role(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: RoleId,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Delete))?;
        let id = changeable(id)?;
        self.write(authority, now, move |store| {
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?;
            let record = RecordId::Role(tenant.value.id.clone(), id);
            let role = find::<Role>(store, &record)?;
            let default = tenant.value.default_role == Some(RoleId::Custom(id));
            seen.check(&record, marked(role.version, default))?;
            unused(store, &tenant.value.id, RoleId::Custom(id))?;
            let mut plan = Plan::new(());
            set_default(tenant, id, false, now, &mut plan);
            plan.delete(record, role.version);
            names::give_up(store, unique(&role.value), &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// A role as it is shown: whether it is the default, which its tenant says, is part of its version.
fn shown(Stored { version, value }: Stored<RoleEntry>) -> Stored<RoleEntry> {
    let mark = value.default && matches!(value.role, RoleId::Custom(_));
    Stored { version: marked(version, mark), value }
}

/// Not limited to services.
pub(super) const EVERYWHERE: Option<[&str; 0]> = None;

/// A role of a tenant; the version is the tenant's when it is a managed one.
pub(super) fn entry(store: &Store, tenant: &Stored<Tenant>, id: RoleId) -> Result<Stored<RoleEntry>, Fault> {
    match id {
        RoleId::Managed(role) => {
            Ok(Stored { version: tenant.version, value: RoleEntry::managed(role, &tenant.value) })
        }
        RoleId::Custom(id) => {
            let role = find::<Role>(store, &RecordId::Role(tenant.value.id.clone(), id))?;
            Ok(Stored { version: role.version, value: RoleEntry::custom(role.value, &tenant.value) })
        }
    }
}

/// All roles of a tenant, by their ids.
pub(super) fn entries(store: &Store, tenant: &TenantId) -> Result<Vec<RoleEntry>, Fault> {
    let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?.value;
    let custom = store.all::<Role>(Some(&within(Some(&tenant.id))))?;
    let custom = custom.into_iter().map(|stored| RoleEntry::custom(stored.value, &tenant));
    let managed = ManagedRole::ALL.into_iter().map(|role| RoleEntry::managed(role, &tenant));
    let mut roles: Vec<RoleEntry> = custom.chain(managed).collect();
    roles.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(roles)
}

fn changeable(id: RoleId) -> Result<Id, Fault> {
    match id {
        RoleId::Custom(id) => Ok(id),
        RoleId::Managed(role) => Err(Fault::Conflict(format!(
            "{} is a managed role, which is neither changed nor deleted: make a role of your own",
            role.name()
        ))),
    }
}

fn unique(role: &Role) -> UniqueName {
    UniqueName::Role(role.tenant.clone(), role.name.to_lowercase())
}

/// Plans to write a role, whose name must be free; and, with it, whether it is the default.
fn put(
    store: &Store,
    tenant: Stored<Tenant>,
    role: Role,
    before: Option<Stored<Role>>,
    default: bool,
    now: Timestamp,
) -> Result<Plan<RoleEntry>, Fault> {
    let name = unique(&role);
    if let Some(managed) =
        ManagedRole::ALL.iter().find(|managed| managed.as_str() == role.name.to_lowercase())
    {
        return Err(Fault::Conflict(format!("the managed role {} has that name already", managed.name())));
    }
    let expected = before.as_ref().map_or(Expect::Absent, |before| Expect::Version(before.version));
    let mut after = tenant.value.clone();
    after.default_role = default_after(&tenant.value, role.id, default);
    let value = RoleEntry::custom(role.clone(), &after);
    let mut plan = Plan { expect: vec![(role.record_id(), expected)], changes: Vec::new(), value };
    set_default(tenant, role.id, default, now, &mut plan);
    let before = before.map(|before| unique(&before.value));
    names::take(store, name, before, role.id, "another role of the tenant", &mut plan)?;
    plan.changes.push(Change::Put(role.into()));
    Ok(plan)
}

/// The tenant's default role once the role of `id` is it, or is not.
fn default_after(tenant: &Tenant, id: Id, default: bool) -> Option<RoleId> {
    let this = Some(RoleId::Custom(id));
    match default {
        true => this,
        false => tenant.default_role.filter(|role| Some(*role) != this),
    }
}

/// Expects the tenant as it is, and changes its default role if that is another now.
fn set_default<T>(tenant: Stored<Tenant>, id: Id, default: bool, now: Timestamp, plan: &mut Plan<T>) {
    let Stored { version, value: mut tenant } = tenant;
    plan.expect.push((tenant.record_id(), Expect::Version(version)));
    let after = default_after(&tenant, id, default);
    if after != tenant.default_role {
        tenant.default_role = after;
        tenant.updated_at = now;
        plan.changes.push(Change::Put(tenant.into()));
    }
}

/// Refuses when anything gives a role.
fn unused(store: &Store, tenant: &TenantId, role: RoleId) -> Result<(), Fault> {
    let prefix = within(Some(tenant));
    let bindings = store.all::<Binding>(Some(&prefix))?;
    let keys = store.all::<TrustedKey>(Some(&prefix))?;
    let issuers = store.all::<Issuer>(Some(&prefix))?;
    let bindings = bindings.iter().filter(|binding| binding.value.role == role).count();
    let keys = keys.iter().filter(|key| key.value.role == Some(role)).count();
    let issuers = issuers.iter().filter(|issuer| issuer.value.role == role).count();
    match [(bindings, "binding"), (keys, "key"), (issuers, "issuer")].iter().find(|(count, _)| *count > 0) {
        None => Ok(()),
        Some((1, noun)) => Err(Fault::Conflict(format!("1 {noun} gives this role: delete it first"))),
        Some((many, noun)) => {
            Err(Fault::Conflict(format!("{many} {noun}s give this role: delete them first")))
        }
    }
}
