//! The first super admin and the first tenant, made by whoever comes first to an instance that is
//! nobody's: one without any user and any service account of its own.

use super::{Authority, Control, Fault, Origin, Plan, TenantChange, tenants, users};
use crate::model::{Secret, TenantId, Timestamp, User, UserName};
use crate::store::{Cut, Kind, Order, Store, within};

/// Whom an instance shall belong to.
#[derive(Clone)]
pub struct FirstUser {
    pub name: UserName,
    pub password: Secret,
    /// A tenant to be made, with the user as its Admin.
    pub tenant: Option<TenantId>,
}

impl Control {
    /// Whether the instance is somebody's.
    pub async fn is_set_up(&self) -> Result<bool, Fault> {
        self.read(anybody).await
    }

    /// Makes the first super admin, and the tenant if one is named. None, and nothing done, when the
    /// instance is somebody's.
    pub async fn set_up(
        &self,
        first: FirstUser,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Option<User>, Fault> {
        if self.is_set_up().await? {
            return Ok(None);
        }
        let password_hash = self.hashed(first.name.as_str(), Some(first.password)).await?;
        let user = users::super_admin(first.name, password_hash, now)?;
        let authority = Authority::system().within(origin.address.to_string(), origin.request_id);
        let (tenant, services) = (first.tenant, self.services());
        let made = self.write(&authority, now, move |store| {
            if anybody(store)? {
                return Ok(Plan::new(None));
            }
            let Plan { mut expect, mut changes, value: user } = users::made(store, user.clone())?;
            if let Some(tenant) = &tenant {
                let mut plan = tenants::founded(store, tenant, TenantChange::default(), &services, now)?;
                tenants::appoint(store, user.id, now, &mut plan)?;
                expect.extend(plan.expect);
                changes.extend(plan.changes);
            }
            Ok(Plan { expect, changes, value: Some(user) })
        });
        Ok(made.await?.value)
    }
}

/// Whether there is anybody whose the instance is.
pub(super) fn anybody(store: &Store) -> Result<bool, Fault> {
    let instance = within(None);
    let any = |kind, within| {
        let cut = Cut { kind, within, order: Order::Ascending, skip: 0, take: 1, wanted: None };
        store.page(&cut).map(|page| page.total > 0)
    };
    Ok(any(Kind::User, None)? || any(Kind::ServiceAccount, Some(instance.as_str()))?)
}
