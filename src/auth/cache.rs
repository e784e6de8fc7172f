//! Verified tokens of one data-plane thread. An entry is worth a signature check, and lives no longer
//! than the token, its key, and the conditions under which that key is trusted.

use std::cell::Cell;
use std::rc::Rc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN};
use quick_cache::Weighter;
use quick_cache::unsync::Cache as Bounded;

use super::jwt::Identity;
use crate::model::Timestamp;
use crate::snapshot::Keys;

pub(super) type Digest = [u8; SHA256_OUTPUT_LEN];

/// Memory that an entry takes besides its tenant's name, rounded up.
const ENTRY_BYTES: u64 = 256;

/// A bounded cache. Not shared: each thread verifies for itself.
pub struct Cache {
    entries: Bounded<Digest, Entry, Weight>,
    pub hits: u64,
    pub misses: u64,
}

#[derive(Clone)]
struct Entry {
    identity: Rc<Identity>,
    /// The generation of keys under which it was last found to hold.
    generation: Cell<u64>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Digest, Entry> for Weight {
    fn weight(&self, _: &Digest, entry: &Entry) -> u64 {
        ENTRY_BYTES + entry.identity.tenant.as_str().len() as u64
    }
}

impl Cache {
    /// For at most `entries` tokens, in about `entries` × 256 bytes.
    pub fn new(entries: usize) -> Self {
        let bytes = entries as u64 * ENTRY_BYTES;
        Cache { entries: Bounded::with_weighter(entries, bytes, Weight), hits: 0, misses: 0 }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The identity behind a credential, if it still holds.
    pub(super) fn get(&mut self, digest: &Digest, keys: &Keys, now: Timestamp) -> Option<Rc<Identity>> {
        let found = self.entries.get(digest);
        let live = found.is_some_and(|entry| entry.holds(keys, now));
        if live {
            self.hits += 1;
            return found.map(|entry| entry.identity.clone());
        }
        if found.is_some() {
            self.entries.remove(digest);
        }
        self.misses += 1;
        None
    }

    pub(super) fn insert(&mut self, digest: Digest, identity: Rc<Identity>, keys: &Keys) {
        self.entries.insert(digest, Entry { identity, generation: Cell::new(keys.generation()) });
    }
}

impl Entry {
    /// After a change of keys, an entry holds when its own key is the very same object still.
    fn holds(&self, keys: &Keys, now: Timestamp) -> bool {
        if now.seconds() >= self.identity.deadline {
            return false;
        }
        if self.generation.get() == keys.generation() {
            return true;
        }
        let key = &self.identity.key;
        let same = keys.get(key.record.id.as_str()).is_some_and(|now| std::sync::Arc::ptr_eq(now, key));
        if same {
            self.generation.set(keys.generation());
        }
        same
    }
}

/// SHA-256 of the whole credential: the cache holds no token, and two credentials never share an
/// entry.
pub(super) fn digest(credential: &[u8]) -> Digest {
    let digest = aws_lc_rs::digest::digest(&SHA256, credential);
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}
