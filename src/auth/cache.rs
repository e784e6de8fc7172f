//! Verified tokens of one data-plane thread. An entry is worth a signature check, and lives no longer
//! than the token, its key, and the conditions under which that key is trusted.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use quick_cache::Weighter;
use quick_cache::unsync::Cache as Bounded;

use super::identity::Identity;
use crate::model::{Secret, Timestamp};
use crate::snapshot::Snapshot;

pub(super) type Digest = [u8; SHA256_OUTPUT_LEN];

/// Memory that an entry takes besides its tenant's name and its rights at single services, rounded up.
const ENTRY_BYTES: u64 = 256;

/// A bounded cache. Not shared: each thread verifies for itself.
pub struct Cache {
    entries: Bounded<Digest, Entry, Weight>,
    /// Passwords are among the credentials, and those can be guessed.
    key: [u8; 32],
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
        let Identity { tenant, effective, .. } = &*entry.identity;
        ENTRY_BYTES + (tenant.as_str().len() + size_of_val(&*effective.at)) as u64
    }
}

impl Cache {
    /// For at most `entries` tokens, in about `entries` × 256 bytes. Fails only when the machine has
    /// no randomness to give.
    pub fn new(entries: usize) -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let bytes = entries as u64 * ENTRY_BYTES;
        Ok(Cache { entries: Bounded::with_weighter(entries, bytes, Weight), key, hits: 0, misses: 0 })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The identity behind a credential, if it still holds.
    pub(super) fn get(
        &mut self,
        digest: &Digest,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Option<Rc<Identity>> {
        let found = self.entries.get(digest);
        let live = found.is_some_and(|entry| entry.holds(snapshot, now));
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

    /// SHA-256 of this cache's own key, the tenant and the token: the cache holds no credential, its
    /// digests are worth nothing to who reads them, and two tokens never share an entry, nor do two
    /// tenants of one token. However a token is sent, it has one entry.
    pub(super) fn digest_of_token(&self, tenant: &str, token: &str) -> Digest {
        self.digest(tenant, b'0', &[token.as_bytes()])
    }

    /// The same of a user's password, and of the network that it comes from.
    pub(super) fn digest_of_password(
        &self,
        tenant: &str,
        network: IpAddr,
        user: &str,
        password: &Secret,
    ) -> Digest {
        let user = user.to_lowercase();
        let length = (user.len() as u64).to_be_bytes();
        let rest = [&length, user.as_bytes(), password.reveal().as_bytes()];
        match network {
            IpAddr::V4(network) => self.digest(tenant, b'4', &[&network.octets(), rest[0], rest[1], rest[2]]),
            IpAddr::V6(network) => self.digest(tenant, b'6', &[&network.octets(), rest[0], rest[1], rest[2]]),
        }
    }

    /// `kind` tells how long the parts are before the last.
    fn digest(&self, tenant: &str, kind: u8, parts: &[&[u8]]) -> Digest {
        let mut context = Context::new(&SHA256);
        context.update(&self.key);
        context.update(tenant.as_bytes());
        // No tenant has this byte in its name.
        context.update(&[b'/', kind]);
        for part in parts {
            context.update(part);
        }
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(context.finish().as_ref());
        bytes
    }

    pub(super) fn insert(&mut self, digest: Digest, identity: Rc<Identity>, snapshot: &Snapshot) {
        self.entries.insert(digest, Entry { identity, generation: Cell::new(snapshot.generation) });
    }
}

impl Entry {
    /// After any change, an entry holds when all that it stands upon is the very same still.
    fn holds(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        if now.seconds() >= self.identity.deadline() {
            return false;
        }
        if self.generation.get() == snapshot.generation {
            return true;
        }
        let same = self.identity.holds(snapshot);
        if same {
            self.generation.set(snapshot.generation);
        }
        same
    }
}
