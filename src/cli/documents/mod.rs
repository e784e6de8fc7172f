//! Files of documents: found, read, written; and which file a refusal speaks of. Knows YAML, and of
//! documents no more than their kind.

mod passwords;
mod plan;
mod write;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use super::client::ClientError;
use super::fault::Failure;

pub use passwords::Passwords;
pub use plan::{is_empty, outcome, print};
pub use write::yaml;

/// The longest file, in bytes.
pub const LONGEST: u64 = 512 * 1024 * 1024;
/// What the admin port takes in one request: so many documents, and their bytes without a margin for
/// passwords and what is around them.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 7 * 1024 * 1024;

/// Where documents stand.
#[derive(clap::Args, Debug)]
pub struct Files {
    /// A file of YAML documents, or a directory of *.yaml files; - for standard input
    #[arg(long = "file", short = 'f', value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Documents as they were read, and where each was.
#[derive(Default)]
pub struct Documents {
    pub values: Vec<Value>,
    places: Vec<Place>,
}

/// The nth document of a file, from 1.
#[derive(Clone)]
struct Place {
    file: PathBuf,
    nth: usize,
}

impl Files {
    /// All documents: files of a directory in the order of their names.
    pub fn read(&self) -> Result<Documents, Failure> {
        let mut documents = Documents::default();
        for path in &self.files {
            let is_folder = path.as_os_str() != "-" && path.is_dir();
            let files = if is_folder { within(path)? } else { vec![path.clone()] };
            for file in files {
                documents.read(file)?;
            }
        }
        Ok(documents)
    }
}

fn within(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = || format!("cannot read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(unreadable)?;
    let files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut files = files.with_context(unreadable)?;
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml") && file.is_file());
    files.sort();
    match files.is_empty() {
        true => Err(Failure::usage(format!("there is no *.yaml file in {}", folder.display()))),
        false => Ok(files),
    }
}

impl Documents {
    fn read(&mut self, file: PathBuf) -> Result<(), Failure> {
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::Error,
            merge_keys: MergeKeyPolicy::AsOrdinary,
            // `off` and `yes` are texts.
            strict_booleans: true,
            with_snippet: false,
            // A file's length is its bound, and what nests or refers to itself has others.
            budget: serde_saphyr::budget! {
                max_documents: usize::MAX,
                max_events: usize::MAX,
                max_nodes: usize::MAX,
                max_total_scalar_bytes: usize::MAX,
            },
        };
        let text = text(&file)?;
        let read: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(&text, options);
        let values = read.map_err(|error| Failure::Other(anyhow!("{}: {error}", file.display())))?;
        for (nth, value) in values.into_iter().enumerate() {
            self.values.push(value);
            self.places.push(Place { file: file.clone(), nth: nth + 1 });
        }
        Ok(())
    }

    /// As requests take them, in the order in which they build upon each other if one does not take all.
    pub fn parts(mut self) -> Result<Vec<Documents>, Failure> {
        let sizes =
            |these: &Documents| these.values.iter().map(|value| value.to_string().len()).sum::<usize>();
        if self.values.len() <= MOST && sizes(&self) <= MOST_BYTES {
            return Ok(vec![self]);
        }
        self.sort()?;
        let (mut parts, mut bytes) = (vec![Documents::default()], 0);
        for (value, place) in self.values.into_iter().zip(self.places) {
            let size = value.to_string().len();
            bytes += size;
            if bytes > MOST_BYTES || parts.last().is_some_and(|part| part.values.len() == MOST) {
                parts.push(Documents::default());
                bytes = size;
            }
            if let Some(part) = parts.last_mut() {
                part.values.push(value);
                part.places.push(place);
            }
        }
        Ok(parts)
    }

    /// Users and machines, tenants, then what speaks for tenants. That two documents are of the same record
    /// is seen here: the admin port sees no more than a part.
    fn sort(&mut self) -> Result<(), Failure> {
        let mut known = BTreeSet::new();
        for (value, place) in self.values.iter().zip(&self.places) {
            let kind = value["kind"].as_str().unwrap_or_default();
            let name = ["id", "email", "name"].iter().find_map(|field| value[*field].as_str());
            if !name.is_none_or(|name| known.insert((kind, name.to_lowercase()))) {
                let (file, nth) = (place.file.display(), place.nth);
                return Err(Failure::usage(format!(
                    "{file}, document {nth}: there is another of this {kind}"
                )));
            }
        }
        let rank = |value: &Value| match value["kind"].as_str() {
            Some("User" | "ServiceAccount") => 0,
            Some("Tenant") => 1,
            _ => 2,
        };
        let (values, places) = (std::mem::take(&mut self.values), std::mem::take(&mut self.places));
        let mut pairs: Vec<_> = values.into_iter().zip(places).collect();
        pairs.sort_by_key(|(value, _)| rank(value));
        (self.values, self.places) = pairs.into_iter().unzip();
        Ok(())
    }

    /// A refusal in which documents are told of by their files.
    pub fn located(&self, error: ClientError) -> Failure {
        match error {
            ClientError::Refused { status, message } => {
                Failure::Client(ClientError::Refused { status, message: self.relocated(&message) })
            }
            other => other.into(),
        }
    }

    /// `documents[3].roles[0]: …` becomes `acme.yaml, document 2, roles[0]: …`.
    fn relocated(&self, message: &str) -> String {
        let mut told = String::with_capacity(message.len());
        let mut rest = message;
        while let Some((before, after)) = rest.split_once("documents[") {
            told.push_str(before);
            let end = after.find(']').unwrap_or(0);
            let place = after[..end].parse().ok().and_then(|nth: usize| self.places.get(nth));
            match place {
                Some(Place { file, nth }) => {
                    told.push_str(&format!("{}, document {nth}", file.display()));
                    rest = &after[end + 1..];
                    if let Some(field) = rest.strip_prefix('.') {
                        told.push_str(", ");
                        rest = field;
                    }
                }
                None => {
                    told.push_str("documents[");
                    rest = after;
                }
            }
        }
        told + rest
    }

    fn place(&self, index: usize) -> String {
        self.places
            .get(index)
            .map_or_else(String::new, |place| format!("{}, document {}", place.file.display(), place.nth))
    }

    /// The directory of a document's file.
    fn folder(&self, index: usize) -> Option<&Path> {
        self.places.get(index)?.file.parent()
    }
}

/// Whether a file seems to hold documents, and no configuration: that has no kind.
pub fn are_in(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.starts_with("kind:")))
}

fn text(file: &Path) -> Result<String, Failure> {
    let unreadable = || format!("cannot read {}", file.display());
    let mut text = String::new();
    match file.as_os_str() == "-" {
        true => io::stdin().lock().take(LONGEST + 1).read_to_string(&mut text),
        false => fs::File::open(file).and_then(|from| from.take(LONGEST + 1).read_to_string(&mut text)),
    }
    .with_context(unreadable)?;
    match text.len() as u64 > LONGEST {
        true => Err(Failure::usage(format!("{} has more than {} MiB", file.display(), LONGEST >> 20))),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(files: &[(&str, &str)]) -> Result<Documents, Failure> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        Files { files: vec![folder.path().to_owned()] }.read()
    }

    #[test]
    fn refusals_name_file_document_and_field() {
        let files = [("b.yaml", "a: 1\n---\nb: 2\n"), ("a.yml", "c: 3\n"), ("c.txt", "no: [")];
        let Ok(read) = documents(&files) else { panic!("they are documents") };
        assert_eq!(read.values.len(), 3);
        let told = read.relocated("documents[2].roles[0].name: x; documents[0]: y; documents[7]: z");
        let told: Vec<_> = told.split("; ").collect();
        assert!(told[0].ends_with("b.yaml, document 2, roles[0].name: x"), "{told:?}");
        assert!(told[1].ends_with("a.yml, document 1: y"), "{told:?}");
        assert_eq!(told[2], "documents[7]: z");
    }

    #[test]
    fn what_is_no_yaml_names_the_line() {
        let failure = |text: &str| match documents(&[("a.yaml", text)]) {
            Err(Failure::Other(error)) => error.to_string(),
            _ => panic!("{text:?} is read"),
        };
        assert!(failure("a: 1\n---\nb: [\n").contains("a.yaml: "));
        assert!(failure("a: 1\nb: 2\na: 3\n").contains("line 3"));
        assert!(matches!(documents(&[]), Err(Failure::Usage(_))));
    }
}
