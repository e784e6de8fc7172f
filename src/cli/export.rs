//! `tenantry export`: what there is, as documents that `apply` takes back.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};

use super::client::{Client, Place};
use super::connect::Connect;
use super::documents::{LONGEST, yaml};
use super::fault::Failure;
use super::show::{self, Format};
use super::whole::Whole;

#[derive(clap::Args, Debug)]
pub struct Export {
    /// Only this tenant, with all that belongs to it; can be repeated. Everything when left out
    #[arg(long, value_name = "ID")]
    tenant: Vec<String>,
    /// Write to this file instead of standard output; only you can read it
    #[arg(long = "file", short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    connect: Connect,
}

pub async fn run(args: &Export) -> Result<(), Failure> {
    let client = args.connect.client()?;
    let mut documents = Vec::new();
    let mut queries: Vec<String> =
        args.tenant.iter().map(|tenant| Place::query(&[("tenant", tenant)])).collect();
    if queries.is_empty() {
        queries.push(String::new());
    }
    for query in queries {
        let mut answer = whole(&client, &format!("/api/v1/export{query}")).await?;
        if let Value::Array(these) = answer["documents"].take() {
            documents.extend(these);
        }
    }
    let text = match args.connect.output {
        Format::Table | Format::Yaml => yaml(&documents)?,
        Format::Json => Format::Json.document(&json!({ "documents": documents }))?,
    };
    match &args.file {
        Some(file) => Ok(write(file, &text).with_context(|| format!("cannot write {}", file.display()))?),
        None => show::print(&text),
    }
}

/// An answer that is as long as all there is.
async fn whole(client: &Client, path: &str) -> Result<Value, Failure> {
    let (mut parts, mut text) = (client.download(path).await?, Vec::new());
    while let Some(part) = parts.next().await? {
        text.extend_from_slice(&part);
        if text.len() as u64 > LONGEST {
            return Err(anyhow!("this is more than {} MiB: export single tenants", LONGEST >> 20).into());
        }
    }
    Ok(serde_json::from_slice(&text).context("this is no export of tenantry's admin port")?)
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    // A device or a pipe is written to; a link leads to what is replaced.
    if fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return fs::write(file, text);
    }
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut new = Whole::begin(&place)?;
    new.write_all(text.as_bytes())?;
    new.replace()
}
