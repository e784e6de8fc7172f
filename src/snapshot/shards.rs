//! A map from keys to shared values that is cheap to change by copying: a change copies one shard
//! and the list of shards, whatever the size of the whole. Knows nothing of what it holds.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::fast::RandomState;

/// 100,000 entries make shards of about 100, which copy in a few microseconds.
const SHARDS: usize = 1024;

type Shard<K, V> = HashMap<K, Arc<V>, RandomState>;

/// Keys to values. A clone shares every shard with its origin.
pub struct Shards<K, V> {
    shards: Vec<Arc<Shard<K, V>>>,
    /// Seeded per process: who chooses names cannot choose shards.
    hasher: RandomState,
    len: usize,
}

impl<K: Clone + Eq + Hash, V> Shards<K, V> {
    pub fn new() -> Self {
        let hasher = RandomState::default();
        let empty = Arc::new(HashMap::with_hasher(hasher.clone()));
        Shards { shards: vec![empty; SHARDS], hasher, len: 0 }
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.shards[self.slot(key)].get(key)
    }

    /// Sets the value of a key; gives back the one before.
    pub fn insert(&mut self, key: K, value: Arc<V>) -> Option<Arc<V>> {
        let slot = self.slot(&key);
        let before = Arc::make_mut(&mut self.shards[slot]).insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        let slot = self.slot(key);
        let before = Arc::make_mut(&mut self.shards[slot]).remove(key);
        self.len -= usize::from(before.is_some());
        before
    }

    /// Changes the value of a key, or a copy of it where others still read it.
    pub fn change<Q: Eq + Hash + ?Sized>(&mut self, key: &Q, change: impl FnOnce(&mut V))
    where
        K: Borrow<Q>,
        V: Clone,
    {
        let slot = self.slot(key);
        if let Some(value) = Arc::make_mut(&mut self.shards[slot]).get_mut(key) {
            change(Arc::make_mut(value));
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &Arc<V>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    fn slot<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // The high bits: the shard's own table uses the low ones.
        (self.hasher.hash_one(key) >> 54) as usize % SHARDS
    }
}

impl<K, V> Clone for Shards<K, V> {
    fn clone(&self) -> Self {
        Shards { shards: self.shards.clone(), hasher: self.hasher.clone(), len: self.len }
    }
}

impl<K: Clone + Eq + Hash, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_as_a_map_and_leaves_clones_alone(steps in prop::collection::vec(("[a-e]{1,2}", any::<Option<u8>>()), 0..60)) {
            let mut shards: Shards<Arc<str>, u8> = Shards::new();
            let mut oracle = HashMap::new();
            for (name, value) in steps {
                let (before, frozen) = (shards.clone(), oracle.clone());
                match value {
                    Some(value) => {
                        let gone = shards.insert(name.as_str().into(), Arc::new(value));
                        prop_assert_eq!(gone.as_deref().copied(), oracle.insert(name, value));
                    }
                    None => {
                        let gone = shards.remove(name.as_str());
                        prop_assert_eq!(gone.as_deref().copied(), oracle.remove(&name));
                    }
                }
                for (shards, oracle) in [(&before, &frozen), (&shards, &oracle)] {
                    prop_assert_eq!(shards.len(), oracle.len());
                    for (name, value) in oracle {
                        prop_assert_eq!(shards.get(name.as_str()).map(|v| **v), Some(*value));
                    }
                }
            }
            prop_assert_eq!(shards.values().count(), oracle.len());
        }
    }
}
