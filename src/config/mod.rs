//! The configuration, as written (`file`, private to this folder) and as used ([`Settings`]).
//! Every problem is reported at once, each with its place. Knows no socket and no store.

mod file;
mod problem;
mod quantity;
mod read;
mod rules;
mod services;
mod settings;
mod settle;
mod upstream;
mod word;
mod yaml;

use std::io::Read;
use std::path::Path;

pub use problem::{Problem, Problems};
pub use rules::ambiguous;
pub use settings::{
    AccessLog, AdminPort, AuditSettings, IssuerSettings, Listener, LogFormat, Login, Settings, StoreSettings,
    Telemetry, TlsFiles,
};

use problem::{Place, Report};
use settle::{Settled, settle};

/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Reads a configuration file. Looks at no other file.
pub fn load(path: &Path) -> Result<Settings, Problems> {
    let name = path.display().to_string();
    read(&text(path, &name)?, &name, path).map(|settled| settled.settings)
}

/// Reads a configuration from `text`. Nothing is opened: `name` is shown in problems, and relative
/// paths in the settings begin at its directory.
pub fn parse(text: &str, name: &str) -> Result<Settings, Problems> {
    read(text, name, Path::new(name)).map(|settled| settled.settings)
}

/// As [`load`], and sees whether the files that must be there before the gateway starts, those for
/// TLS, can be opened.
pub fn check(path: &Path) -> Result<Settings, Problems> {
    let name = path.display().to_string();
    let Settled { settings, files } = read(&text(path, &name)?, &name, path)?;
    let mut report = Report::default();
    for file in files {
        if let Err(error) = std::fs::File::open(&file.value).and_then(|mut file| file.read(&mut [0])) {
            report.add(&file.place, format!("{} cannot be read: {error}", file.value.display()));
        }
    }
    report.close(&name, settings)
}

/// The configuration's JSON Schema, draft 2020-12, written out without references. Every key has a
/// `description`, its `default` if it has one, and `x-unit` (`duration`, `bytes`) if it has one.
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<file::File>().to_value()
}

fn text(path: &Path, name: &str) -> Result<String, Problems> {
    let whole = |message: String| Problems::of_file(name, message);
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| whole(format!("the file cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| whole("the file is not UTF-8 text".to_owned()))
}

fn read(text: &str, name: &str, path: &Path) -> Result<Settled, Problems> {
    if text.len() > MAX_FILE {
        return Err(Problems::of_file(name, format!("the file is larger than {MAX_FILE} bytes")));
    }
    let root = Place { path: String::new(), line: 1, column: 1 };
    let mut report = Report::default();
    let file = match yaml::parse(text) {
        Ok(node) => file::File::read_root(&node, &root, &mut report),
        Err(problem) => return Err(Problems { file: name.to_owned(), list: vec![problem] }),
    };
    let base = path.parent().unwrap_or(Path::new(""));
    let settled = settle(file, base, &mut report);
    report.close(name, settled)
}
