//! Bindings: who has which role in a tenant. Holds the rule that nobody gives what they do not have.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::departure::caught_up;
use super::options::unknown_service;
use super::roles::{self, RoleEntry};
use super::{Authority, Control, Fault, Listed, Plan, Profile, Search, Seen, draw, find, members, profile};
use crate::model::{
    Act, Area, Binding, Group, Id, Power, Principal, RoleId, Subject, Tenant, TenantId, Timestamp,
};
use crate::snapshot::{Access, Effective};
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored, within};

/// Bindings that one user, service account or group can have in a tenant: whoever calls pays for all
/// of theirs when their rights are summed up.
pub(super) const MOST: usize = 256;

/// A binding to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBinding {
    pub target: Target,
    pub role: RoleId,
    /// The only services at which the role shall hold; everywhere when none.
    pub services: Option<BTreeSet<String>>,
}

/// Whom a binding shall be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A user, or a service account.
    Anyone(Id),
    ServiceAccount(Id),
    Group(Id),
}

/// A binding as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingEntry {
    pub id: Id,
    pub holder: HolderEntry,
    /// The role's id as clients know it, and its name.
    pub role: (String, String),
    pub services: Option<BTreeSet<String>>,
    pub created_at: Timestamp,
    text: String,
}

/// Whose a binding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderEntry {
    Group { id: Id, name: String },
    Account(Profile),
}

/// Which bindings of a tenant are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Those of groups, or those of users and service accounts.
    pub groups: Option<bool>,
    pub holder: Option<Id>,
    pub role: Option<RoleId>,
}

impl Bindings {
    fn fits(&self, binding: &Binding) -> bool {
        let of_group = matches!(binding.subject, Subject::Group(_));
        self.groups.is_none_or(|groups| groups == of_group)
            && self.holder.is_none_or(|holder| holder == binding.subject.id())
            && self.role.is_none_or(|role| role == binding.role)
    }
}

impl Listed for BindingEntry {
    const FIELDS: &'static [&'static str] = &["id", "role", "name"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match (name, &self.holder) {
            ("id", _) => self.text.as_str().into(),
            ("role", _) => self.role.1.as_str().into(),
            ("name", HolderEntry::Group { name, .. }) => name.as_str().into(),
            ("name", HolderEntry::Account(profile)) => profile.name.as_str().into(),
            _ => Cow::default(),
        }
    }
}

fn power(act: Act) -> Power {
    Power::new(Area::Binding, act)
}

impl Control {
    /// Gives roles to users, service accounts and groups: all of them, or none. Who has no access to
    /// the tenant yet gets it.
    pub async fn bind(
        &self,
        authority: &Authority,
        tenant: TenantId,
        new: Vec<NewBinding>,
        now: Timestamp,
    ) -> Result<Stored<Vec<BindingEntry>>, Fault> {
        let held = authority.require(&self.snapshot(), &tenant, power(Act::Create))?;
        let (giver, services, published) = (authority.clone(), self.services(), self.published.clone());
        self.write(authority, now, move |store| {
            let live = caught_up(store, &published)?;
            let tenant = find::<Tenant>(store, &RecordId::Tenant(tenant.clone()))?;
            let expect = vec![(tenant.value.record_id(), Expect::Version(tenant.version))];
            let plan = Plan { expect, changes: Vec::new(), value: Vec::with_capacity(new.len()) };
            let mut binder = Binder {
                store,
                tenant: &tenant,
                access: live.tenants.get(tenant.value.id.as_str()).map(|tenant| &tenant.access),
                services: &services,
                admitted: BTreeSet::new(),
                made: BTreeMap::new(),
                now,
                plan,
            };
            for (nth, one) in new.iter().enumerate() {
                // As the form tells of it: one alone has no place in a list.
                let prefix = if new.len() == 1 { String::new() } else { format!("[{nth}].") };
                binder.bind(&giver, &held, one, &prefix)?;
            }
            Ok(binder.plan)
        })
        .await
    }

    pub async fn binding(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
    ) -> Result<Stored<BindingEntry>, Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| {
            let binding = find::<Binding>(store, &RecordId::Binding(tenant.clone(), id))?;
            let entry = entries(store, &tenant, vec![binding.value])?.pop();
            let value = entry.ok_or(Fault::NotFound(RecordId::Binding(tenant, id)))?;
            Ok(Stored { version: binding.version, value })
        })
        .await
    }

    /// A page of the tenant's bindings, and how many there are on all pages.
    pub async fn bindings(
        &self,
        authority: &Authority,
        tenant: TenantId,
        which: Bindings,
        search: Search,
    ) -> Result<(Vec<BindingEntry>, usize), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Read))?;
        self.read(move |store| {
            let all = store.all::<Binding>(Some(&within(Some(&tenant))))?;
            let meant = all.into_iter().map(|stored| stored.value).filter(|binding| which.fits(binding));
            search.page(entries(store, &tenant, meant.collect())?)
        })
        .await
    }

    /// Takes a role away: what it gave is refused when this returns. Access to the tenant stays.
    pub async fn unbind(
        &self,
        authority: &Authority,
        tenant: TenantId,
        id: Id,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require(&self.snapshot(), &tenant, power(Act::Delete))?;
        self.write(authority, now, move |store| {
            let record = RecordId::Binding(tenant.clone(), id);
            let version = find::<Binding>(store, &record)?.version;
            seen.check(&record, version)?;
            let mut plan = Plan::new(());
            plan.delete(record, version);
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// Plans bindings, one after the other.
struct Binder<'a> {
    store: &'a Store,
    tenant: &'a Stored<Tenant>,
    /// Who is bound in the tenant.
    access: Option<&'a Access>,
    /// The names of the services that there are.
    services: &'a [String],
    /// Who has been given access already.
    admitted: BTreeSet<Id>,
    /// How many bindings are planned, by their subjects.
    made: BTreeMap<Id, usize>,
    now: Timestamp,
    plan: Plan<Vec<BindingEntry>>,
}

impl Binder<'_> {
    /// Plans one; what is wrong with its fields is told with `prefix` before them.
    fn bind(
        &mut self,
        giver: &Authority,
        held: &Effective,
        new: &NewBinding,
        prefix: &str,
    ) -> Result<(), Fault> {
        let role = roles::entry(self.store, self.tenant, new.role)?;
        let services = new.services.as_ref().map(|names| names.iter().map(String::as_str));
        giver.require_cover(held, role.value.rights, services)?;
        if let Some(message) = unknown_service(new.services.as_ref(), self.services) {
            return Err(Fault::invalid(format!("{prefix}services"), message));
        }
        if let RoleId::Custom(id) = new.role {
            let record = RecordId::Role(self.tenant.value.id.clone(), id);
            self.plan.expect.push((record, Expect::Version(role.version)));
        }
        let holder = self.holder(new.target)?;
        let subject = match &holder {
            HolderEntry::Group { id, .. } => Subject::Group(*id),
            HolderEntry::Account(profile) => subject(profile.principal),
        };
        let made = self.made.entry(subject.id()).or_default();
        if self.access.map_or(0, |access| access.bindings_of(subject.id())) + *made >= MOST {
            return Err(too_many());
        }
        *made += 1;
        if let HolderEntry::Account(profile) = &holder
            && self.admitted.insert(profile.principal.id())
        {
            let member = members::found(self.store, &self.tenant.value, profile.principal, self.now)?;
            if member.is_new() {
                members::put(&self.tenant.value, member, self.now, &mut self.plan)?;
            }
        }
        let tenant = &self.tenant.value.id;
        let binding = give(tenant, subject, new.role, new.services.clone(), self.now, &mut self.plan)?;
        self.plan.value.push(shown(binding, holder, &role.value));
        Ok(())
    }

    fn holder(&mut self, target: Target) -> Result<HolderEntry, Fault> {
        let tenant = &self.tenant.value.id;
        let profile = match target {
            Target::Anyone(id) => profile::find(self.store, tenant, id)?,
            Target::ServiceAccount(id) => {
                let none = || Fault::NotFound(RecordId::ServiceAccount(Some(tenant.clone()), id));
                profile::machine(self.store, tenant, id)?.ok_or_else(none)?
            }
            Target::Group(id) => {
                let record = RecordId::Group(tenant.clone(), id);
                let group = find::<Group>(self.store, &record)?;
                self.plan.expect.push((record, Expect::Version(group.version)));
                return Ok(HolderEntry::Group { id, name: group.value.name });
            }
        };
        self.plan.expect.push((profile.value.record(), Expect::Version(profile.version)));
        Ok(HolderEntry::Account(profile.value))
    }
}

fn too_many() -> Fault {
    Fault::Conflict(format!("nobody has more than {MOST} bindings in a tenant: delete some, or use a group"))
}

/// Plans to give a role to somebody who is known to have access.
pub(super) fn give<T>(
    tenant: &TenantId,
    subject: Subject,
    role: RoleId,
    services: Option<BTreeSet<String>>,
    now: Timestamp,
    plan: &mut Plan<T>,
) -> Result<Binding, Fault> {
    let tenant = tenant.clone();
    let binding = Binding { tenant, id: draw::id()?, subject, role, services, created_at: now };
    plan.expect.push((binding.record_id(), Expect::Absent));
    plan.changes.push(Change::Put(binding.clone().into()));
    Ok(binding)
}

/// Plans to take all roles in a tenant from somebody.
pub(super) fn take_all<T>(
    store: &Store,
    tenant: &TenantId,
    subject: Subject,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    let bindings = store.all::<Binding>(Some(&within(Some(tenant))))?;
    for binding in bindings.iter().filter(|binding| binding.value.subject == subject) {
        plan.delete(binding.value.record_id(), binding.version);
    }
    Ok(())
}

pub(super) fn subject(principal: Principal) -> Subject {
    match principal {
        Principal::User(id) => Subject::User(id),
        Principal::ServiceAccount(id) => Subject::ServiceAccount(id),
    }
}

fn shown(binding: Binding, holder: HolderEntry, role: &RoleEntry) -> BindingEntry {
    BindingEntry {
        id: binding.id,
        holder,
        role: (role.id.clone(), role.name.clone()),
        services: binding.services,
        created_at: binding.created_at,
        text: binding.id.to_string(),
    }
}

/// Bindings with the names of what they bind. One whose holder or role is gone gives nothing and is
/// passed over.
fn entries(store: &Store, tenant: &TenantId, bindings: Vec<Binding>) -> Result<Vec<BindingEntry>, Fault> {
    let roles = roles::entries(store, tenant)?;
    let roles: BTreeMap<RoleId, RoleEntry> = roles.into_iter().map(|role| (role.role, role)).collect();
    let mut holders: BTreeMap<Subject, Option<HolderEntry>> = BTreeMap::new();
    let mut entries = Vec::with_capacity(bindings.len());
    for binding in bindings {
        let holder = match holders.get(&binding.subject) {
            Some(holder) => holder.clone(),
            None => {
                let holder = holder_of(store, tenant, binding.subject)?;
                holders.insert(binding.subject, holder.clone());
                holder
            }
        };
        if let (Some(holder), Some(role)) = (holder, roles.get(&binding.role)) {
            entries.push(shown(binding, holder, role));
        }
    }
    Ok(entries)
}

fn holder_of(store: &Store, tenant: &TenantId, subject: Subject) -> Result<Option<HolderEntry>, Fault> {
    if let Subject::Group(id) = subject {
        let group = store.find::<Group>(&RecordId::Group(tenant.clone(), id))?;
        return Ok(group.map(|group| HolderEntry::Group { id, name: group.value.name }));
    }
    match profile::find(store, tenant, subject.id()) {
        Ok(profile) => Ok(Some(HolderEntry::Account(profile.value))),
        Err(Fault::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}
