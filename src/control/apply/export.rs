//! What there is, as documents that would make it.

use super::entry::{Entry, TenantEntry};
use super::holding::Holding;
use super::names::{self, Drawn, Names};
use super::people::{account_entry, user_entry};
use crate::control::{Authority, Control, Fault};
use crate::model::{Act, Area, Issuer, Power, ServiceAccount, Tenant, TenantId, TrustedKey, User};
use crate::store::{Store, within};

/// One document's worth: a tenant with all that belongs to it, or one record of the instance.
pub struct Exported {
    pub entry: Entry,
    /// Of a tenant.
    pub parts: Vec<Entry>,
}

/// What somebody has to be able to read who exports a tenant.
const AREAS: [Area; 7] = [
    Area::Role,
    Area::ServiceAccount,
    Area::Group,
    Area::GroupMembership,
    Area::User,
    Area::Binding,
    Area::Key,
];

impl Control {
    /// A tenant with all that belongs to it, for who may read all of that; everything there is when
    /// none is named, for super admins. Passwords and tokens are in no document.
    pub async fn export(
        &self,
        authority: &Authority,
        tenant: Option<TenantId>,
    ) -> Result<Vec<Exported>, Fault> {
        let Some(tenant) = tenant else {
            authority.require_super_admin()?;
            return self.read(everything).await;
        };
        let snapshot = self.snapshot();
        for area in AREAS {
            authority.require(&snapshot, &tenant, Power::new(area, Act::Read))?;
        }
        let sees_options =
            authority.require(&snapshot, &tenant, Power::new(Area::Service, Act::Read)).is_ok();
        self.read(move |store| {
            let exported = of_tenant(store, &tenant)?.ok_or_else(|| Fault::no_tenant(&tenant))?;
            Ok(vec![if sees_options { exported } else { without_options(exported) }])
        })
        .await
    }
}

fn everything(store: &Store) -> Result<Vec<Exported>, Fault> {
    let mut users = store.all::<User>(None)?;
    users.sort_by(|a, b| a.value.name.cmp(&b.value.name));
    let mut accounts = store.all::<ServiceAccount>(Some(&within(None)))?;
    accounts.sort_by(|a, b| a.value.name.cmp(&b.value.name));
    let mut exported: Vec<Exported> =
        users.iter().map(|user| single(user_entry(&user.value, false))).collect();
    exported.extend(accounts.iter().map(|account| single(account_entry(&account.value))));
    for tenant in store.all::<Tenant>(None)? {
        exported.extend(of_tenant(store, &tenant.value.id)?);
    }
    let keys = store.all::<TrustedKey>(Some(&within(None)))?.into_iter();
    exported.extend(keys.map(|key| single(names::key(key.value, None))));
    let issuers = store.all::<Issuer>(Some(&within(None)))?.into_iter();
    exported.extend(issuers.map(|issuer| single(names::issuer(issuer.value, None))));
    Ok(exported)
}

fn single(entry: Entry) -> Exported {
    Exported { entry, parts: Vec::new() }
}

/// None when there is no such tenant any more.
fn of_tenant(store: &Store, tenant: &TenantId) -> Result<Option<Exported>, Fault> {
    let Some((holding, _)) = Holding::read(store, tenant)? else { return Ok(None) };
    let mut parts = Names { store, drawn: &Drawn::default() }.entries(&holding)?;
    parts.retain(|entry| !matches!(entry, Entry::Tenant(_)));
    parts.sort_by_cached_key(|entry| {
        let (_, place, name) = entry.title();
        (place, name)
    });
    parts.dedup();
    Ok(Some(Exported { entry: Entry::Tenant(names::tenant(&holding)), parts }))
}

fn without_options(exported: Exported) -> Exported {
    let entry = match exported.entry {
        Entry::Tenant(tenant) => Entry::Tenant(TenantEntry { options: None, ..tenant }),
        other => other,
    };
    Exported { entry, ..exported }
}
