//! Issuers: added, shown, put on other terms, removed. Holds the rules that span records: no two
//! issuers of an owner share an `iss`, the tenants and roles that an issuer names exist, and nobody
//! gives away rights that they do not have.

mod fetch;
mod hold;
mod refresh;

use std::borrow::Cow;
use std::time::Duration;

use super::giver::Giver;
use super::{Authority, Control, Fault, Leeway, Listed, Plan, Prose, Search, Seen, find, keys, tenants};
use crate::model::{
    Act, Issuer, IssuerKeys, Pace, RoleId, Slug, Source, TenantClaim, TenantId, TenantScope, Timestamp,
};
use crate::store::{Change, Expect, Page, RecordId, Recorded, Store, Stored, within};

pub use fetch::keep;
pub(super) use hold::Board;
pub use hold::{Standing, Status};

/// The most issuers of one tenant.
pub const MOST: usize = 20;

/// Between two fetches of a tenant's issuer: tenants decide what is fetched, and each new key is written
/// down.
const OF_TENANTS: Duration = Duration::from_secs(60);

/// The terms on which an issuer is trusted; see [`Issuer`].
#[derive(Clone, Debug)]
pub struct Terms {
    pub source: Source,
    /// Of an issuer of the instance; a tenant's own speaks for that one.
    pub tenants: TenantScope,
    pub claim: TenantClaim,
    pub audience: Option<String>,
    pub require_exp: bool,
    pub leeway: Leeway,
    pub role: RoleId,
    pub scopes_claim: Option<String>,
    pub pace: Pace,
    pub description: Prose,
}

impl Terms {
    pub(super) fn record(&self, owner: Option<TenantId>, id: Slug, created_at: Timestamp) -> Issuer {
        let terms = self.clone();
        Issuer {
            id,
            tenants: if owner.is_some() { TenantScope::All } else { terms.tenants },
            owner,
            source: terms.source,
            claim: terms.claim,
            audience: terms.audience,
            require_exp: terms.require_exp,
            leeway: terms.leeway.seconds(),
            role: terms.role,
            scopes_claim: terms.scopes_claim,
            pace: terms.pace,
            description: terms.description.into(),
            created_at,
        }
    }
}

impl Listed for Issuer {
    const FIELDS: &'static [&'static str] = &["id", "issuer", "description"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.id.as_str().into(),
            "issuer" => self.source.issuer().into(),
            "description" => self.description.as_str().into(),
            _ => Cow::default(),
        }
    }
}

impl Control {
    /// Trusts an issuer of a tenant, or of the instance when none. Its keys are fetched soon after.
    pub async fn add_issuer(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        id: Slug,
        terms: Terms,
        now: Timestamp,
    ) -> Result<Stored<Issuer>, Fault> {
        let giver = self.giver(authority, owner.as_ref(), Act::Create)?;
        self.write(authority, now, move |store| {
            let record = terms.record(owner.clone(), id.clone(), now);
            let this = record.record_id();
            if store.get(&this)?.is_some() {
                return Err(Fault::Conflict(format!("{this} exists already")));
            }
            let role = check(&giver, store, &record)?;
            let mut plan = put(store, record, (this, Expect::Absent))?;
            plan.expect.extend(role);
            Ok(plan)
        })
        .await
    }

    pub async fn issuer(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        id: Slug,
    ) -> Result<Stored<Issuer>, Fault> {
        self.giver(authority, owner.as_ref(), Act::Read)?;
        self.read(move |store| find(store, &RecordId::Issuer(owner, id))).await
    }

    /// The issuers of a tenant, or of the instance when none.
    pub async fn issuers(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        search: Search,
    ) -> Result<Page<Issuer>, Fault> {
        self.giver(authority, owner.as_ref(), Act::Read)?;
        self.list(Some(within(owner.as_ref())), search).await
    }

    /// Puts an issuer on other terms. What was fetched from another place is forgotten.
    pub async fn replace_issuer(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        id: Slug,
        terms: Terms,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Issuer>, Fault> {
        let giver = self.giver(authority, owner.as_ref(), Act::Update)?;
        self.write(authority, now, move |store| {
            let this = RecordId::Issuer(owner.clone(), id.clone());
            let Stored { version, value: before } = find::<Issuer>(store, &this)?;
            seen.check(&this, version)?;
            let record = terms.record(before.owner.clone(), before.id.clone(), before.created_at);
            let role = check(&giver, store, &record)?;
            let moved = record.source != before.source;
            let mut plan = put(store, record, (this, Expect::Version(version)))?;
            plan.expect.extend(role);
            if moved {
                forget_keys(store, &before, &mut plan)?;
            }
            Ok(plan)
        })
        .await
    }

    /// Trusts an issuer no longer: its tokens are refused when this returns.
    pub async fn remove_issuer(
        &self,
        authority: &Authority,
        owner: Option<TenantId>,
        id: Slug,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.giver(authority, owner.as_ref(), Act::Delete)?;
        self.write(authority, now, move |store| {
            let this = RecordId::Issuer(owner.clone(), id.clone());
            let issuer = find::<Issuer>(store, &this)?;
            seen.check(&this, issuer.version)?;
            let mut plan = Plan::new(());
            remove(store, &issuer, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

/// Refuses an issuer whose role is not there, or is more than its giver has; and says how the commit
/// shall find the role.
fn check(giver: &Giver, store: &Store, issuer: &Issuer) -> Result<Option<(RecordId, Expect)>, Fault> {
    let (rights, there) = match (issuer.role, &issuer.owner) {
        (RoleId::Managed(role), None) => (role.rights(), None),
        (RoleId::Custom(_), None) => {
            let message = "tenants' own roles are for their own issuers: use admin, editor, viewer or writer";
            return Err(Fault::invalid("role", message));
        }
        (role, Some(tenant)) => tenants::role_of(store, tenant, role, "role")?,
    };
    giver.gives(rights)?;
    Ok(there)
}

/// Takes a deleted tenant out of the lists of the instance's issuers.
pub(super) fn forget_tenant(store: &Store, tenant: &TenantId, plan: &mut Plan<()>) -> Result<(), Fault> {
    for Stored { version, value: mut issuer } in store.all::<Issuer>(Some(&within(None)))? {
        if let TenantScope::Only(tenants) = &mut issuer.tenants
            && tenants.remove(tenant)
        {
            plan.expect.push((issuer.record_id(), Expect::Version(version)));
            plan.changes.push(Change::Put(issuer.into()));
        }
    }
    Ok(())
}

/// Refuses a tenant's issuer that is to be asked too often.
pub(super) fn paced(issuer: &Issuer) -> Result<(), Fault> {
    match issuer.owner.is_none() || issuer.pace.min_interval() >= OF_TENANTS {
        true => Ok(()),
        false => Err(Fault::invalid("refresh.min_interval", "is at least 60 s for a tenant's issuer")),
    }
}

/// Plans to write an issuer that refers to nothing that is not there.
fn put(store: &Store, issuer: Issuer, this: (RecordId, Expect)) -> Result<Plan<Issuer>, Fault> {
    paced(&issuer)?;
    let mut expect = vec![this.clone()];
    if let TenantScope::Only(tenants) = &issuer.tenants {
        expect.extend(keys::existing(store, tenants)?);
    }
    if let Some(owner) = &issuer.owner {
        let tenant = RecordId::Tenant(owner.clone());
        let version = store.get(&tenant)?.ok_or_else(|| Fault::no_tenant(owner))?.version;
        expect.push((tenant, Expect::Version(version)));
    }
    let others = store.all::<Issuer>(Some(&within(issuer.owner.as_ref())))?;
    if issuer.owner.is_some() && matches!(this.1, Expect::Absent) && others.len() >= MOST {
        return Err(Fault::Conflict(format!("a tenant has at most {MOST} issuers: remove one first")));
    }
    let same = |other: &Issuer| other.id != issuer.id && other.source.issuer() == issuer.source.issuer();
    if let Some(other) = others.into_iter().find(|other| same(&other.value)) {
        let other = other.value.record_id();
        return Err(Fault::Conflict(format!("{other} has this issuer already: change that one")));
    }
    Ok(Plan { expect, changes: vec![Change::Put(issuer.clone().into())], value: issuer })
}

fn remove(store: &Store, issuer: &Stored<Issuer>, plan: &mut Plan<()>) -> Result<(), Fault> {
    plan.delete(issuer.value.record_id(), issuer.version);
    forget_keys(store, &issuer.value, plan)
}

pub(super) fn forget_keys<T>(store: &Store, issuer: &Issuer, plan: &mut Plan<T>) -> Result<(), Fault> {
    let keys = RecordId::IssuerKeys(issuer.owner.clone(), issuer.id.clone());
    if let Some(held) = store.find::<IssuerKeys>(&keys)? {
        plan.delete(keys, held.version);
    }
    Ok(())
}
