//! All that is a tenant's, as records: read at once, changed in memory, and written as what has come
//! to differ. Knows nothing of documents.

use std::collections::BTreeMap;

use crate::control::{Fault, Plan};
use crate::model::{
    Binding, Group, Id, Issuer, KeyId, Member, OrgRecord, Principal, Role, ServiceAccount, Slug, Tenant,
    TenantId, TrustedKey,
};
use crate::store::{
    Change, Expect, Record, RecordId, Recorded, Revision, Store, Stored, TakenName, UniqueName, within,
};

/// A tenant and what belongs to it.
#[derive(Clone)]
pub(super) struct Holding {
    pub tenant: Tenant,
    /// Only of a tenant that is being made.
    pub org: Option<OrgRecord>,
    pub roles: BTreeMap<Id, Role>,
    pub groups: BTreeMap<Id, Group>,
    pub accounts: BTreeMap<Id, ServiceAccount>,
    pub members: BTreeMap<Principal, Member>,
    pub bindings: BTreeMap<Id, Binding>,
    pub keys: BTreeMap<KeyId, TrustedKey>,
    pub issuers: BTreeMap<Slug, Issuer>,
}

/// At which version each record was read.
pub(super) type Versions = BTreeMap<RecordId, Revision>;

impl Holding {
    /// A tenant that has nothing yet.
    pub fn new(tenant: Tenant, org: Option<OrgRecord>) -> Self {
        Holding {
            tenant,
            org,
            roles: BTreeMap::new(),
            groups: BTreeMap::new(),
            accounts: BTreeMap::new(),
            members: BTreeMap::new(),
            bindings: BTreeMap::new(),
            keys: BTreeMap::new(),
            issuers: BTreeMap::new(),
        }
    }

    /// What the store has of a tenant; none when there is no such tenant.
    pub fn read(store: &Store, id: &TenantId) -> Result<Option<(Self, Versions)>, Fault> {
        let Some(tenant) = store.find::<Tenant>(&RecordId::Tenant(id.clone()))? else { return Ok(None) };
        let mut versions = Versions::from([(tenant.value.record_id(), tenant.version)]);
        let seen = &mut versions;
        let holding = Holding {
            roles: all(store, id, seen, |role: &Role| role.id)?,
            groups: all(store, id, seen, |group: &Group| group.id)?,
            accounts: all(store, id, seen, |account: &ServiceAccount| account.id)?,
            members: all(store, id, seen, |member: &Member| member.principal)?,
            bindings: all(store, id, seen, |binding: &Binding| binding.id)?,
            keys: all(store, id, seen, |key: &TrustedKey| key.id.clone())?,
            issuers: all(store, id, seen, |issuer: &Issuer| issuer.id.clone())?,
            ..Holding::new(tenant.value, None)
        };
        Ok(Some((holding, versions)))
    }

    /// Takes out what refers to groups, service accounts and members that are no more. `before` is
    /// what this has come from.
    pub fn settle(&mut self, before: Option<&Holding>) {
        let Some(before) = before else { return };
        let lost = |id: &Id| before.groups.contains_key(id) && !self.groups.contains_key(id);
        let gone = |principal: &Principal| match principal {
            Principal::ServiceAccount(id) => {
                before.accounts.contains_key(id) && !self.accounts.contains_key(id)
            }
            Principal::User(_) => false,
        };
        self.members.retain(|principal, _| !gone(principal));
        self.members.values_mut().for_each(|member| member.groups.retain(|group, _| !lost(group)));
        let left = |id: Id| {
            [Principal::User(id), Principal::ServiceAccount(id)].iter().any(|principal| {
                before.members.contains_key(principal) && !self.members.contains_key(principal)
            })
        };
        self.bindings.retain(|_, binding| !lost(&binding.subject.id()) && !left(binding.subject.id()));
    }

    /// Plans to write this, where `before` stands at these versions. A tenant stands before what
    /// belongs to it; names are given up before they are taken.
    pub fn write<T>(&self, before: Option<(&Holding, &Versions)>, plan: &mut Plan<T>) {
        let none = Versions::new();
        let versions = before.map_or(&none, |(_, versions)| versions);
        plan.expect.extend(versions.iter().map(|(id, version)| (id.clone(), Expect::Version(*version))));
        let (old, new) = (before.map(|(before, _)| before.records()).unwrap_or_default(), self.records());
        let old: BTreeMap<RecordId, Record> = old.into_iter().map(|record| (record.id(), record)).collect();
        let kept: Vec<RecordId> = new.iter().map(Record::id).collect();
        let kept: std::collections::BTreeSet<&RecordId> = kept.iter().collect();
        let (had, has) = (before.map(|(before, _)| before.names()).unwrap_or_default(), self.names());
        for name in had.keys().filter(|name| !has.contains_key(*name)) {
            plan.changes.push(Change::Delete(RecordId::Name(name.clone())));
        }
        for gone in old.keys().filter(|id| !kept.contains(id)) {
            plan.changes.push(Change::Delete(gone.clone()));
        }
        for record in new {
            let id = record.id();
            let known = old.get(&id);
            if known.is_none() {
                plan.expect.push((id, Expect::Absent));
            }
            if known != Some(&record) {
                plan.changes.push(Change::Put(Box::new(record)));
            }
        }
        for (name, id) in has.into_iter().filter(|(name, _)| !had.contains_key(name)) {
            plan.expect.push((RecordId::Name(name.clone()), Expect::Absent));
            plan.changes.push(Change::Put(TakenName { name, id }.into()));
        }
    }

    /// The tenant first.
    fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = vec![self.tenant.clone().into()];
        records.extend(self.org.iter().cloned().map(Record::from));
        records.extend(self.roles.values().cloned().map(Record::from));
        records.extend(self.groups.values().cloned().map(Record::from));
        records.extend(self.accounts.values().cloned().map(Record::from));
        records.extend(self.members.values().cloned().map(Record::from));
        records.extend(self.bindings.values().cloned().map(Record::from));
        records.extend(self.keys.values().cloned().map(Record::from));
        records.extend(self.issuers.values().cloned().map(Record::from));
        records
    }

    fn names(&self) -> BTreeMap<UniqueName, Id> {
        let tenant = &self.tenant.id;
        let role = |role: &Role| (UniqueName::Role(tenant.clone(), role.name.to_lowercase()), role.id);
        let group = |group: &Group| (UniqueName::Group(tenant.clone(), group.name.to_lowercase()), group.id);
        let account = |account: &ServiceAccount| {
            let name = account.name.as_str().to_owned();
            (UniqueName::ServiceAccount(Some(tenant.clone()), name), account.id)
        };
        let roles = self.roles.values().map(role);
        roles.chain(self.groups.values().map(group)).chain(self.accounts.values().map(account)).collect()
    }
}

fn all<T: Recorded, K: Ord>(
    store: &Store,
    tenant: &TenantId,
    versions: &mut Versions,
    key: impl Fn(&T) -> K,
) -> Result<BTreeMap<K, T>, Fault> {
    let found = store.all::<T>(Some(&within(Some(tenant))))?;
    let each = |Stored { version, value }: Stored<T>| {
        versions.insert(value.record_id(), version);
        (key(&value), value)
    };
    Ok(found.into_iter().map(each).collect())
}
