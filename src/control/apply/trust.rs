//! The instance's keys and issuers as documents want them.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Document, Says};
use super::entry::{Step, steps};
use super::names;
use super::stage::Stage;
use crate::control::{Fault, Flaws, Plan, issuers};
use crate::model::{Issuer, KeyId, RoleId, Slug, TenantScope, TrustedKey};
use crate::store::{Change, Expect, Record, RecordId, Recorded, Revision, Store, within};

/// Records of one kind by their ids, and at which versions they were read.
struct Shelf<K, T> {
    read: BTreeMap<K, (Revision, T)>,
    now: BTreeMap<K, T>,
}

impl<K: Ord + Clone, T: Recorded + Into<Box<Record>> + PartialEq> Shelf<K, T> {
    fn of_instance(store: &Store, key: impl Fn(&T) -> K) -> Result<Self, Fault> {
        let all = store.all::<T>(Some(&within(None)))?;
        let read: BTreeMap<K, (Revision, T)> =
            all.into_iter().map(|stored| (key(&stored.value), (stored.version, stored.value))).collect();
        let now = read.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect();
        Ok(Shelf { read, now })
    }

    /// Plans to write what has come to differ.
    fn write<V>(&self, plan: &mut Plan<V>) {
        for (key, record) in &self.now {
            let read = self.read.get(key);
            if read.is_none_or(|(_, before)| before != record) {
                let expect = read.map_or(Expect::Absent, |(version, _)| Expect::Version(*version));
                plan.expect.push((record.record_id(), expect));
                plan.changes.push(Change::Put(record.clone().into()));
            }
        }
    }
}

/// Plans what makes keys and issuers what their documents say.
pub(super) fn plan(stage: &Stage, store: &Store, documents: &[Document]) -> Result<Plan<Vec<Step>>, Fault> {
    let mut keys = Shelf::of_instance(store, |key: &TrustedKey| key.id.clone())?;
    let mut issuers = Shelf::of_instance(store, |issuer: &Issuer| issuer.id.clone())?;
    let mut plan = Plan { expect: Vec::new(), changes: Vec::new(), value: Vec::new() };
    let mut flaws = Flaws::default();
    let mut scopes = Vec::new();
    for Document { at, says } in documents {
        match says {
            Says::Key(new) => {
                let known = keys.read.get(&new.id).map(|(_, key)| key);
                let key = match new.record(None, known.map_or(stage.now, |key| key.created_at)) {
                    Err(Fault::Invalid(found)) => {
                        found.0.into_iter().for_each(|flaw| {
                            flaws.add(&format!("{at}.{}", flaw.field), flaw.message);
                        });
                        continue;
                    }
                    key => key?,
                };
                let other =
                    |known: &&TrustedKey| known.public != key.public || known.algorithm != key.algorithm;
                if known.as_ref().is_some_and(other) {
                    flaws.add(&format!("{at}.public_key"), "cannot be changed: give the new key another id");
                }
                scopes.push((at, key.tenants.clone()));
                keys.now.insert(key.id.clone(), key);
            }
            Says::Issuer(id, terms) => {
                let known = issuers.read.get(id).map(|(_, issuer)| issuer.created_at);
                let issuer = terms.record(None, id.clone(), known.unwrap_or(stage.now));
                if matches!(issuer.role, RoleId::Custom(_)) {
                    flaws.add(
                        &format!("{at}.role"),
                        "is admin, editor, viewer or writer: the instance has no others",
                    );
                }
                scopes.push((at, issuer.tenants.clone()));
                issuers.now.insert(id.clone(), issuer);
            }
            Says::User(_) | Says::ServiceAccount(_) | Says::Tenant(_) => {}
        }
    }
    for (at, scope) in scopes {
        existing(stage, store, at, &scope, &mut flaws, &mut plan)?;
    }
    flaws.settle()?;
    alone(&keys, &issuers)?;
    keys.write(&mut plan);
    issuers.write(&mut plan);
    for (id, (_, issuer)) in &issuers.read {
        if issuers.now.get(id).is_some_and(|now| now.source != issuer.source) {
            issuers::forget_keys(store, issuer, &mut plan)?;
        }
    }
    plan.value = steps(
        entries(keys.read.into_values().map(|read| read.1), issuers.read.into_values().map(|read| read.1)),
        entries(keys.now.into_values(), issuers.now.into_values()),
    );
    Ok(plan)
}

fn entries(
    keys: impl Iterator<Item = TrustedKey>,
    issuers: impl Iterator<Item = Issuer>,
) -> Vec<super::entry::Entry> {
    let keys = keys.map(|key| names::key(key, None));
    keys.chain(issuers.map(|issuer| names::issuer(issuer, None))).collect()
}

/// The tenants that a key or an issuer names are there, or are going to be.
fn existing<T>(
    stage: &Stage,
    store: &Store,
    at: &str,
    scope: &TenantScope,
    flaws: &mut Flaws,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    let TenantScope::Only(tenants) = scope else { return Ok(()) };
    for tenant in tenants {
        let id = RecordId::Tenant(tenant.clone());
        match store.get(&id)? {
            Some(stored) => plan.expect.push((id, Expect::Version(stored.version))),
            None if stage.to_be.contains(tenant) => {}
            None => flaws.add(&format!("{at}.tenants"), format_args!("{id} does not exist")),
        }
    }
    Ok(())
}

/// At most one key is the fallback, and no two issuers call themselves the same.
fn alone(keys: &Shelf<KeyId, TrustedKey>, issuers: &Shelf<Slug, Issuer>) -> Result<(), Fault> {
    let fallbacks: Vec<&str> =
        keys.now.values().filter(|key| key.fallback).map(|key| key.id.as_str()).collect();
    if fallbacks.len() > 1 {
        let message = format!("there is at most one fallback; these keys would be: {}", fallbacks.join(", "));
        return Err(Fault::Conflict(message));
    }
    let mut seen = BTreeSet::new();
    match issuers.now.values().find(|issuer| !seen.insert(issuer.source.issuer())) {
        None => Ok(()),
        Some(issuer) => {
            let message = format!("two of the instance's issuers would be {:?}", issuer.source.issuer());
            Err(Fault::Conflict(message))
        }
    }
}
