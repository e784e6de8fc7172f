//! Trusted keys as decided upon: ready to check signatures, found by `kid`.

use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;

use super::issuers::{Issuer, Issuers};
use super::shards::Shards;
use crate::model::{self, HeldKey, IssuerKeys, KeyError, KeyId, Slug, TenantId, Timestamp, TrustedKey};
use crate::store::Revision;

/// A trusted key and its ready-made verifier.
pub struct Key {
    pub record: TrustedKey,
    /// The issuer of its owner that publishes it; none for a key that was added by hand.
    pub issuer: Option<Slug>,
    /// From when on it is not trusted, once its issuer has withdrawn it.
    pub until: Option<Timestamp>,
    verifier: ParsedPublicKey,
}

/// All trusted keys of one state.
#[derive(Clone, Default)]
pub struct Keys {
    /// By owner and id: `acme/kid`, `/kid`.
    by_id: Shards<Arc<str>, Key>,
    /// `control` allows one; were there more, none of them would count.
    fallbacks: Vec<Arc<Key>>,
    issuers: Issuers,
    /// Changes whenever any key does.
    generation: u64,
}

impl Key {
    /// Compiles a stored key; fails when the provider does not take its material.
    pub fn new(record: TrustedKey) -> Result<Self, KeyError> {
        let verifier = record.public.verifier(record.algorithm)?;
        Ok(Key { record, issuer: None, until: None, verifier })
    }

    /// Compiles a key that an issuer publishes, or has until lately.
    pub(super) fn issued(issuer: &model::Issuer, held: &HeldKey) -> Result<Self, KeyError> {
        let key = Key::new(issuer.trusted(held))?;
        Ok(Key { issuer: Some(issuer.id.clone()), until: held.until, ..key })
    }

    /// Whether `signature` is this key's over `message` (RFC 7515 §5.2). The algorithm is the
    /// key's own, whatever the token says. ECDSA signatures are r‖s (RFC 7518 §3.4).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify_sig(message, signature).is_ok()
    }
}

impl Keys {
    /// The key of an owner: a tenant, or the instance when none.
    pub fn get(&self, owner: Option<&str>, id: &str) -> Option<&Arc<Key>> {
        self.by_id.get(name(owner, id).as_str())
    }

    /// The key for a token of `tenant`: the tenant's own before the instance's.
    pub fn find(&self, tenant: Option<&str>, id: &str) -> Option<&Arc<Key>> {
        tenant.and_then(|tenant| self.get(Some(tenant), id)).or_else(|| self.get(None, id))
    }

    /// Whether this very object is still the one that decides on its tokens of `tenant`: it is trusted,
    /// and no other comes before it. The key for tokens without `kid` has to hold for those with one.
    pub fn holds(&self, key: &Arc<Key>, tenant: &str) -> bool {
        let TrustedKey { id, issuer, .. } = &key.record;
        let (tenant, id) = (Some(tenant), id.as_str());
        let now = self.find(tenant, id).or_else(|| {
            let issuer = key.issuer.as_ref().and(issuer.as_deref())?;
            self.issued(tenant, issuer, id)
        });
        now.is_some_and(|now| Arc::ptr_eq(now, key))
    }

    /// The key by which an issuer of this name signs tokens of `tenant`: the tenant's own issuer
    /// before the instance's.
    pub fn issued(&self, tenant: Option<&str>, issuer: &str, id: &str) -> Option<&Arc<Key>> {
        self.named(tenant, issuer).find_map(|issuer| issuer.key(id))
    }

    /// Tells the issuers of this name, of `tenant` and of the instance, that a key is missed.
    pub fn miss(&self, tenant: Option<&str>, issuer: &str) {
        self.named(tenant, issuer).for_each(|issuer| self.issuers.miss(issuer));
    }

    fn named(&self, tenant: Option<&str>, issuer: &str) -> impl Iterator<Item = &Arc<Issuer>> {
        let owners = tenant.map(Some).into_iter().chain([None]);
        owners.filter_map(move |owner| self.issuers.named(owner, issuer))
    }

    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The key for tokens without `kid`.
    pub fn fallback(&self) -> Option<&Arc<Key>> {
        match self.fallbacks.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn insert(&mut self, key: Arc<Key>) {
        let (owner, id) = (key.record.owner.as_ref(), &key.record.id);
        self.forget_fallback(owner, id);
        if key.record.fallback && owner.is_none() {
            self.fallbacks.push(key.clone());
        }
        self.generation += 1;
        self.by_id.insert(name(owner.map(TenantId::as_str), id.as_str()).into(), key);
    }

    pub(super) fn remove(&mut self, owner: Option<&TenantId>, id: &KeyId) {
        self.forget_fallback(owner, id);
        self.generation += 1;
        self.by_id.remove(name(owner.map(TenantId::as_str), id.as_str()).as_str());
    }

    pub(super) fn put_issuer(&mut self, record: model::Issuer, version: Revision) {
        self.issuers.put(record, version);
        self.generation += 1;
    }

    pub(super) fn put_issuer_keys(&mut self, keys: IssuerKeys) {
        self.issuers.put_keys(keys);
        self.generation += 1;
    }

    pub(super) fn remove_issuer(&mut self, owner: Option<&TenantId>, id: &Slug) {
        self.issuers.remove(owner, id);
        self.generation += 1;
    }

    pub(super) fn remove_issuer_keys(&mut self, owner: Option<&TenantId>, id: &Slug) {
        self.issuers.remove_keys(owner, id);
        self.generation += 1;
    }

    fn forget_fallback(&mut self, owner: Option<&TenantId>, id: &KeyId) {
        self.fallbacks.retain(|key| key.record.id != *id || key.record.owner.as_ref() != owner);
    }
}

fn name(owner: Option<&str>, id: &str) -> String {
    format!("{}/{id}", owner.unwrap_or_default())
}
