//! `list`, of whichever records: one page of them, or all pages put together.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::client::{Client, Place};
use super::fault::Failure;
use super::port::Port;
use super::progress::Progress;
use super::show::{Column, print};

/// Records per request.
const PAGE: u32 = 100;

/// Which records, and how much of them.
#[derive(clap::Args, Debug)]
pub struct Listing {
    /// Only the ids, one per line
    #[arg(long, short, conflicts_with = "output")]
    quiet: bool,
    /// Only records that have this text in them
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// Only records of which this holds, in any case of the text; can be repeated
    #[arg(long = "filter", value_name = "FIELD=TEXT", value_parser = filter)]
    filters: Vec<(String, String)>,
    /// In the order of this field: FIELD, or FIELD:desc for the last first
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,
    /// Only this page, counting from 1; all pages when left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,
    /// How many records a page has
    #[arg(long, value_name = "N", default_value_t = PAGE, value_parser = clap::value_parser!(u32).range(1..=1000))]
    size: u32,
}

impl Listing {
    /// Prints what is found below `path`, of which `besides` holds.
    pub async fn show(
        &self,
        port: &Port,
        path: &str,
        besides: &[(&str, &str)],
        columns: &[Column],
    ) -> Result<(), Failure> {
        let mut pairs = besides.to_vec();
        pairs.extend(self.query.as_deref().map(|text| ("q", text)));
        pairs.extend(self.sort.as_deref().map(|field| ("sort", field)));
        let filters = self.filters.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        pairs.extend(filters);
        let found = match self.page {
            Some(page) => one(&port.client, path, &pairs, page, self.size).await?,
            None => all(&port.client, path, &pairs, self.size).await?,
        };
        if self.quiet { print(&ids(&found)) } else { print(&port.output.list(&found, columns)?) }
    }
}

/// The ids of all records below `path`, one per line.
pub async fn all_ids(client: &Client, path: &str) -> Result<String, Failure> {
    Ok(ids(&all(client, path, &[], PAGE).await?))
}

/// All records below `path`.
pub async fn all_of(client: &Client, path: &str) -> Result<Vec<Value>, Failure> {
    Ok(results(&all(client, path, &[], PAGE).await?).to_vec())
}

/// The records of a list.
pub fn results(list: &Value) -> &[Value] {
    list["results"].as_array().map_or(&[], Vec::as_slice)
}

pub fn ids(list: &Value) -> String {
    results(list).iter().filter_map(|record| record["id"].as_str()).map(|id| format!("{id}\n")).collect()
}

async fn one(
    client: &Client,
    path: &str,
    pairs: &[(&str, &str)],
    page: u32,
    size: u32,
) -> Result<Value, Failure> {
    let (page, size) = (page.to_string(), size.to_string());
    let pairs = [&[("page", page.as_str()), ("size", size.as_str())], pairs].concat();
    Ok(client.get(&(path.to_owned() + &Place::query(&pairs))).await?.document)
}

/// Page after page until one brings nothing new. A record made or deleted meanwhile moves others
/// between pages, so ids are remembered: none is listed twice.
async fn all(client: &Client, path: &str, pairs: &[(&str, &str)], size: u32) -> Result<Value, Failure> {
    let mut records: Vec<Value> = Vec::new();
    let mut seen = HashSet::new();
    let mut progress = Progress::begin();
    for page in 1.. {
        let found = one(client, path, pairs, page, size).await?;
        let known = seen.len();
        records
            .extend(results(&found).iter().filter(|record| seen.insert(record["id"].to_string())).cloned());
        let total = found["total"].as_u64().unwrap_or(0);
        if seen.len() == known || u64::from(page) * u64::from(size) >= total {
            break;
        }
        progress.tell(|| format!("{} of {total}", seen.len()));
    }
    drop(progress);
    let total = records.len();
    Ok(json!({ "results": records, "total": total }))
}

/// `filters[field][EQUALS]`, and the text.
fn filter(text: &str) -> Result<(String, String), String> {
    let (field, text) = text.split_once('=').ok_or("expected FIELD=TEXT")?;
    Ok((format!("filters[{field}][EQUALS]"), text.to_owned()))
}
