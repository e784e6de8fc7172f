//! Users and service accounts as a tenant sees them: by name, and whether they may belong to it.

use super::{Fault, display_name};
use crate::model::{Id, Principal, ServiceAccount, TenantId, User};
use crate::store::{RecordId, Store, Stored};

/// Somebody who can have access to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub principal: Principal,
    /// A user's name, or a service account's.
    pub name: String,
    /// First and last name of a user; the name where there are none.
    pub display: String,
    pub super_admin: bool,
    /// The tenant that owns a service account.
    home: Option<TenantId>,
}

impl Profile {
    fn user(user: User) -> Self {
        Profile {
            principal: Principal::User(user.id),
            display: display_name(&user),
            name: user.name.into(),
            super_admin: user.super_admin,
            home: None,
        }
    }

    fn machine(account: ServiceAccount) -> Self {
        Profile {
            principal: Principal::ServiceAccount(account.id),
            name: account.name.as_str().to_owned(),
            display: account.name.into(),
            super_admin: account.super_admin,
            home: account.tenant,
        }
    }

    /// The record that it was read from.
    pub(super) fn record(&self) -> RecordId {
        match self.principal {
            Principal::User(id) => RecordId::User(id),
            Principal::ServiceAccount(id) => RecordId::ServiceAccount(self.home.clone(), id),
        }
    }
}

/// The user or service account of an id. The service accounts of other tenants do not exist.
pub(super) fn find(store: &Store, tenant: &TenantId, id: Id) -> Result<Stored<Profile>, Fault> {
    if let Some(Stored { version, value }) = store.find::<User>(&RecordId::User(id))? {
        return Ok(Stored { version, value: Profile::user(value) });
    }
    machine(store, tenant, id)?.ok_or(Fault::NotFound(RecordId::User(id)))
}

/// The service account of an id, of the tenant or of the instance.
pub(super) fn machine(store: &Store, tenant: &TenantId, id: Id) -> Result<Option<Stored<Profile>>, Fault> {
    for owner in [Some(tenant.clone()), None] {
        if let Some(Stored { version, value }) = store.find(&RecordId::ServiceAccount(owner, id))? {
            return Ok(Some(Stored { version, value: Profile::machine(value) }));
        }
    }
    Ok(None)
}
