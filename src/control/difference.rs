//! What a change has changed, field by field. Knows no record.

use serde_json::Value;

/// A field that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The names on the way to it, with dots between.
    pub path: String,
    /// None where it was not there.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// The fields in which two records differ; lists are compared as a whole.
pub fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let fields = |value: Option<&Value>| match value {
        Some(Value::Object(fields)) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let mut names = [fields(before), fields(after)].concat();
    names.sort();
    names.dedup();
    let leaf = |value: Option<&Value>| !matches!(value, None | Some(Value::Object(_)));
    if names.is_empty() || leaf(before) || leaf(after) {
        let path = path.to_owned();
        found.push(Difference { path, before: before.cloned(), after: after.cloned() });
        return;
    }
    for name in names {
        let dot = if path.is_empty() { "" } else { "." };
        let field = |value: Option<&Value>| value.and_then(|value| value.get(&name)).cloned();
        let (before, after) = (field(before), field(after));
        compare(&format!("{path}{dot}{name}"), before.as_ref(), after.as_ref(), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(before: Option<Value>, after: Option<Value>) -> Vec<String> {
        differences(before.as_ref(), after.as_ref()).into_iter().map(|one| one.path).collect()
    }

    #[test]
    fn fields_are_named_by_their_path() {
        let before = json!({"name": "a", "rights": {"metrics": ["read"], "logs": ["read"]}, "same": 1});
        let after = json!({"name": "b", "rights": {"metrics": ["read", "write"]}, "same": 1, "new": null});
        assert_eq!(
            paths(Some(before.clone()), Some(after)),
            ["name", "new", "rights.logs", "rights.metrics"]
        );
        assert_eq!(paths(Some(before.clone()), Some(before.clone())), Vec::<String>::new());
        assert_eq!(paths(None, Some(json!({"a": 1, "b": {"c": 2}}))), ["a", "b.c"]);
        assert_eq!(paths(Some(json!({"a": {"b": 1}})), Some(json!({"a": 2}))), ["a"]);
        assert_eq!(paths(None, None), Vec::<String>::new());
    }
}
