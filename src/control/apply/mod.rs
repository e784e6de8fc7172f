//! Documents carried out: what is said to be is compared with what is, shown as a plan, and written,
//! each tenant whole or not at all. Also the other way: what is, as documents.

mod document;
mod entry;
mod export;
mod fill;
mod holding;
mod index;
mod judge;
mod names;
mod people;
mod prune;
mod shape;
mod stage;
mod tenant;
mod trust;

use std::sync::Arc;

use super::{Authority, Control, Fault, Plan, Seen};
use crate::model::{Tenant, TenantId, Timestamp};
use crate::store::{Revision, Store};
use holding::Holding;
use names::Drawn;
use stage::Stage;

pub use document::{
    AccountDocument, Application, BindingDocument, Document, GroupDocument, Holder, IssuerDocument,
    KeyDocument, RoleDocument, RoleName, Says, TenantDocument, UserDocument, Who,
};
pub use entry::{Entry, Step, TenantEntry, UserEntry};
pub use export::Exported;

/// What becomes of documents.
pub struct Applied {
    pub parts: Vec<Part>,
    /// Of the whole plan: a later application can insist on it.
    pub fingerprint: String,
}

/// What is written in one commit.
pub struct Part {
    /// None for the instance.
    pub tenant: Option<TenantId>,
    pub steps: Vec<Step>,
    pub state: State,
}

/// How far a part has come.
pub enum State {
    /// Nobody has asked for more, or what it stands upon has failed.
    Planned,
    /// Also when there was nothing to do.
    Done,
    Failed(Fault),
}

/// Which documents a part is of.
#[derive(Clone)]
enum Share {
    People,
    /// The document's place.
    Tenant(usize),
    Trust,
    Drop(TenantId, Revision),
}

impl Control {
    /// Makes of users, tenants and keys what documents say, after having planned all of it: what
    /// breaks a rule is refused whole. Then each tenant is written in one commit, users before and
    /// the instance's keys after them.
    pub async fn apply(
        &self,
        authority: &Authority,
        application: Application,
        now: Timestamp,
    ) -> Result<Applied, Fault> {
        let mut stage = self.stage(authority, &application, now).await?;
        let documents: Arc<[Document]> = application.documents.into();
        let (all, planning) = (documents.clone(), stage.clone());
        let planned =
            self.read(move |store| whole(&planning, store, &all, application.prune_tenants)).await?;
        let steps = planned.iter().map(|(share, steps)| (tenant_of(share, &documents), steps.as_slice()));
        let fingerprint = entry::fingerprint(steps);
        if application.agreed.as_ref().is_some_and(|agreed| *agreed != fingerprint) {
            return Err(Fault::Conflict(
                "the plan is another one by now, as records have changed: look at it again".to_owned(),
            ));
        }
        let mut parts = Vec::with_capacity(planned.len());
        let mut stopped = application.dry_run;
        for (share, steps) in planned {
            let tenant = tenant_of(&share, &documents).cloned();
            if stopped {
                parts.push(Part { tenant, steps, state: State::Planned });
                continue;
            }
            let insist = application.agreed.is_some();
            let written = match steps.is_empty() {
                true => Ok(Vec::new()),
                false => self.carry_out(&stage, &share, &documents, (steps.clone(), insist)).await,
            };
            // Whoever was to be made is in the store by now, or nobody may rely on them.
            if let Share::People = share {
                stopped = written.is_err();
                stage.drawn = Drawn::default();
                stage.to_be.clear();
            }
            parts.push(match written {
                Ok(steps) => Part { tenant, steps, state: State::Done },
                Err(fault) => Part { tenant, steps, state: State::Failed(fault) },
            });
        }
        Ok(Applied { parts, fingerprint })
    }

    /// Writes one share as it is now planned: with `insist` only if that is what was planned before.
    async fn carry_out(
        &self,
        stage: &Stage,
        share: &Share,
        documents: &Arc<[Document]>,
        (planned, insist): (Vec<Step>, bool),
    ) -> Result<Vec<Step>, Fault> {
        if let Share::Drop(tenant, version) = share {
            let seen = Seen::OneOf(vec![*version]);
            self.delete_tenant(&stage.authority, tenant.clone(), seen, stage.now).await?;
            return Ok(planned);
        }
        let (stage, share, documents) = (stage.clone(), share.clone(), documents.clone());
        let (authority, judged, now) = (stage.authority.clone(), stage.snapshot.clone(), stage.now);
        let written = self
            .write_judged(&authority, judged, now, move |store| {
                let plan = part(&stage, store, &share, &documents)?;
                match !insist || planned == plan.value {
                    true => Ok(plan),
                    false => Err(Fault::Conflict("something has changed since the plan".to_owned())),
                }
            })
            .await?;
        Ok(written.value)
    }
}

/// Plans everything.
fn whole(
    stage: &Stage,
    store: &Store,
    documents: &[Document],
    prune_tenants: bool,
) -> Result<Vec<(Share, Vec<Step>)>, Fault> {
    let tenants = documents.iter().enumerate();
    let tenants = tenants.filter(|(_, document)| matches!(document.says, Says::Tenant(_)));
    let shares = [Share::People].into_iter().chain(tenants.map(|(nth, _)| Share::Tenant(nth)));
    let mut planned = Vec::new();
    for share in shares.chain([Share::Trust]) {
        let steps = part(stage, store, &share, documents)?.value;
        planned.push((share, steps));
    }
    if prune_tenants {
        planned.extend(unnamed(stage, store)?);
    }
    Ok(planned)
}

fn part(
    stage: &Stage,
    store: &Store,
    share: &Share,
    documents: &[Document],
) -> Result<Plan<Vec<Step>>, Fault> {
    let nothing = || Plan { expect: Vec::new(), changes: Vec::new(), value: Vec::new() };
    match share {
        Share::People => people::plan(stage, store, documents),
        Share::Trust => trust::plan(stage, store, documents),
        Share::Tenant(nth) => match documents.get(*nth) {
            Some(Document { at, says: Says::Tenant(document) }) => tenant::plan(stage, store, at, document),
            Some(_) | None => Ok(nothing()),
        },
        Share::Drop(..) => Ok(nothing()),
    }
}

/// The tenants of which no document speaks, all of which shall go.
fn unnamed(stage: &Stage, store: &Store) -> Result<Vec<(Share, Vec<Step>)>, Fault> {
    stage.authority.require_super_admin()?;
    if stage.to_be.is_empty() {
        let message = "no document speaks of a tenant, so all of them would be deleted";
        return Err(Fault::invalid("pruneTenants", message));
    }
    let others = store.all::<Tenant>(None)?.into_iter();
    let others = others.filter(|tenant| !stage.to_be.contains(&tenant.value.id));
    let goes = |stored: crate::store::Stored<Tenant>| {
        let share = Share::Drop(stored.value.id.clone(), stored.version);
        let before = Some(Entry::Tenant(names::tenant(&Holding::new(stored.value, None))));
        (share, vec![Step { before, after: None }])
    };
    Ok(others.map(goes).collect())
}

fn tenant_of<'a>(share: &'a Share, documents: &'a [Document]) -> Option<&'a TenantId> {
    match share {
        Share::People | Share::Trust => None,
        Share::Drop(tenant, _) => Some(tenant),
        Share::Tenant(nth) => match &documents.get(*nth)?.says {
            Says::Tenant(document) => Some(&document.id),
            Says::User(_) | Says::ServiceAccount(_) | Says::Key(_) | Says::Issuer(..) => None,
        },
    }
}
