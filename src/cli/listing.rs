//! `list`, of whichever records: one page of them, or all pages put together.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::client::{Client, Place};
use super::fault::Failure;
use super::show::{Column, Format, print};

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
    /// Only this page, counting from 1; all pages when left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,
    /// How many records a page has
    #[arg(long, value_name = "N", default_value_t = PAGE, value_parser = clap::value_parser!(u32).range(1..=1000))]
    size: u32,
}

impl Listing {
    /// Prints what is found below `path`.
    pub async fn show(
        &self,
        client: &Client,
        path: &str,
        columns: &[Column],
        output: Format,
    ) -> Result<(), Failure> {
        let query = self.query.as_deref();
        let found = match self.page {
            Some(page) => one(client, path, query, page, self.size).await?,
            None => all(client, path, query, self.size).await?,
        };
        if self.quiet { print(&ids(&found)) } else { print(&output.list(&found, columns)?) }
    }
}

/// The ids of all records below `path`, one per line.
pub async fn all_ids(client: &Client, path: &str) -> Result<String, Failure> {
    Ok(ids(&all(client, path, None, PAGE).await?))
}

/// The records of a list.
pub fn results(list: &Value) -> &[Value] {
    list["results"].as_array().map_or(&[], Vec::as_slice)
}

fn ids(list: &Value) -> String {
    results(list).iter().filter_map(|record| record["id"].as_str()).map(|id| format!("{id}\n")).collect()
}

async fn one(
    client: &Client,
    path: &str,
    query: Option<&str>,
    page: u32,
    size: u32,
) -> Result<Value, Failure> {
    let (page, size) = (page.to_string(), size.to_string());
    let mut pairs = vec![("page", page.as_str()), ("size", size.as_str())];
    pairs.extend(query.map(|text| ("q", text)));
    Ok(client.get(&(path.to_owned() + &Place::query(&pairs))).await?.document)
}

/// Page after page until one brings nothing new. A record made or deleted meanwhile moves others
/// between pages, so ids are remembered: none is listed twice.
async fn all(client: &Client, path: &str, query: Option<&str>, size: u32) -> Result<Value, Failure> {
    let mut records: Vec<Value> = Vec::new();
    let mut seen = HashSet::new();
    for page in 1.. {
        let found = one(client, path, query, page, size).await?;
        let known = seen.len();
        records
            .extend(results(&found).iter().filter(|record| seen.insert(record["id"].to_string())).cloned());
        let total = found["total"].as_u64().unwrap_or(0);
        if seen.len() == known || u64::from(page) * u64::from(size) >= total {
            break;
        }
    }
    let total = records.len();
    Ok(json!({ "results": records, "total": total }))
}
