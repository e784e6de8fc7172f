//! One tenant's document carried out: planned as a whole, and written in one commit or not at all.

use std::collections::BTreeSet;

use super::document::TenantDocument;
use super::entry::{Step, steps};
use super::holding::{Holding, Versions};
use super::index::Index;
use super::judge::{Asks, Judge};
use super::names::Names;
use super::shape::Shape;
use super::stage::Stage;
use crate::control::{Fault, Flaws, Plan, issuers, tenants, tokens};
use crate::model::{Act, Issuer, OrgRecord, Principal, Tenant};
use crate::snapshot::Effective;
use crate::store::Store;

/// Plans what makes a tenant what its document says.
pub(super) fn plan(
    stage: &Stage,
    store: &Store,
    at: &str,
    document: &TenantDocument,
) -> Result<Plan<Vec<Step>>, Fault> {
    let id = &document.id;
    let held = match stage.authority.rights(&stage.snapshot, id) {
        Some(held) => held,
        // A super admin may make one.
        None if stage.authority.is_super_admin() => Effective::default(),
        None => return Err(Fault::no_tenant(id)),
    };
    let asks = Asks { authority: &stage.authority, held, tenant: id };
    asks.may_look(document)?;
    let names = Names { store, drawn: &stage.drawn };
    let read = Holding::read(store, id)?;
    let holding = match &read {
        Some((holding, _)) => holding.clone(),
        None => new(stage, store, document)?,
    };
    let mut shape = Shape {
        names: &names,
        document,
        at,
        now: stage.now,
        index: Index::of(&holding),
        holding,
        expect: Vec::new(),
        given: BTreeSet::new(),
        wanted: BTreeSet::new(),
        unknown: BTreeSet::new(),
        flaws: Flaws::default(),
    };
    shape.mould(stage.prune, &stage.services)?;
    let Shape { holding: after, expect, given, unknown, flaws, .. } = shape;
    unknown.into_iter().try_for_each(|area| asks.power(area, Act::Create))?;
    flaws.settle()?;
    let before = read.as_ref().map(|(holding, _)| holding);
    alike(&after, at)?;
    if let Some(before) = before {
        Judge { asks: &asks, before, after: &after, given: &given }.decide()?;
    }
    let had = before.map_or_else(|| Ok(Vec::new()), |before| names.entries(before))?;
    let mut plan = Plan { expect, changes: Vec::new(), value: steps(had, names.entries(&after)?) };
    let versions = read.as_ref().map(|(before, versions): &(Holding, Versions)| (before, versions));
    after.write(versions, &mut plan);
    if let Some(before) = before {
        follow(store, before, &after, &mut plan)?;
    }
    Ok(plan)
}

fn new(stage: &Stage, store: &Store, document: &TenantDocument) -> Result<Holding, Fault> {
    stage.authority.require_super_admin()?;
    let (id, now) = (document.id.clone(), stage.now);
    let org_id = tenants::unused_org_id(store, &id)?;
    let org = OrgRecord { org_id: org_id.clone(), tenant: id.clone(), created_at: now, deleted_at: None };
    Ok(Holding::new(Tenant::new(id, org_id, now), Some(org)))
}

/// Refuses too many issuers, and two who call themselves the same.
fn alike(after: &Holding, at: &str) -> Result<(), Fault> {
    let mut flaws = Flaws::default();
    if after.issuers.len() > issuers::MOST {
        flaws.add(&format!("{at}.issuers"), format_args!("a tenant has at most {}", issuers::MOST));
    }
    let mut seen = BTreeSet::new();
    for issuer in after.issuers.values() {
        if issuers::paced(issuer).is_err() {
            let message = "min_interval is at least 60 s for a tenant's issuer";
            flaws.add(&format!("{at}.issuers.{}.refresh", issuer.id), message);
        }
        if !seen.insert(issuer.source.issuer()) {
            let message = format!("two of them would have the issuer {:?}", issuer.source.issuer());
            flaws.add(&format!("{at}.issuers"), message);
        }
    }
    flaws.settle()
}

/// Plans what goes with service accounts and issuers that go, and with issuers that have moved.
fn follow<T>(store: &Store, before: &Holding, after: &Holding, plan: &mut Plan<T>) -> Result<(), Fault> {
    for gone in before.accounts.keys().filter(|id| !after.accounts.contains_key(id)) {
        tokens::forget_owner(store, Principal::ServiceAccount(*gone), plan)?;
    }
    let stands =
        |issuer: &&Issuer| after.issuers.get(&issuer.id).is_some_and(|after| after.source == issuer.source);
    for issuer in before.issuers.values().filter(|issuer| !stands(issuer)) {
        issuers::forget_keys(store, issuer, plan)?;
    }
    Ok(())
}
