//! Documents as YAML, in the order in which people read them.

use anyhow::Context as _;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;
use serde_saphyr::LitStr;

use super::super::fault::Failure;

/// What stands first in a map, in this order; the rest follows by name, lists of records last.
const FIRST: [&str; 16] = [
    "kind",
    "id",
    "email",
    "user",
    "serviceAccount",
    "instanceServiceAccount",
    "group",
    "name",
    "firstName",
    "lastName",
    "role",
    "membership",
    "description",
    "state",
    "labels",
    "options",
];
const LAST: [&str; 9] = [
    "default_role",
    "roles",
    "serviceAccounts",
    "groups",
    "members",
    "bindings",
    "keys",
    "issuers",
    "public_key",
];

/// Documents, one after the other.
pub fn yaml(documents: &[Value]) -> Result<String, Failure> {
    let mut text = String::new();
    for document in documents {
        // Blocks are for texts of which it is certain that they are read as they were.
        let options = serde_saphyr::ser_options! { compact_list_indent: false, prefer_block_scalars: false };
        let one = serde_saphyr::to_string_with_options(&Ordered(document), options);
        let one = one.context("cannot write this as YAML")?;
        text.push_str("---\n");
        text.push_str(one.trim_end());
        text.push('\n');
    }
    Ok(text)
}

/// Whether a text is lines of plain characters, each with something in it: as keys in PEM are.
fn is_block(text: &str) -> bool {
    let Some(lines) = text.strip_suffix('\n') else { return false };
    let plain = |line: &str| line.starts_with(|c: char| c.is_ascii_graphic()) && !line.ends_with(' ');
    lines.split('\n').all(plain) && text.chars().all(|c| matches!(c, '\n' | ' '..='~'))
}

struct Ordered<'a>(&'a Value);

fn rank(name: &str) -> usize {
    let first = FIRST.iter().position(|first| *first == name);
    let last = || LAST.iter().position(|last| *last == name).map(|at| FIRST.len() + 1 + at);
    first.or_else(last).unwrap_or(FIRST.len())
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| (rank(name), *name));
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, &Ordered(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Ordered(item))?;
                }
                list.end()
            }
            Value::String(text) if is_block(text) => LitStr(text).serialize(serializer),
            plain => plain.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "\\PC{0,20}",
            "[ -~\n]{0,20}",
            "([!-~][ -~]{0,5}\n){1,3}",
            proptest::sample::select(vec![
                "yes", "no", "null", "~", "1", "0x1", "1e3", "- a", "a: b", "#", "", "---", "<<", "\u{85}",
                " x\n"
            ])
            .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u32>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(documents in proptest::collection::vec(
            proptest::collection::btree_map("[a-z]{1,6}", value(), 1..4), 1..4)) {
            let documents: Vec<Value> =
                documents.into_iter().map(|map| Value::Object(map.into_iter().collect())).collect();
            let text = yaml(&documents).expect("YAML");
            let read: Vec<Value> = serde_saphyr::from_multiple(&text).expect("its own YAML");
            prop_assert_eq!(read, documents, "{}", text);
        }
    }

    #[test]
    fn names_stand_first_and_lists_last() {
        let document =
            json!({"roles": [{"permissions": {}, "name": "x"}], "id": "acme", "zeal": 1, "kind": "Tenant"});
        let text = yaml(&[document]).expect("YAML");
        assert_eq!(text, "---\nkind: Tenant\nid: acme\nzeal: 1\nroles:\n  - name: x\n    permissions: {}\n");
    }
}
