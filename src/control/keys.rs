//! Trusted keys: added, shown, put under other conditions, removed. Holds the rules that span
//! records: the tenants that a key names exist, and at most one key is the fallback.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Authority, Control, Fault, Flaws, Leeway, Listed, Plan, Prose, Search, Seen, find};
use crate::model::{
    Algorithm, Grants, KeyError, KeyId, PublicKey, TenantClaim, TenantId, TenantScope, Timestamp, TrustedKey,
};
use crate::store::{Change, Expect, Page, Record, RecordId, Recorded, Store, Stored, within};

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
    pub tenants: TenantScope,
    pub claim: TenantClaim,
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub require_exp: bool,
    pub leeway: Leeway,
    pub fallback: bool,
    pub grants: Grants,
    pub description: Prose,
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
    fn record(&self, now: Timestamp) -> TrustedKey {
        let Conditions {
            tenants,
            claim,
            issuer,
            audience,
            require_exp,
            leeway,
            fallback,
            grants,
            description,
        } = self.conditions.clone();
        TrustedKey {
            id: self.id.clone(),
            owner: None,
            algorithm: self.algorithm,
            public: self.public.clone(),
            tenants,
            claim,
            issuer,
            audience,
            require_exp,
            leeway: leeway.seconds(),
            fallback,
            grants,
            role: None,
            scopes_claim: None,
            description: description.into(),
            created_at: now,
        }
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

impl Control {
    /// Trusts a key.
    pub async fn add_key(
        &self,
        authority: &Authority,
        new: NewKey,
        now: Timestamp,
    ) -> Result<Stored<TrustedKey>, Fault> {
        if !new.algorithm.fits(new.public.kind()) {
            let error = KeyError::Algorithm { algorithm: new.algorithm, kind: new.public.kind() };
            return Err(Fault::invalid("algorithm", error));
        }
        authority.require_super_admin()?;
        self.write(authority, now, move |store| {
            let id = RecordId::Key(None, new.id.clone());
            if store.get(&id)?.is_some() {
                return Err(Fault::Conflict("key already in key set".to_owned()));
            }
            put(store, new.record(now), (id, Expect::Absent))
        })
        .await
    }

    pub async fn key(&self, authority: &Authority, id: KeyId) -> Result<Stored<TrustedKey>, Fault> {
        authority.require_super_admin()?;
        self.read(move |store| find(store, &RecordId::Key(None, id))).await
    }

    pub async fn keys(&self, authority: &Authority, search: Search) -> Result<Page<TrustedKey>, Fault> {
        authority.require_super_admin()?;
        self.list(Some(within(None)), search).await
    }

    /// Puts a key under other conditions.
    pub async fn replace_key(
        &self,
        authority: &Authority,
        id: KeyId,
        change: KeyChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<TrustedKey>, Fault> {
        authority.require_super_admin()?;
        self.write(authority, now, move |store| {
            let record = RecordId::Key(None, id.clone());
            let Stored { version, value: key } = find::<TrustedKey>(store, &record)?;
            seen.check(&record, version)?;
            change.same(&key)?;
            let next = NewKey {
                id: key.id,
                public: key.public,
                algorithm: key.algorithm,
                conditions: change.conditions.clone(),
            };
            put(store, next.record(key.created_at), (record, Expect::Version(version)))
        })
        .await
    }

    /// Trusts a key no longer: its tokens are refused when this returns.
    pub async fn remove_key(
        &self,
        authority: &Authority,
        id: KeyId,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require_super_admin()?;
        self.write(authority, now, move |store| {
            let record = RecordId::Key(None, id.clone());
            let version = find::<TrustedKey>(store, &record)?.version;
            seen.check(&record, version)?;
            Ok(Plan {
                expect: vec![(record.clone(), Expect::Version(version))],
                changes: vec![Change::Delete(record)],
                value: (),
            })
        })
        .await?;
        Ok(())
    }
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
            plan.changes.push(Change::Put(Record::Key(key)));
        }
    }
    Ok(())
}

/// Plans to write a key that refers to nothing that is not there.
fn put(store: &Store, key: TrustedKey, this: (RecordId, Expect)) -> Result<Plan<TrustedKey>, Fault> {
    let mut expect = vec![this];
    if let TenantScope::Only(tenants) = &key.tenants {
        expect.extend(existing(store, tenants)?);
    }
    if key.fallback
        && let Some(other) =
            instance_keys(store)?.into_iter().find(|other| other.value.fallback && other.value.id != key.id)
    {
        let other = other.value.record_id();
        return Err(Fault::Conflict(format!("{other} is the fallback already: there is at most one")));
    }
    Ok(Plan { expect, changes: vec![Change::Put(Record::Key(key.clone()))], value: key })
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
