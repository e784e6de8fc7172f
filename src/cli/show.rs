//! How answers are shown: tables for people, JSON and YAML for programs; and the one way to standard
//! output. Knows no command.

use std::fmt;
use std::io::{self, Write as _};

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use super::client::{Answer, printable};
use super::fault::Failure;
use super::listing::results;
use crate::telemetry::is_unsafe;

/// How a document is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people; not for programs, it may change
    Table,
    /// The admin API's own document
    Json,
    /// The same document as YAML
    Yaml,
}

/// A column's head, and what of a record it shows: a member, `role.name` for a member of a member (of
/// each, where it is a list), `group.name|user.username` for the first of these that there is.
pub type Column = (&'static str, &'static str);

/// By what people know a record stands before the rest of it.
const FIRST: [&str; 4] = ["id", "number", "name", "username"];

impl Format {
    /// One record; its ETag, for `--if-match`, only where people read.
    pub fn record(self, answer: &Answer) -> Result<String, Failure> {
        match self {
            Format::Table => Ok(fields(answer)),
            Format::Json | Format::Yaml => self.document(&answer.document),
        }
    }

    /// A list: `{"results": […], "total": n}`.
    pub fn list(self, list: &Value, columns: &[Column]) -> Result<String, Failure> {
        match self {
            Format::Table => Ok(rows(results(list), columns)),
            Format::Json | Format::Yaml => self.document(list),
        }
    }

    /// A document as it came.
    pub fn document(self, document: &Value) -> Result<String, Failure> {
        let text = match self {
            Format::Yaml => serde_saphyr::to_string(document).context("cannot write this as YAML")?,
            Format::Table | Format::Json => escaped(&format!("{document:#}")),
        };
        Ok(text.trim_end().to_owned() + "\n")
    }
}

/// JSON in which nothing steers or deceives who looks at it; it says the same. Outside of its strings it is
/// ASCII.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unsafe(character) && character != '\n' {
            text.extend(character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(character);
        }
    }
    text
}

/// Writes to standard output, as it is.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(unwritten)
}

/// Writes to standard output what is not the purpose: it goes on, or fails, though nobody reads.
pub fn print_beside(text: &str) -> Result<(), Failure> {
    match print(text) {
        Err(Failure::Closed) => Ok(()),
        printed => printed,
    }
}

/// Writes a secret to standard output that cannot be had again; `lost` says what to do without it.
pub fn print_once(text: &str, lost: &str) -> Result<(), Failure> {
    print(text).map_err(|failure| match failure {
        Failure::Closed => Failure::Other(anyhow!("nobody reads standard output: {lost}")),
        other => other,
    })
}

/// Writes a line to standard error. That nobody reads it is no reason to stop.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::show::tell(format_args!($($text)*)) };
}
pub(super) use say;

#[doc(hidden)]
pub fn tell(text: fmt::Arguments<'_>) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Why standard output did not take something.
pub fn unwritten(fault: io::Error) -> Failure {
    match fault.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Other(anyhow::Error::new(fault).context("cannot write to standard output")),
    }
}

fn rows(records: &[Value], columns: &[Column]) -> String {
    let mut table = plain();
    table.set_header(columns.iter().map(|(head, _)| *head));
    for record in records {
        table.add_row(columns.iter().map(|(_, wanted)| shown(record, wanted)));
    }
    trimmed(&table)
}

fn fields(answer: &Answer) -> String {
    let mut table = plain();
    let mut members: Vec<_> = answer.document.as_object().into_iter().flatten().collect();
    members.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    for (name, value) in members {
        table.add_row([title(name), cell(value)]);
    }
    if let Some(etag) = &answer.etag {
        table.add_row(["etag".to_owned(), printable(etag)]);
    }
    trimmed(&table)
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Without the blanks that tables put at the ends of lines and before their first column.
fn trimmed(table: &Table) -> String {
    let lines =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned() + "\n");
    lines.collect()
}

/// `createdAt` and `created_at` as people write it. Words in capitals, such as resources, stay.
fn title(name: &str) -> String {
    if !name.chars().any(|character| character.is_ascii_lowercase()) {
        return printable(name);
    }
    // Kestra's word for what is still to come.
    if name == "expiredAt" {
        return "expires at".to_owned();
    }
    let mut title = String::with_capacity(name.len() + 2);
    for character in name.chars() {
        match character {
            '_' => title.push(' '),
            upper if upper.is_ascii_uppercase() => title.extend([' ', upper.to_ascii_lowercase()]),
            other => title.push(other),
        }
    }
    printable(&title)
}

fn shown(record: &Value, wanted: &str) -> String {
    let found = wanted.split('|').map(|path| within(record, path)).find(|found| !found.is_null());
    cell(&found.unwrap_or(Value::Null))
}

fn within(value: &Value, path: &str) -> Value {
    let Some((first, rest)) = path.split_once('.') else { return value[path].clone() };
    match &value[first] {
        Value::Array(items) => items.iter().map(|item| within(item, rest)).collect(),
        other => within(other, rest),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => printable(text).replace('\n', "\\n"),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Object(entries) => object(entries),
        Value::Number(_) => value.to_string(),
    }
}

/// A record inside of another is shown by its name, other objects by their entries.
fn object(entries: &Map<String, Value>) -> String {
    let name = ["name", "username", "id"].into_iter().find_map(|member| entries.get(member));
    match name {
        Some(Value::String(name)) => printable(name),
        _ if entries.is_empty() => "-".to_owned(),
        _ => entries
            .iter()
            .map(|(name, value)| format!("{}={}", printable(name), cell(value)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_a_table_without_ornament() {
        let list =
            json!({"results": [{"id": "acme", "name": ""}, {"id": "b", "name": "Globex\u{7}"}], "total": 2});
        let table = Format::Table.list(&list, &[("ID", "id"), ("NAME", "name")]).expect("a table");
        assert_eq!(table, "ID    NAME\nacme  -\nb     Globex\\u{7}\n");
        let empty = json!({"results": [], "total": 0});
        assert_eq!(Format::Table.list(&empty, &[("ID", "id")]).expect("a table"), "ID\n");
    }

    #[test]
    fn columns_reach_into_records() {
        let record = json!({
            "group": {"id": "1", "name": "devs"}, "tenants": [{"id": "a"}, {"id": "b"}],
            "permissions": {"logs": ["read"], "metrics": ["read", "write"]}, "labels": {},
        });
        for (wanted, text) in [
            ("user.username|group.name", "devs"),
            ("group", "devs"),
            ("tenants.id", "a,b"),
            ("permissions", "logs=read metrics=read,write"),
            ("labels", "-"),
            ("nothing.at.all", "-"),
        ] {
            assert_eq!(shown(&record, wanted), text, "{wanted}");
        }
        let titles = ["createdAt", "org_id", "API_TOKEN", "expiredAt"].map(title);
        assert_eq!(titles, ["created at", "org id", "API_TOKEN", "expires at"]);
    }

    #[test]
    fn documents_stay_what_they_are() {
        let record = json!({"id": "acme", "fallback": false, "grants": ["*"], "tenants": "all", "n": "1\u{9b}\u{7f}\u{e0041}"});
        let answer = Answer { document: record.clone(), etag: Some("\"12\"".to_owned()), cookie: None };
        let json = Format::Json.record(&answer).expect("JSON");
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), record);
        assert!(json.contains(r#""1\u009b\u007f\udb40\udc41""#), "{json}");
        let yaml = Format::Yaml.record(&answer).expect("YAML");
        assert_eq!(serde_saphyr::from_str::<Value>(&yaml).expect("YAML"), record);
        let table = Format::Table.record(&answer).expect("a table");
        assert!(
            table.starts_with("id        acme\nfallback  no\n") && table.ends_with("etag      \"12\"\n"),
            "{table}"
        );
    }
}
