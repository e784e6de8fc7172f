//! Service accounts, of the instance and of tenants: made, shown, changed, deleted. Holds the rules
//! that only the instance's can be super admins, and that nobody puts one into a group which may more
//! than they.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::charge::{another_super_admin, governs};
use super::departure::{caught_up, depart};
use super::members::seat;
use super::membership::may_seat;
use super::version::with_access;
use super::{Authority, Control, Fault, Listed, Prose, Search, Seen, draw, find, machine, person};
use crate::model::{Act, Area, Id, Member, Power, Principal, ServiceAccount, Slug, TenantId, Timestamp};
use crate::snapshot::Snapshot;
use crate::store::{Page, RecordId, Store, Stored, within};

/// A service account to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    pub name: Slug,
    pub description: Prose,
    /// Only of the instance's own.
    pub super_admin: bool,
    /// To which the instance's own has access; a tenant's has access to that one.
    pub tenants: BTreeSet<TenantId>,
    /// Of the tenant; none for the instance's own.
    pub groups: BTreeSet<Id>,
}

/// What shall become of a service account. What is none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    pub name: Option<Slug>,
    pub description: Option<Prose>,
    /// Only of the instance's own.
    pub super_admin: Option<bool>,
    pub disabled: Option<bool>,
    /// All of its groups; only of a tenant's.
    pub groups: Option<BTreeSet<Id>>,
}

/// A service account, and where it has access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub account: ServiceAccount,
    /// Its groups in the tenant that owns it.
    pub groups: Vec<Id>,
    /// With their names; of the instance's own only.
    pub tenants: Vec<(TenantId, String)>,
}

impl Listed for ServiceAccount {
    const FIELDS: &'static [&'static str] = &["id", "name", "description"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.id.to_string().into(),
            "name" => self.name.as_str().into(),
            "description" => self.description.as_str().into(),
            _ => Cow::default(),
        }
    }
}

impl Control {
    /// Makes a service account of a tenant, or of the instance when `home` is none, with access to
    /// its tenants. Putting it into groups takes the power to do that, and their rights.
    pub async fn create_service_account(
        &self,
        authority: &Authority,
        home: Option<TenantId>,
        new: NewAccount,
        now: Timestamp,
    ) -> Result<Stored<Machine>, Fault> {
        self.may(authority, home.as_ref(), Act::Create)?;
        if new.super_admin && home.is_some() {
            return Err(Fault::invalid("superAdmin", "is for service accounts of the instance alone"));
        }
        if let Some(tenant) = &home {
            may_seat(authority, &self.snapshot(), tenant, (&new.groups, &BTreeSet::new()))?;
        }
        let account = ServiceAccount {
            id: draw::id()?,
            tenant: home.clone(),
            name: new.name,
            description: new.description.into(),
            super_admin: new.super_admin,
            disabled: false,
            created_at: now,
            updated_at: now,
        };
        let tenants = home.map_or(new.tenants, |home| BTreeSet::from([home]));
        let made = self
            .write(authority, now, move |store| {
                let principal = Principal::ServiceAccount(account.id);
                let mut plan = machine::made(store, &account)?;
                for tenant in &tenants {
                    seat(store, tenant.clone(), principal, &new.groups, now, &mut plan)?;
                }
                Ok(plan)
            })
            .await?;
        self.machine(made).await
    }

    pub async fn service_account(
        &self,
        authority: &Authority,
        home: Option<TenantId>,
        id: Id,
    ) -> Result<Stored<Machine>, Fault> {
        self.may(authority, home.as_ref(), Act::Read)?;
        let account = self.read(move |store| find(store, &RecordId::ServiceAccount(home, id))).await?;
        self.machine(account).await
    }

    /// The service accounts of a tenant, or of the instance when `home` is none.
    pub async fn service_accounts(
        &self,
        authority: &Authority,
        home: Option<TenantId>,
        search: Search,
    ) -> Result<Page<Machine>, Fault> {
        self.may(authority, home.as_ref(), Act::Read)?;
        let page = self.list::<ServiceAccount>(Some(within(home.as_ref())), search).await?;
        let snapshot = self.snapshot();
        self.read(move |store| {
            let items = page
                .items
                .into_iter()
                .map(|account| whole(store, &snapshot, account, person::TENANTS_IN_LIST));
            Ok(Page { items: items.collect::<Result<_, _>>()?, total: page.total })
        })
        .await
    }

    pub async fn change_service_account(
        &self,
        authority: &Authority,
        home: Option<TenantId>,
        id: Id,
        change: AccountChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Machine>, Fault> {
        self.may(authority, home.as_ref(), Act::Update)?;
        let (record, caller, published) =
            (RecordId::ServiceAccount(home, id), authority.clone(), self.published.clone());
        let changed = self
            .write(authority, now, move |store| {
                let account = find::<ServiceAccount>(store, &record)?;
                let member = membership(store, &account.value)?;
                seen.check(&record, with_access(account.version, member.as_slice()))?;
                if let (Some(tenant), Some(groups)) = (record.tenant(), &change.groups) {
                    let had = member.iter().flat_map(|member| member.value.groups.keys().copied()).collect();
                    let live = caught_up(store, &published)?;
                    may_seat(&caller, &live, tenant, (&(groups - &had), &(&had - groups)))?;
                }
                machine::changed(store, account, member.is_some(), &change, now)
            })
            .await?;
        self.machine(changed).await
    }

    /// Deletes a service account with its access to tenants, its bindings and its tokens, which are
    /// refused when this returns.
    pub async fn delete_service_account(
        &self,
        authority: &Authority,
        home: Option<TenantId>,
        id: Id,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.may(authority, home.as_ref(), Act::Delete)?;
        let record = RecordId::ServiceAccount(home, id);
        let published = self.published.clone();
        self.write(authority, now, move |store| {
            let account = find::<ServiceAccount>(store, &record)?;
            let member = membership(store, &account.value)?;
            seen.check(&record, with_access(account.version, member.as_slice()))?;
            let (principal, name) = (Principal::ServiceAccount(id), machine::name_of(&account.value));
            let mut plan = depart(store, &published, &account, principal, name)?;
            if governs(store, &account.value)? {
                another_super_admin(store, id, &mut plan)?;
            }
            Ok(plan)
        })
        .await?;
        Ok(())
    }

    fn may(&self, authority: &Authority, home: Option<&TenantId>, act: Act) -> Result<(), Fault> {
        match home {
            None => authority.require_super_admin(),
            Some(tenant) => {
                authority.require(&self.snapshot(), tenant, Power::new(Area::ServiceAccount, act)).map(drop)
            }
        }
    }

    async fn machine(&self, account: Stored<ServiceAccount>) -> Result<Stored<Machine>, Fault> {
        let snapshot = self.snapshot();
        self.read(move |store| whole(store, &snapshot, account, usize::MAX)).await
    }
}

/// The access that a tenant's service account has to its tenant.
fn membership(store: &Store, account: &ServiceAccount) -> Result<Option<Stored<Member>>, Fault> {
    let Some(tenant) = &account.tenant else { return Ok(None) };
    Ok(store.find(&RecordId::Member(tenant.clone(), Principal::ServiceAccount(account.id)))?)
}

fn whole(
    store: &Store,
    snapshot: &Snapshot,
    account: Stored<ServiceAccount>,
    most: usize,
) -> Result<Stored<Machine>, Fault> {
    let member = membership(store, &account.value)?;
    let version = with_access(account.version, member.as_slice());
    let groups = member.map(|member| member.value.groups.into_keys().collect()).unwrap_or_default();
    let tenants = match account.value.tenant {
        None => person::tenants(store, snapshot, account.value.id, most)?,
        Some(_) => Vec::new(),
    };
    Ok(Stored { version, value: Machine { account: account.value, groups, tenants } })
}
