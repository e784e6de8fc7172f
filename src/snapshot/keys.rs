//! Trusted keys as decided upon: ready to check signatures, found by `kid`.

use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;

use super::shards::Shards;
use crate::model::{KeyError, TrustedKey};

/// A trusted key and its ready-made verifier.
pub struct Key {
    pub record: TrustedKey,
    verifier: ParsedPublicKey,
}

/// All trusted keys of one state.
#[derive(Clone, Default)]
pub struct Keys {
    by_id: Shards<Key>,
    /// `control` allows one; were there more, none of them would count.
    fallbacks: Vec<Arc<Key>>,
    /// Changes whenever any key does.
    generation: u64,
}

impl Key {
    /// Compiles a stored key; fails when the provider does not take its material.
    pub fn new(record: TrustedKey) -> Result<Self, KeyError> {
        let verifier = record.public.verifier(record.algorithm)?;
        Ok(Key { record, verifier })
    }

    /// Whether `signature` is this key's over `message` (RFC 7515 §5.2). The algorithm is the
    /// key's own, whatever the token says. ECDSA signatures are r‖s (RFC 7518 §3.4).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify_sig(message, signature).is_ok()
    }
}

impl Keys {
    pub fn get(&self, id: &str) -> Option<&Arc<Key>> {
        self.by_id.get(id)
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
        self.forget_fallback(key.record.id.as_str());
        if key.record.fallback {
            self.fallbacks.push(key.clone());
        }
        self.by_id.insert(key.record.id.as_str().into(), key);
        self.generation += 1;
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.forget_fallback(id);
        self.by_id.remove(id);
        self.generation += 1;
    }

    fn forget_fallback(&mut self, id: &str) {
        self.fallbacks.retain(|key| key.record.id.as_str() != id);
    }
}
