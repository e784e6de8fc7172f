//! Trusted keys: added, shown, put under other conditions, removed. Holds the rules that span
//! records: the tenants that a key names exist, and at most one key is the fallback.

use std::collections::BTreeSet;

use super::{Authority, Control, Deed, Fault, Flaws, Leeway, Plan, Prose, Search, Seen, contains, misfiled};
use crate::model::{
    Algorithm, Grants, KeyError, KeyId, PublicKey, TenantClaim, TenantId, TenantScope, Timestamp, TrustedKey,
};
use crate::store::{Change, Cut, Expect, Kind, Order, Page, Record, RecordId, Store, Stored};

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
            description: description.into(),
            created_at: now,
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
        let deed = Deed::new(authority, "key added", RecordId::Key(new.id.clone()));
        self.write(deed, move |store| {
            let id = RecordId::Key(new.id.clone());
            if store.get(&id)?.is_some() {
                return Err(Fault::Conflict("key already in key set".to_owned()));
            }
            put(store, new.record(now), (id, Expect::Absent))
        })
        .await
    }

    pub async fn key(&self, _authority: &Authority, id: KeyId) -> Result<Stored<TrustedKey>, Fault> {
        self.read(move |store| find(store, &id)).await
    }

    /// The keys whose id or description contains the search's text.
    pub async fn keys(&self, _authority: &Authority, search: Search) -> Result<Page<TrustedKey>, Fault> {
        let shows = |record: &Record, text: &str| match record {
            Record::Key(key) => contains(key.id.as_str(), text) || contains(&key.description, text),
            Record::Tenant(_) | Record::Org(_) | Record::Admin(_) => false,
        };
        let page = self.search(Kind::Key, search, shows).await?;
        let items = page.items.into_iter().map(key_of).collect::<Result<_, _>>()?;
        Ok(Page { items, total: page.total })
    }

    /// Puts a key under other conditions.
    pub async fn replace_key(
        &self,
        authority: &Authority,
        id: KeyId,
        change: KeyChange,
        seen: Seen,
    ) -> Result<Stored<TrustedKey>, Fault> {
        let deed = Deed::new(authority, "key changed", RecordId::Key(id.clone()));
        self.write(deed, move |store| {
            let Stored { version, value: key } = find(store, &id)?;
            let record = RecordId::Key(id.clone());
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
    pub async fn remove_key(&self, authority: &Authority, id: KeyId, seen: Seen) -> Result<(), Fault> {
        let deed = Deed::new(authority, "key removed", RecordId::Key(id.clone()));
        self.write(deed, move |store| {
            let version = find(store, &id)?.version;
            let record = RecordId::Key(id.clone());
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
    for Stored { version, value: mut key } in all(store)? {
        if let TenantScope::Only(tenants) = &mut key.tenants
            && tenants.remove(tenant)
        {
            plan.expect.push((RecordId::Key(key.id.clone()), Expect::Version(version)));
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
            all(store)?.into_iter().find(|other| other.value.fallback && other.value.id != key.id)
    {
        let other = RecordId::Key(other.value.id);
        return Err(Fault::Conflict(format!("{other} is the fallback already: there is at most one")));
    }
    Ok(Plan { expect, changes: vec![Change::Put(Record::Key(key.clone()))], value: key })
}

/// The tenants of a list, as the commit shall find them.
fn existing(store: &Store, tenants: &BTreeSet<TenantId>) -> Result<Vec<(RecordId, Expect)>, Fault> {
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

fn all(store: &Store) -> Result<Vec<Stored<TrustedKey>>, Fault> {
    let cut = Cut { kind: Kind::Key, order: Order::Ascending, skip: 0, take: usize::MAX, wanted: None };
    store.page(&cut)?.items.into_iter().map(key_of).collect()
}

fn find(store: &Store, id: &KeyId) -> Result<Stored<TrustedKey>, Fault> {
    let id = RecordId::Key(id.clone());
    match store.get(&id)? {
        Some(stored) => key_of(stored),
        None => Err(Fault::NotFound(id)),
    }
}

fn key_of(stored: Stored<Record>) -> Result<Stored<TrustedKey>, Fault> {
    let id = stored.value.id();
    match stored.value {
        Record::Key(value) => Ok(Stored { version: stored.version, value }),
        Record::Tenant(_) | Record::Org(_) | Record::Admin(_) => Err(misfiled(&id)),
    }
}
