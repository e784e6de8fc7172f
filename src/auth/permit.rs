//! Authority as a value. Nothing is sent to a back end without a [`Permit`], and [`permit`] is the
//! only place that makes one.

use std::rc::Rc;
use std::sync::Arc;

use super::Identity;
use crate::model::{Permission, TenantState};
use crate::snapshot::{Backend, Options, Service, Snapshot, Tenant};

/// The right to send one request to one service as one tenant.
///
/// It cannot be made up outside of this module:
/// ```compile_fail,E0451
/// # fn forge<'s>(real: tenantry::auth::Permit<'s>) -> tenantry::auth::Permit<'s> {
/// tenantry::auth::Permit { tenant: real.tenant(), ..real }
/// # }
/// ```
pub struct Permit<'s> {
    tenant: &'s Arc<Tenant>,
    service: &'s Arc<Service>,
    options: Option<&'s Options>,
    identity: Rc<Identity>,
}

/// Why a known caller may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The tenant that the caller speaks for does not exist.
    UnknownTenant,
    /// The tenant is suspended.
    Suspended,
    /// The caller lacks this permission.
    Lacks(Permission),
}

/// Decides whether a caller may do what `permission` says at `service`. The tenant is the caller's
/// own, whatever else the request says.
pub fn permit<'s>(
    snapshot: &'s Snapshot,
    identity: Rc<Identity>,
    service: &'s Arc<Service>,
    permission: Permission,
) -> Result<Permit<'s>, Denied> {
    let tenant = snapshot.tenants.get(identity.tenant.as_str()).ok_or(Denied::UnknownTenant)?;
    check(tenant, &identity, service, permission)?;
    Ok(Permit { tenant, service, options: tenant.options_at(&service.name), identity })
}

/// The decision alone, for those who want to know and send nothing.
pub fn check(
    tenant: &Tenant,
    identity: &Identity,
    service: &Service,
    permission: Permission,
) -> Result<(), Denied> {
    if !identity.effective.at(&service.name).allows(permission) {
        return Err(Denied::Lacks(permission));
    }
    match tenant.state {
        TenantState::Active => Ok(()),
        TenantState::Suspended => Err(Denied::Suspended),
    }
}

impl<'s> Permit<'s> {
    pub fn tenant(&self) -> &'s Arc<Tenant> {
        self.tenant
    }

    pub fn service(&self) -> &'s Arc<Service> {
        self.service
    }

    /// What differs for the tenant at the service.
    pub fn options(&self) -> Option<&'s Options> {
        self.options
    }

    /// Where the request may go: the tenant's own back ends, or the service's. At least one.
    pub fn backends(&self) -> &'s [Backend] {
        self.service.backends_with(self.options)
    }

    pub fn identity(&self) -> &Rc<Identity> {
        &self.identity
    }
}
