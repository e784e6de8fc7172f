//! A large store: what its tenants take in memory, and how soon one change more is live.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tenantry::model::{OrgId, OrgRecord, Tenant, TenantId, Timestamp};
use tenantry::store::{Change, Record, Store};

use crate::load::{self, Target};
use crate::ours::{launch, start};
use crate::process::PATIENCE;
use crate::proxies::{Setting, free_port};
use crate::request::Request;

/// Changes of which the median is taken.
const CHANGES: usize = 21;
/// Tenants written at a time.
const BATCH: usize = 5000;
/// Until memory has come to rest after the start.
const REST: Duration = Duration::from_millis(1500);

#[derive(serde::Serialize)]
pub struct Large {
    pub tenants: usize,
    /// MiB, after one request.
    pub resident: f64,
    /// From the start of the program until it is ready, in milliseconds.
    pub start: f64,
    /// From the call to the admin port until the data plane has acted upon it, in milliseconds.
    pub live: Vec<f64>,
}

/// The tenants are written into the store itself, for a call and a commit each would take minutes.
pub async fn measure(setting: &Setting, tenants: usize) -> Result<Large> {
    let folder = setting.folder.join("tenants");
    fs::create_dir_all(&folder)?;
    let (plain, tls) = (free_port()?, free_port()?);
    drop(start(setting, &folder, plain, tls).await?);
    fill(&folder.join("store"), tenants)?;

    let begin = Instant::now();
    let (process, admin) = launch(setting, &folder, plain, tls).await?;
    let start = begin.elapsed().as_secs_f64() * 1e3;
    let target = Target { address: plain, tls: None };
    let filled = name(tenants / 2);
    let request = Request::get(&filled, Some(&setting.signer.token(&filled, 0)?), "/bench")?;
    passes(&target, &request).await.with_context(|| format!("the tenant {filled} is not served"))?;
    tokio::time::sleep(REST).await;
    let resident = process.resident()? as f64 / 1024.0;

    let mut live = Vec::new();
    for number in 0..CHANGES {
        let tenant = format!("late-{number}");
        let request = Request::get(&tenant, Some(&setting.signer.token(&tenant, 0)?), "/bench")?;
        if passes(&target, &request).await.is_ok() {
            bail!("the tenant {tenant} is served before it exists");
        }
        let begin = Instant::now();
        admin.post("tenants", &json!({ "id": tenant, "name": tenant })).await?;
        while let Err(error) = passes(&target, &request).await {
            if begin.elapsed() > PATIENCE {
                return Err(error.context("a new tenant does not become live"));
            }
        }
        live.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Large { tenants, resident, start, live })
}

fn name(number: usize) -> String {
    format!("t{number:06}")
}

fn fill(folder: &Path, tenants: usize) -> Result<()> {
    let store = Store::open(folder)?;
    let numbers: Vec<_> = (0..tenants).collect();
    for batch in numbers.chunks(BATCH) {
        let mut changes = Vec::with_capacity(2 * batch.len());
        for number in batch {
            changes.extend(records(&name(*number))?.map(|record| Change::Put(Box::new(record))));
        }
        store.commit(&[], changes)?;
    }
    Ok(())
}

fn records(name: &str) -> Result<[Record; 2]> {
    let id = TenantId::parse(name)?;
    let (org_id, now) = (OrgId::nth(&id, 1), Timestamp::now());
    let org = OrgRecord { org_id: org_id.clone(), tenant: id.clone(), created_at: now, deleted_at: None };
    let tenant = Tenant::new(id, org_id, now);
    Ok([Record::Org(org), Record::Tenant(tenant)])
}

/// One request on a connection of its own; anything but 200 is an error.
async fn passes(target: &Target, request: &Request) -> Result<()> {
    let mut stream = load::connect(target).await?;
    load::exchange(&mut *stream, &request.bytes, &mut vec![0; 16 * 1024]).await?;
    Ok(())
}
