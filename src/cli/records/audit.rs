//! `tenantry audit`: who did what. A tenant's part of the log with `--tenant`, else all of it.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::At;
use crate::cli::client::Place;
use crate::cli::connect::Owner;
use crate::cli::fault::Failure;
use crate::cli::port::{Port, fields};
use crate::cli::progress::Progress;
use crate::cli::show::{Column, print, unwritten};
use crate::cli::whole::Whole;
use crate::model::{AuditEntry, Extent, Flaw, TenantId, Verifier};
use crate::store::Kind;

const COLUMNS: [Column; 8] = [
    ("NUMBER", "number"),
    ("AT", "at"),
    ("WHO", "actor.name"),
    ("VIA", "actor.via"),
    ("DEED", "deed"),
    ("RESOURCE", "resource"),
    ("ID", "id"),
    ("OUTCOME", "outcome"),
];

/// Words of entries are written in capitals.
const CAPITALS: fn(&str) -> Result<String, Infallible> = |text| Ok(text.to_ascii_uppercase());

/// What entries are about besides kinds of records: words of paths that refused writes went to.
const PATHS: [&str; 8] = ["acls", "apply", "explain", "export", "invitation", "me", "setup", "tenant-access"];

/// Words that no entry can have are refused: they would find nothing, as if nothing had been done.
fn resource(text: &str) -> Result<String, String> {
    let mut known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.table()).chain(PATHS).collect();
    known.sort_unstable();
    match known.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected one of {}", known.join(", "))),
    }
}

pub type Audit = At<Command, Owner>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Show entries, the newest first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  \
            tenantry audit list --tenant acme --limit 20\n  \
            tenantry audit list --actor ann@example.com --outcome REFUSED --from 2026-01-01T00:00:00Z -o json"
    )]
    List(List),
    /// Write entries as JSON lines, the oldest first, to standard output or a new file
    #[command(after_help = "Examples:\n  \
        tenantry audit export > audit.jsonl\n  \
        tenantry audit export --tenant acme --file acme.jsonl")]
    Export(Export),
    /// Check that nothing in the log was changed, left out or added
    #[command(
        long_about = "Check that nothing in the log was changed, left out or added: of what the admin port \
            has, or of a file that `audit export` wrote. The check is made on this machine. Keep the hash that is \
            shown: a later log that does not contain it was written anew.",
        after_help = "Examples:\n  \
            tenantry audit verify\n  \
            tenantry audit verify audit.jsonl\n  \
            tenantry audit verify --tenant acme acme.jsonl"
    )]
    Verify(Verify),
}

#[derive(clap::Args, Debug)]
pub struct List {
    #[command(flatten)]
    of: Of,
    /// So many entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// The page of so many entries, counting from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
}

#[derive(clap::Args, Debug)]
pub struct Export {
    #[command(flatten)]
    of: Of,
    /// A new file instead of standard output; only you can read it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(clap::Args, Debug)]
pub struct Verify {
    /// A whole export; - for standard input; what the admin port has when left out
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Which entries.
#[derive(clap::Args, Debug, Serialize)]
struct Of {
    /// Only entries that have this text in them
    #[arg(long, value_name = "TEXT")]
    #[serde(rename = "q")]
    query: Option<String>,
    /// Only what this user or service account did, by name or id
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only what was done to records of this kind, such as bindings
    #[arg(long, value_name = "KIND", value_parser = resource)]
    resource: Option<String>,
    /// Only what was done to the record of this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Only this deed: CREATE, UPDATE, DELETE, SIGN_IN, SIGN_OUT or PRUNE
    #[arg(long, value_name = "DEED", value_parser = CAPITALS)]
    deed: Option<String>,
    /// Only what ended so: DONE or REFUSED
    #[arg(long, value_name = "OUTCOME", value_parser = CAPITALS)]
    outcome: Option<String>,
    /// Nothing before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    #[serde(rename = "startDate")]
    from: Option<String>,
    /// Nothing after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    #[serde(rename = "endDate")]
    to: Option<String>,
}

pub async fn run(args: &Audit) -> Result<(), Failure> {
    if let Command::Verify(Verify { file: Some(file) }) = &args.command {
        let judge = match file.as_os_str().as_encoded_bytes() {
            b"-" => verify_lines(io::stdin().lock(), args.whose.extent()),
            _ => {
                let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
                verify_lines(BufReader::new(open), args.whose.extent())
            }
        };
        return tell(judge?, args.whose.extent());
    }
    let port = args.port()?;
    match &args.command {
        Command::List(list) => list.show(&port).await,
        Command::Export(export) => export.write(&port).await,
        Command::Verify(_) => {
            let mut lines = Lines::new(Judge::new(args.whose.extent()));
            download(&port, &path(&port, "export"), &mut lines).await?;
            tell(lines.end()?, args.whose.extent())
        }
    }
}

fn path(port: &Port, what: &str) -> String {
    let segments: Vec<&str> = port.tenant.as_deref().into_iter().chain(["auditlogs", what]).collect();
    Place::path(&segments)
}

impl Of {
    fn query(&self, besides: &[(&str, &str)]) -> Result<String, Failure> {
        let fields = fields(self)?;
        let given = fields.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let pairs: Vec<(&str, &str)> = given.chain(besides.iter().copied()).collect();
        Ok(Place::query(&pairs))
    }
}

impl List {
    async fn show(&self, port: &Port) -> Result<(), Failure> {
        let (page, size) = (self.page.to_string(), self.limit.to_string());
        let query = self.of.query(&[("page", &page), ("size", &size)])?;
        let found = port.client.get(&(path(port, "search") + &query)).await?.document;
        print(&port.output.list(&found, &COLUMNS)?)
    }
}

impl Export {
    async fn write(&self, port: &Port) -> Result<(), Failure> {
        let path = path(port, "export") + &self.of.query(&[])?;
        match &self.file {
            None => match download(port, &path, &mut io::stdout().lock()).await {
                Err(Failure::Other(fault)) => Err(fault.downcast().map_or_else(Failure::Other, unwritten)),
                ended => ended,
            },
            Some(file) => {
                let about = || format!("cannot write {}", file.display());
                if file.exists() {
                    return Err(anyhow!("{} is there already", file.display()).into());
                }
                let mut whole = Whole::begin(file).with_context(about)?;
                download(port, &path, &mut whole).await?;
                Ok(whole.create().with_context(about)?)
            }
        }
    }
}

async fn download(port: &Port, path: &str, into: &mut impl Write) -> Result<(), Failure> {
    let mut parts = port.client.download(path).await?;
    let (mut progress, mut bytes) = (Progress::begin(), 0);
    while let Some(part) = parts.next().await? {
        into.write_all(&part).context("cannot write the log")?;
        bytes += part.len();
        progress.tell(|| format!("{} KiB", bytes / 1024));
    }
    Ok(into.flush().context("cannot write the log")?)
}

/// Entries on their way to the verdict.
struct Judge {
    verifier: Verifier,
    line: u64,
    /// The tenant of which all entries are so far, if they are of one.
    only: Option<TenantId>,
}

impl Judge {
    fn new(extent: Extent) -> Self {
        Judge { verifier: Verifier::new(extent), line: 0, only: None }
    }

    fn judge(&mut self, line: &[u8]) -> io::Result<()> {
        self.line += 1;
        let entry: AuditEntry = serde_json::from_slice(line)
            .map_err(|fault| io::Error::other(format!("line {} is no entry: {fault}", self.line)))?;
        self.verifier.add(&entry);
        if self.line == 1 {
            self.only = entry.tenant;
        } else if self.only != entry.tenant {
            self.only = None;
        }
        Ok(())
    }
}

fn verify_lines(lines: impl io::BufRead, extent: Extent) -> Result<Judge, Failure> {
    let mut judge = Judge::new(extent);
    for line in lines.split(b'\n') {
        let line = line.context("cannot read the log")?;
        judge.judge(&line).context("this is no export of an audit log")?;
    }
    Ok(judge)
}

/// Parts of any length, put together to lines.
struct Lines {
    judge: Judge,
    rest: Vec<u8>,
}

impl Lines {
    fn new(judge: Judge) -> Self {
        Lines { judge, rest: Vec::new() }
    }

    fn end(self) -> Result<Judge, Failure> {
        match self.rest.is_empty() {
            true => Ok(self.judge),
            false => Err(anyhow!("the log breaks off in the middle of an entry").into()),
        }
    }
}

impl Write for Lines {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if self.rest.pop_if(|byte| *byte == b'\n').is_some() {
                self.judge.judge(&std::mem::take(&mut self.rest))?;
            }
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tell(Judge { verifier, only, .. }: Judge, extent: Extent) -> Result<(), Failure> {
    let verdict = verifier.end();
    if let Some(broken) = verdict.broken {
        let (number, flaw) = (broken.number, broken.flaw);
        if let (Extent::Whole, Flaw::Missing, Some(tenant)) = (extent, flaw, only) {
            return Err(anyhow!(
                "these are entries of the tenant {tenant} alone, and no whole log: is it what `audit export \
                 --tenant {tenant}` wrote? That is verified with --tenant {tenant}"
            )
            .into());
        }
        return Err(anyhow!("the log is not what was written, from entry {number} on: {flaw}").into());
    }
    let Some((first, last)) = verdict.span else {
        return Err(anyhow!("there is no entry: nothing shows that the log is what was written").into());
    };
    let entries = verdict.entries;
    let hash = &verdict.hash;
    print(&format!("intact: {entries} entries, {first} to {last}\nhash of the last: {hash}\n"))
}
