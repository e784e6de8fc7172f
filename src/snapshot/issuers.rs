//! Issuers as decided upon: found by the name that tokens give, each with its keys of the moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::Key;
use crate::model::{self, HeldKey, IssuerKeys, Slug, TenantId, Timestamp};
use crate::store::Revision;

/// An issuer and what is held of its keys.
pub struct Issuer {
    pub record: model::Issuer,
    /// The commit that last wrote the record.
    pub version: Revision,
    held: Option<IssuerKeys>,
    /// In the order of their ids.
    keys: Vec<Arc<Key>>,
    /// A token has named a key that is not among these. Shared by all states that hold the issuer,
    /// and written by the data plane.
    missed: Arc<AtomicBool>,
}

/// All issuers of one state.
#[derive(Clone, Default)]
pub struct Issuers {
    /// By owner and id.
    by_id: Arc<BTreeMap<IssuerName, Arc<Issuer>>>,
    /// The ids by owner and `iss`. `control` allows one; were there more, none of them would count.
    by_claim: Arc<BTreeMap<String, Vec<IssuerName>>>,
    /// Rings for whoever fetches keys.
    bell: Arc<Notify>,
    /// Changes whenever any issuer does.
    generation: u64,
}

/// Owner and id of an issuer.
pub type IssuerName = (Option<TenantId>, Slug);

impl Issuer {
    pub fn key(&self, id: &str) -> Option<&Arc<Key>> {
        let at = self.keys.binary_search_by(|key| key.record.id.as_str().cmp(id)).ok()?;
        Some(&self.keys[at])
    }

    pub fn name(&self) -> IssuerName {
        (self.record.owner.clone(), self.record.id.clone())
    }

    /// The keys that are held, in no order.
    pub fn held(&self) -> &[HeldKey] {
        self.held.as_ref().map_or(&[], |held| &held.keys)
    }

    /// When they were last found to have changed; none when none ever were fetched.
    pub fn fetched_at(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|held| held.fetched_at)
    }

    /// Whether a token has named a key that is not here.
    pub fn is_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    /// Takes the misses as seen to.
    pub fn seen_to(&self) {
        self.missed.store(false, Ordering::Relaxed);
    }

    /// Keys that stay as they are stay the very same: cached verdicts live by that.
    fn compile(
        record: model::Issuer,
        version: Revision,
        held: Option<IssuerKeys>,
        before: Option<&Issuer>,
    ) -> Self {
        let mut keys = Vec::new();
        for key in held.iter().flat_map(|held| &held.keys) {
            let same = |old: &&Arc<Key>| old.until == key.until && old.record == record.trusted(key);
            match before.and_then(|before| before.key(key.id.as_str())).filter(same) {
                Some(same) => keys.push(same.clone()),
                None => match Key::issued(&record, key) {
                    Ok(key) => keys.push(Arc::new(key)),
                    Err(error) => {
                        let (issuer, key) = (record.id.as_str(), key.id.as_str());
                        tracing::error!(issuer, key, %error, "key cannot be used; its tokens are refused");
                    }
                },
            }
        }
        keys.sort_by(|a, b| a.record.id.cmp(&b.record.id));
        let missed = before.map(|before| before.missed.clone()).unwrap_or_default();
        Issuer { record, version, held, keys, missed }
    }
}

impl Issuers {
    pub fn get(&self, owner: Option<&TenantId>, id: &Slug) -> Option<&Arc<Issuer>> {
        self.by_id.get(&(owner.cloned(), id.clone()))
    }

    /// The issuer of an owner whose tokens have this `iss`.
    pub fn named(&self, owner: Option<&str>, issuer: &str) -> Option<&Arc<Issuer>> {
        match self.by_claim.get(claim(owner, issuer).as_str())?.as_slice() {
            [only] => self.by_id.get(only),
            _ => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.by_id.values()
    }

    /// Those of a tenant, or of the instance when none.
    pub fn of(&self, owner: Option<&TenantId>) -> impl Iterator<Item = &Arc<Issuer>> {
        self.iter().filter(move |issuer| issuer.record.owner.as_ref() == owner)
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Rings when some issuer's key is missed. There is one listener.
    pub fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// Notes that a key is missed. Costs nothing to speak of when it is noted already.
    pub(super) fn miss(&self, issuer: &Issuer) {
        if !issuer.missed.load(Ordering::Relaxed) && !issuer.missed.swap(true, Ordering::Relaxed) {
            self.bell.notify_one();
        }
    }

    pub(super) fn put(&mut self, record: model::Issuer, version: Revision) {
        let before = self.remove(record.owner.as_ref(), &record.id);
        let held = before.as_ref().and_then(|before| before.held.clone());
        let name = (record.owner.clone(), record.id.clone());
        let names = Arc::make_mut(&mut self.by_claim);
        let names = names.entry(claim_of(&record)).or_default();
        names.push(name.clone());
        let issuer = Issuer::compile(record, version, held, before.as_deref());
        Arc::make_mut(&mut self.by_id).insert(name, Arc::new(issuer));
    }

    pub(super) fn remove(&mut self, owner: Option<&TenantId>, id: &Slug) -> Option<Arc<Issuer>> {
        self.generation += 1;
        let name = (owner.cloned(), id.clone());
        let before = Arc::make_mut(&mut self.by_id).remove(&name)?;
        let claim = claim_of(&before.record);
        let names = Arc::make_mut(&mut self.by_claim);
        if let Some(same) = names.get_mut(&claim) {
            same.retain(|other| *other != name);
            if same.is_empty() {
                names.remove(&claim);
            }
        }
        Some(before)
    }

    pub(super) fn put_keys(&mut self, keys: IssuerKeys) {
        let name = (keys.owner.clone(), keys.issuer.clone());
        self.hold(name, Some(keys));
    }

    pub(super) fn remove_keys(&mut self, owner: Option<&TenantId>, id: &Slug) {
        self.hold((owner.cloned(), id.clone()), None);
    }

    fn hold(&mut self, name: IssuerName, held: Option<IssuerKeys>) {
        self.generation += 1;
        if let Some(issuer) = Arc::make_mut(&mut self.by_id).get_mut(&name) {
            let next = Issuer::compile(issuer.record.clone(), issuer.version, held, Some(issuer));
            *issuer = Arc::new(next);
        }
    }
}

fn claim_of(record: &model::Issuer) -> String {
    claim(record.owner.as_ref().map(TenantId::as_str), record.source.issuer())
}

/// No tenant has a slash in its name.
fn claim(owner: Option<&str>, issuer: &str) -> String {
    format!("{}/{issuer}", owner.unwrap_or_default())
}
