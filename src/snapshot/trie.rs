//! A tree over the segments of URL paths: literals, single wildcards, and open ends. Used for the
//! prefixes of services and for the routes of the catalog. Knows nothing of what it finds.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// One level of the tree.
pub struct Trie<T> {
    literals: HashMap<Box<str>, Trie<T>, RandomState>,
    wildcard: Option<Box<Trie<T>>>,
    /// For a path that ends here.
    exact: Option<T>,
    /// For a path that ends here or goes on.
    open: Option<T>,
}

/// A step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Literal(&'a str),
    /// Exactly one segment, which is not empty.
    Wildcard,
}

/// What was found, and how many bytes of the path its pattern covers.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'t, T> {
    pub value: &'t T,
    pub end: usize,
}

impl<T> Trie<T> {
    pub fn new() -> Self {
        Trie { literals: HashMap::default(), wildcard: None, exact: None, open: None }
    }

    /// The place for the pattern of `steps`; `open` patterns cover longer paths too.
    pub fn slot<'a>(&mut self, steps: impl IntoIterator<Item = Step<'a>>, open: bool) -> &mut Option<T> {
        let node = steps.into_iter().fold(self, |node, step| match step {
            Step::Literal(segment) => node.literals.entry(segment.into()).or_default(),
            Step::Wildcard => node.wildcard.get_or_insert_default(),
        });
        if open { &mut node.open } else { &mut node.exact }
    }

    /// The most specific pattern that covers `path`, which is empty or begins with `/`: segment by
    /// segment from the left, a literal goes before a wildcard and a wildcard before an open end.
    pub fn find(&self, path: &str) -> Option<Found<'_, T>> {
        self.find_from(path, 0)
    }

    fn find_from(&self, path: &str, at: usize) -> Option<Found<'_, T>> {
        if let Some(inner) = path[at..].strip_prefix('/') {
            let segment = inner.split('/').next().unwrap_or(inner);
            let next = at + 1 + segment.len();
            let literal = self.literals.get(segment).and_then(|node| node.find_from(path, next));
            let wildcard = || {
                let node = self.wildcard.as_ref().filter(|_| !segment.is_empty())?;
                node.find_from(path, next)
            };
            if let Some(found) = literal.or_else(wildcard) {
                return Some(found);
            }
        } else if let Some(value) = &self.exact {
            return Some(Found { value, end: at });
        }
        self.open.as_ref().map(|value| Found { value, end: at })
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Pattern = (Vec<Option<char>>, bool);

    fn trie(patterns: &[Pattern]) -> Trie<usize> {
        let mut trie = Trie::new();
        for (index, (steps, open)) in patterns.iter().enumerate() {
            let texts: Vec<Option<String>> = steps.iter().map(|s| s.map(String::from)).collect();
            let steps = texts.iter().map(|s| s.as_deref().map_or(Step::Wildcard, Step::Literal));
            trie.slot(steps, *open).get_or_insert(index);
        }
        trie
    }

    /// By trying all: a pattern's rank is its steps from the left, literal before wildcard before end.
    fn slow(patterns: &[Pattern], path: &[char]) -> Option<Vec<u8>> {
        let covers = |(steps, open): &&Pattern| {
            (steps.len() == path.len() || (*open && steps.len() < path.len()))
                && steps.iter().zip(path).all(|(step, c)| step.is_none_or(|s| s == *c))
        };
        patterns.iter().filter(covers).map(|p| rank(p, path.len())).max()
    }

    fn rank((steps, open): &Pattern, _len: usize) -> Vec<u8> {
        let mut rank: Vec<u8> = steps.iter().map(|s| if s.is_some() { 3 } else { 2 }).collect();
        rank.push(u8::from(!open));
        rank
    }

    proptest! {
        #[test]
        fn finds_what_trying_all_finds(
            patterns in prop::collection::vec((prop::collection::vec(prop::option::of(prop::char::range('a', 'b')), 0..4), any::<bool>()), 0..6),
            path in prop::collection::vec(prop::char::range('a', 'b'), 0..5),
        ) {
            let text: String = path.iter().flat_map(|c| ['/', *c]).collect();
            let trie = trie(&patterns);
            let found = trie.find(&text).map(|f| rank(&patterns[*f.value], path.len()));
            prop_assert_eq!(found, slow(&patterns, &path));
        }
    }

    #[test]
    fn ends_at_segments_and_says_how_far_it_went() {
        let patterns = [(vec![Some('t'), None], true), (vec![Some('x')], false)];
        let trie = trie(&patterns);
        assert_eq!(trie.find("/t/acme/api").map(|f| (*f.value, f.end)), Some((0, 7)));
        assert_eq!(trie.find("/t/acme").map(|f| (*f.value, f.end)), Some((0, 7)));
        assert_eq!(trie.find("/t/"), None);
        assert_eq!(trie.find("/tt/acme"), None);
        assert_eq!(trie.find("/x/"), None);
        assert_eq!(trie.find(""), None);
    }
}
