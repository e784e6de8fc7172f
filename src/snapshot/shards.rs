//! A map from names to shared values that is cheap to change by copying: a change copies one shard
//! and the list of shards, whatever the size of the whole. Knows nothing of what it holds.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// 100,000 entries make shards of about 100, which copy in a few microseconds.
const SHARDS: usize = 1024;

type Shard<V> = HashMap<Arc<str>, Arc<V>, RandomState>;

/// Names to values. A clone shares every shard with its origin.
pub struct Shards<V> {
    shards: Vec<Arc<Shard<V>>>,
    /// Seeded per process: who chooses names cannot choose shards.
    hasher: RandomState,
    len: usize,
}

impl<V> Shards<V> {
    pub fn new() -> Self {
        let hasher = RandomState::default();
        let empty = Arc::new(HashMap::with_hasher(hasher.clone()));
        Shards { shards: vec![empty; SHARDS], hasher, len: 0 }
    }

    pub fn get(&self, name: &str) -> Option<&Arc<V>> {
        self.shards[self.slot(name)].get(name)
    }

    /// Sets the value of a name; gives back the one before.
    pub fn insert(&mut self, name: Arc<str>, value: Arc<V>) -> Option<Arc<V>> {
        let slot = self.slot(&name);
        let before = Self::own(&mut self.shards[slot]).insert(name, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub fn remove(&mut self, name: &str) -> Option<Arc<V>> {
        let slot = self.slot(name);
        let before = Self::own(&mut self.shards[slot]).remove(name);
        self.len -= usize::from(before.is_some());
        before
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

    fn slot(&self, name: &str) -> usize {
        // The high bits: the shard's own table uses the low ones.
        (self.hasher.hash_one(name) >> 54) as usize % SHARDS
    }

    /// The shard to write to, copied first when a snapshot still reads it.
    fn own(shard: &mut Arc<Shard<V>>) -> &mut Shard<V> {
        Arc::make_mut(shard)
    }
}

impl<V> Clone for Shards<V> {
    fn clone(&self) -> Self {
        Shards { shards: self.shards.clone(), hasher: self.hasher.clone(), len: self.len }
    }
}

impl<V> Default for Shards<V> {
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
            let mut shards = Shards::new();
            let mut oracle = HashMap::new();
            for (name, value) in steps {
                let (before, frozen) = (shards.clone(), oracle.clone());
                match value {
                    Some(value) => {
                        let gone = shards.insert(name.as_str().into(), Arc::new(value));
                        prop_assert_eq!(gone.as_deref().copied(), oracle.insert(name, value));
                    }
                    None => {
                        let gone = shards.remove(&name);
                        prop_assert_eq!(gone.as_deref().copied(), oracle.remove(&name));
                    }
                }
                for (shards, oracle) in [(&before, &frozen), (&shards, &oracle)] {
                    prop_assert_eq!(shards.len(), oracle.len());
                    for (name, value) in oracle {
                        prop_assert_eq!(shards.get(name).map(|v| **v), Some(*value));
                    }
                }
            }
            prop_assert_eq!(shards.values().count(), oracle.len());
        }
    }
}
