//! Reading located nodes into types as written, with every problem reported and none fatal.
//! `section!` makes a type, its reader and its schema from one list of keys. Knows no key itself.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::problem::{At, Place, Report, key_shown, suggestion};
use super::yaml::{Entry, Node, Value};

/// A type that a node can be read into.
pub(super) trait Read: Sized {
    /// None after at least one problem at or below `place` was reported.
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self>;
}

/// What stands under one key of a section.
#[derive(Clone, Debug, Default)]
pub(super) enum Key<T> {
    #[default]
    Absent,
    /// Reported already; says no more than that the key is there.
    Broken,
    Given(At<T>),
}

impl<T> Key<T> {
    pub(super) fn given(self) -> Option<At<T>> {
        match self {
            Key::Given(at) => Some(at),
            Key::Absent | Key::Broken => None,
        }
    }

    pub(super) fn value(self) -> Option<T> {
        self.given().map(|at| at.value)
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Key::Absent)
    }
}

/// A sequence of at least one; items that do not parse are reported and left out.
pub(super) struct List<T>(pub Vec<At<T>>);

/// As [`List`], or its only item alone.
pub(super) struct OneOrMore<T>(pub Vec<At<T>>);

/// A map with names for keys, in the order of the file.
pub(super) struct Named<T>(pub Vec<(String, At<T>)>);

/// Places of the kind that people point at: a scalar where it begins, anything larger at its key.
fn place_of(entry: &Entry, parent: &Place) -> Place {
    let dot = if parent.path.is_empty() { "" } else { "." };
    let path = format!("{}{dot}{}", parent.path, key_shown(&entry.key));
    let (line, column) = match entry.node.value {
        Value::Nothing | Value::List(_) | Value::Map(_) => (entry.line, entry.column),
        Value::Bool(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) => {
            (entry.node.line, entry.node.column)
        }
    };
    Place { path, line, column }
}

/// Reports what stands in place of `expected`.
pub(super) fn mismatch(expected: &str, node: &Node, place: &Place, report: &mut Report) {
    let hint = match node.value {
        Value::Nothing => "; write a value or leave the key out",
        Value::Whole(_) | Value::Number(_) | Value::Bool(_) if expected.starts_with("text") => {
            "; put it in quotes"
        }
        _ => "",
    };
    report.add(place, format!("expected {expected}, found {}{hint}", node.value.describe()));
}

/// The entries of a map with their places, each key once.
pub(super) fn entries<'n>(
    node: &'n Node,
    place: &Place,
    report: &mut Report,
) -> Option<Vec<(&'n Entry, Place)>> {
    let Value::Map(map) = &node.value else {
        mismatch("a map", node, place, report);
        return None;
    };
    let mut first_lines = std::collections::HashMap::new();
    let mut once = Vec::with_capacity(map.len());
    for entry in map {
        let inner = place_of(entry, place);
        match first_lines.get(entry.key.as_str()) {
            None => {
                first_lines.insert(entry.key.as_str(), entry.line);
                once.push((entry, inner));
            }
            Some(line) => {
                let at = Place { line: entry.line, column: entry.column, ..inner };
                let key = key_shown(&entry.key);
                report.add(&at, format!("the key `{key}` stands here twice; it is on line {line} already"));
            }
        }
    }
    Some(once)
}

pub(super) fn read_key<T: Read>(node: &Node, place: Place, report: &mut Report) -> Key<T> {
    match T::read(node, &place, report) {
        Some(value) => Key::Given(At { place, value }),
        None => Key::Broken,
    }
}

fn read_items<T: Read>(items: &[Node], place: &Place, report: &mut Report) -> Vec<At<T>> {
    let read = |(index, node): (usize, &Node)| {
        let path = format!("{}[{index}]", place.path);
        let inner = Place { path, line: node.line, column: node.column };
        read_key(node, inner, report).given()
    };
    items.iter().enumerate().filter_map(read).collect()
}

impl<T: Read> Read for List<T> {
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                report.add(place, "the list is empty; it needs at least one item");
                None
            }
            Value::List(items) => Some(List(read_items(items, place, report))),
            _ => {
                mismatch("a list", node, place, report);
                None
            }
        }
    }
}

impl<T: Read> Read for OneOrMore<T> {
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
        if let Value::List(_) = node.value {
            return List::read(node, place, report).map(|List(items)| OneOrMore(items));
        }
        let value = T::read(node, place, report)?;
        Some(OneOrMore(vec![At { place: place.clone(), value }]))
    }
}

impl<T: Read> Read for Named<T> {
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
        let mut named = Vec::new();
        for (entry, inner) in entries(node, place, report)? {
            if let Some(at) = read_key(&entry.node, inner, report).given() {
                named.push((entry.key.clone(), at));
            }
        }
        Some(Named(named))
    }
}

impl Read for bool {
    fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => {
                mismatch("true or false", node, place, report);
                None
            }
        }
    }
}

/// Gives a type a schema that is written out where the type is used.
macro_rules! shape {
    ([$($generic:tt)*] $type:ty, |$generator:ident| $schema:expr) => {
        impl<$($generic)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                std::any::type_name::<Self>().into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

shape!([T: JsonSchema] Key<T>, |generator| generator.subschema_for::<T>());
shape!([T: JsonSchema] List<T>, |generator| {
    json_schema!({ "type": "array", "minItems": 1, "items": generator.subschema_for::<T>() })
});
shape!([T: JsonSchema] OneOrMore<T>, |generator| {
    let item = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [item, { "type": "array", "minItems": 1, "items": item }] })
});
shape!([T: JsonSchema] Named<T>, |generator| {
    let section = generator.subschema_for::<T>();
    json_schema!({ "type": "object", "additionalProperties": section })
});

/// Declares a map with a fixed set of keys: the type as written, its reader and its schema.
/// Comments become descriptions; `=` gives the default that the schema shows and that
/// `Settings::default` has.
macro_rules! section {
    (
        $(#[$about:meta])* $name:ident
        must { $($(#[$must_doc:meta])* $must:ident: $must_type:ty,)* }
        may { $($(#[$may_doc:meta])* $may:ident: $may_type:ty $(= $default:expr)?,)* }
    ) => {
        $(#[$about])*
        #[derive(schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$must_doc])* pub $must: Key<$must_type>,)*
            $($(#[$may_doc])* #[schemars(default $(, extend("default" = $default))?)] pub $may: Key<$may_type>,)*
        }

        impl $name {
            pub(super) fn empty() -> Self {
                $name { $($must: Key::Absent,)* $($may: Key::Absent,)* }
            }
        }

        impl Read for $name {
            fn read(node: &Node, place: &Place, report: &mut Report) -> Option<Self> {
                let mut section = $name::empty();
                for (entry, inner) in entries(node, place, report)? {
                    match entry.key.as_str() {
                        $(key if key == written(stringify!($must)) =>
                            section.$must = read_key(&entry.node, inner, report),)*
                        $(key if key == written(stringify!($may)) =>
                            section.$may = read_key(&entry.node, inner, report),)*
                        _ => unknown(entry, inner, &[
                            $(written(stringify!($must)),)* $(written(stringify!($may)),)*
                        ], report),
                    }
                }
                $(if section.$must.is_absent() {
                    missing(written(stringify!($must)), place, report);
                })*
                Some(section)
            }
        }
    };
}

pub(super) use {section, shape};

/// A field's name as a key: Rust's own words need a prefix that the file does not have.
pub(super) fn written(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

pub(super) fn unknown(entry: &Entry, place: Place, known: &[&str], report: &mut Report) {
    let at = Place { line: entry.line, column: entry.column, ..place };
    let close = suggestion(&entry.key, known.iter().copied());
    let listed = if close.is_empty() { format!("; known here: {}", known.join(", ")) } else { close };
    report.add(&at, format!("unknown key `{}`{listed}", key_shown(&entry.key)));
}

pub(super) fn missing(key: &str, place: &Place, report: &mut Report) {
    let dot = if place.path.is_empty() { "" } else { "." };
    let at = Place { path: format!("{}{dot}{key}", place.path), ..place.clone() };
    report.add(&at, format!("`{key}` is missing"));
}
