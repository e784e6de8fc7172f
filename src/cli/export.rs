//! `tenantry export`: what there is, as documents that `apply` takes back.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::client::Place;
use super::connect::Connect;
use super::documents::yaml;
use super::fault::Failure;
use super::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Export {
    /// Only this tenant, with all that belongs to it; can be repeated. Everything when left out
    #[arg(long, value_name = "ID")]
    tenant: Vec<String>,
    /// Write to this file instead of standard output
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
        let mut answer = client.get(&format!("/api/v1/export{query}")).await?.document;
        if let Value::Array(these) = answer["documents"].take() {
            documents.extend(these);
        }
    }
    let text = match args.connect.output {
        Format::Table | Format::Yaml => yaml(&documents)?,
        Format::Json => Format::Json.document(&json!({ "documents": documents }))?,
    };
    match &args.file {
        Some(file) => Ok(fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?),
        None => show::print(&text),
    }
}
