//! Trusted keys, of the instance or of a tenant: added, shown, put under other conditions, removed.
//! Holds the rules that span records: the tenants that a key names exist, a tenant's key speaks for
//! that tenant alone, and at most one key is the fallback.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::giver::Giver;
use super::tenants::role_of;
use super::{Authority, Control, Fault, Flaws, Leeway, Listed, Plan, Prose, Search, Seen, find};
use crate::model::{
    Act, Algorithm, Grants, KeyError, KeyId, ManagedRole, PublicKey, Rights, RoleId, TenantClaim, TenantId,
    TenantScope, Timestamp, TrustedKey,
};
use crate::store::{Change, Expect, Page, RecordId, Recorded, Store, Stored, within};

/// A key to be trusted.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub id: KeyId,
    pub public: PublicKey,
    pub algorithm: Algorithm,
    pub conditions: Conditions,
}

/// Under which conditions a key's tokens are believed; see [`TrustedKey`].
#[derive(Clone, Debug)]
pub struct Conditions {
    /// All that its owner has when none.
    pub tenants: Option<TenantScope>,
    pub claim: TenantClaim,
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub require_exp: bool,
    pub leeway: Leeway,
    pub fallback: bool,
    /// Everything on data when none: of a tenant's key, by the Editor role.
    pub gives: Option<Gives>,
    pub scopes_claim: Option<String>,
    pub description: Prose,
}

/// What the tokens of a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    Grants(Grants),
    /// A managed one, unless a tenant owns the key.
    Role(RoleId),
}

/// New conditions for a key, and what the caller takes for granted about it.
#[derive(Clone, Debug)]
pub struct KeyChange {
    pub conditions: Conditions,
    /// Must be the key's own when given: another key is another record.
    pub public: Option<PublicKey>,
    pub algorithm: Option<Algorithm>,
}

impl NewKey {
    /// The record of an owner's key.
    pub(super) fn record(&self, owner: Option<&TenantId>, now: Timestamp) -> Result<TrustedKey, Fault> {
        if !self.algorithm.fits(self.public.kind()) {
            let error = KeyError::Algorithm { algorithm: self.algorithm, kind: self.public.kind() };
            return Err(Fault::invalid("algorithm", error));
        }
        let conditions = self.conditions.clone();
        let (role, grants) = match (conditions.gives, owner) {
            (Some(Gives::Role(role)), _) => (Some(role), Grants::NONE),
            (Some(Gives::Grants(grants)), _) => (None, grants),
            (None, None) => (None, Grants::ALL),
            (None, Some(_)) => (Some(RoleId::Managed(ManagedRole::Editor)), Grants::NONE),
        };
        Ok(TrustedKey {
            id: self.id.clone(),
            owner: owner.cloned(),
            algorithm: self.algorithm,
            public: self.public.clone(),
            tenants: conditions.scope(owner)?,
            claim: conditions.claim,
            issuer: conditions.issuer,
            audience: conditions.audience,
            require_exp: conditions.require_exp,
            leeway: conditions.leeway.seconds(),
            fallback: conditions.fallback,
            grants,
            role,
            scopes_claim: conditions.scopes_claim,
            description: conditions.description.into(),
            created_at: now,
        })
    }
}

impl Conditions {
    /// The tenants for which an owner's key may speak.
    fn scope(&self, owner: Option<&TenantId>) -> Result<TenantScope, Fault> {
        let Some(owner) = owner else { return Ok(self.tenants.clone().unwrap_or(TenantScope::All)) };
        let own = TenantScope::Only(BTreeSet::from([owner.clone()]));
        let mut flaws = Flaws::default();
        if self.tenants.as_ref().is_some_and(|tenants| *tenants != own) {
            flaws.add("tenants", format_args!("is {owner} alone: a tenant's key speaks for nobody else"));
        }
        if self.fallback {
            flaws.add("fallback", "is for a key of the instance");
        }
        flaws.settle()?;
        Ok(own)
    }
}

impl Listed for TrustedKey {
    const FIELDS: &'static [&'static str] = &["id", "description"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.id.as_str().into(),
            "description" => self.description.as_str().into(),
            _ => Cow::default(),
        }
    }
}

/// Keys of the instance are for super admins, those of a tenant for who has the powers there. A
/// tenant's key gives no more than who writes it has.
impl Control {
    /// Trusts a key.
    pub async fn add_key(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        new: NewKey,
        now: Timestamp,
    ) -> Result<Stored<TrustedKey>, Fault> {
        let giver = self.giver(authority, owner.as_ref(), Act::Create)?;
        self.write(authority, now, move |store| {
            let id = RecordId::Key(owner.clone(), new.id.clone());
            if store.get(&id)?.is_some() {
                return Err(Fault::Conflict("key already in key set".to_owned()));
            }
            put(&giver, store, new.record(owner.as_ref(), now)?, (id, Expect::Absent))
        })
        .await
    }

    pub async fn key(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        id: KeyId,
    ) -> Result<Stored<TrustedKey>, Fault> {
        self.giver(authority, owner.as_ref(), Act::Read)?;
        self.read(move |store| find(store, &RecordId::Key(owner, id))).await
    }

    pub async fn keys(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        search: Search,
    ) -> Result<Page<TrustedKey>, Fault> {
        self.giver(authority, owner.as_ref(), Act::Read)?;
        self.list(Some(within(owner.as_ref())), search).await
    }

    /// Puts a key under other conditions.
    pub async fn replace_key(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        id: KeyId,
        change: KeyChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<TrustedKey>, Fault> {
        let giver = self.giver(authority, owner.as_ref(), Act::Update)?;
        self.write(authority, now, move |store| {
            let record = RecordId::Key(owner.clone(), id.clone());
            let Stored { version, value: key } = find::<TrustedKey>(store, &record)?;
            seen.check(&record, version)?;
            change.same(&key)?;
            let next = NewKey {
                id: key.id,
                public: key.public,
                algorithm: key.algorithm,
                conditions: change.conditions.clone(),
            };
            put(
                &giver,
                store,
                next.record(owner.as_ref(), key.created_at)?,
                (record, Expect::Version(version)),
            )
        })
        .await
    }

    /// Trusts a key no longer: its tokens are refused when this returns.
    pub async fn remove_key(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        id: KeyId,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.giver(authority, owner.as_ref(), Act::Delete)?;
        self.write(authority, now, move |store| {
            let record = RecordId::Key(owner.clone(), id.clone());
            let version = find::<TrustedKey>(store, &record)?.version;
            seen.check(&record, version)?;
            let mut plan = Plan::new(());
            plan.delete(record, version);
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// Plans to write a key that refers to nothing that is not there, and gives nothing that its giver
/// does not have.
fn put(
    giver: &Giver,
    store: &Store,
    key: TrustedKey,
    this: (RecordId, Expect),
) -> Result<Plan<TrustedKey>, Fault> {
    let mut expect = vec![this];
    if let TenantScope::Only(tenants) = &key.tenants {
        expect.extend(existing(store, tenants)?);
    }
    if let Some(owner) = &key.owner {
        let (rights, there) = match key.role {
            Some(role) => role_of(store, owner, role, "role")?,
            None => (Rights::on_data(key.grants), None),
        };
        giver.gives(rights)?;
        expect.extend(there);
    }
    if key.fallback {
        only_fallback(store, &key)?;
    }
    Ok(Plan { expect, changes: vec![Change::Put(key.clone().into())], value: key })
}

impl KeyChange {
    /// Refuses to take another key's material for this key's.
    fn same(&self, key: &TrustedKey) -> Result<(), Fault> {
        const HOW: &str = "cannot be changed: remove the key and add it again";
        let mut flaws = Flaws::default();
        if self.public.as_ref().is_some_and(|public| *public != key.public) {
            flaws.add("public_key", HOW);
        }
        if self.algorithm.is_some_and(|algorithm| algorithm != key.algorithm) {
            flaws.add("algorithm", HOW);
        }
        flaws.settle()
    }
}

/// Takes a deleted tenant out of the lists of all keys.
pub(super) fn forget_tenant(store: &Store, tenant: &TenantId, plan: &mut Plan<()>) -> Result<(), Fault> {
    for Stored { version, value: mut key } in instance_keys(store)? {
        if let TenantScope::Only(tenants) = &mut key.tenants
            && tenants.remove(tenant)
        {
            plan.expect.push((key.record_id(), Expect::Version(version)));
            plan.changes.push(Change::Put(key.into()));
        }
    }
    Ok(())
}

/// Refuses a second fallback.
fn only_fallback(store: &Store, key: &TrustedKey) -> Result<(), Fault> {
    let other =
        instance_keys(store)?.into_iter().find(|other| other.value.fallback && other.value.id != key.id);
    match other {
        None => Ok(()),
        Some(other) => {
            let other = other.value.record_id();
            Err(Fault::Conflict(format!("{other} is the fallback already: there is at most one")))
        }
    }
}

/// The tenants of a list, as the commit shall find them.
pub(super) fn existing(
    store: &Store,
    tenants: &BTreeSet<TenantId>,
) -> Result<Vec<(RecordId, Expect)>, Fault> {
    let mut flaws = Flaws::default();
    let mut expect = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let id = RecordId::Tenant(tenant.clone());
        match store.get(&id)? {
            Some(stored) => expect.push((id, Expect::Version(stored.version))),
            None => flaws.add("tenants", format_args!("{id} does not exist")),
        }
    }
    flaws.settle()?;
    Ok(expect)
}

fn instance_keys(store: &Store) -> Result<Vec<Stored<TrustedKey>>, Fault> {
    Ok(store.all(Some(&within(None)))?)
}
