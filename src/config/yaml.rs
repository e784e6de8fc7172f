//! YAML text to a tree of located nodes. The only file that knows `serde_saphyr`; knows no key.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, Spanned};

use super::problem::{Place, Problem, quoted};

/// A value and where it begins; for what an alias brings in, where the anchor has it.
pub(super) struct Node {
    pub line: u64,
    pub column: u64,
    pub value: Value,
}

/// What YAML's core schema makes of a node.
pub(super) enum Value {
    Nothing,
    Bool(bool),
    Whole(u64),
    /// Negative or fractional, as shown: no key takes one.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file. A key may stand there twice.
    Map(Vec<Entry>),
}

pub(super) struct Entry {
    pub key: String,
    pub line: u64,
    pub column: u64,
    pub node: Node,
}

/// Deeper than any key is written, and shallow enough for any thread's stack.
const MAX_DEPTH: usize = 24;
/// One for every ten bytes of the largest file.
const MAX_NODES: usize = 100_000;
/// Aliases, and nodes that they may bring in altogether.
const MAX_ALIASES: usize = 1_000;
const MAX_ALIASED: usize = 10_000;

/// Reads one document. A fault of the syntax is the only problem reported, since nothing after it
/// can be trusted.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_aliases: MAX_ALIASES,
            max_documents: 1,
        },
        // The tree gets a copy for each alias, which the budget of nodes does not see.
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        // Hands every entry of a map over, so that repeated keys are found with everything else. Not
        // those after a key that is a number; but no key is, so such a file is refused all the same.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        // `<<` is then a key like any other, and unknown.
        merge_keys: MergeKeyPolicy::AsOrdinary,
        // `off` and `yes` are texts.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(&error))
}

fn syntax(error: &Error) -> Problem {
    let at = error.location().unwrap_or(Location::UNKNOWN);
    let place = Place { path: String::new(), line: at.line().max(1), column: at.column().max(1) };
    let mut error = error;
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } = error {
        error = inner;
    }
    if matches!(error, Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. }) {
        return place.problem(format!(
            "too much: a file has at most {MAX_NODES} values, {MAX_DEPTH} levels, {MAX_ALIASES} aliases that bring \
             in {MAX_ALIASED} values, and one document"
        ));
    }
    let text = error.to_string();
    // The place stands in front of the message already.
    let end = text.find(" at line ").or_else(|| text.find('\n')).unwrap_or(text.len());
    place.problem(text[..end].to_owned())
}

impl Value {
    /// For `expected …, found …`.
    pub(super) fn describe(&self) -> String {
        match self {
            Value::Nothing => "nothing".to_owned(),
            Value::Bool(value) => format!("the truth value {value}"),
            Value::Whole(number) => format!("the number {number}"),
            Value::Number(shown) => format!("the number {shown}"),
            Value::Text(text) => format!("the text {}", quoted(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { line: defined.line(), column: defined.column(), value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Whole(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(u64::try_from(number).map_or_else(|_| Value::Number(number.to_string()), Value::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, node)) = entries.next_entry::<Spanned<String>, Node>()? {
            let Spanned { value, defined, .. } = key;
            map.push(Entry { key: value, line: defined.line(), column: defined.column(), node });
        }
        Ok(Value::Map(map))
    }
}
