//! A caller who is known, and upon what that stands: a verdict that can be kept falls with any part
//! of its basis.

use std::sync::{Arc, Weak};

use crate::model::TenantId;
use crate::snapshot::{Account, Effective, Key, Snapshot, Tenant, Token};

/// A caller who is known: speaks for one tenant.
pub struct Identity {
    pub tenant: TenantId,
    /// What the caller may do in the tenant.
    pub effective: Effective,
    /// Upon what it stands.
    pub basis: Basis,
    /// The id of the key or token, for the log; empty for a password.
    pub credential: Box<str>,
    /// The first second (Unix) at which this no longer holds, as far as that is fixed.
    pub(super) fixed_deadline: u64,
}

/// Upon what an identity stands. Of the tenant, which can be large and has a new version after every
/// write that concerns it, no version is kept alive.
pub enum Basis {
    /// A trusted key vouches for the caller; the tenant's own roles may say what it may do.
    Key { key: Arc<Key>, tenant: Option<Weak<Tenant>> },
    /// An API token of an account.
    Token { token: Arc<Token>, account: Arc<Account>, tenant: Weak<Tenant> },
    /// A user's own password.
    Password { account: Arc<Account>, tenant: Weak<Tenant> },
}

impl Identity {
    /// The first second (Unix) at which this no longer holds.
    pub fn deadline(&self) -> u64 {
        match &self.basis {
            Basis::Token { token, .. } => token.deadline(),
            Basis::Key { .. } | Basis::Password { .. } => self.fixed_deadline,
        }
    }

    /// Whether all that this stands upon is the very same in `snapshot`.
    pub(super) fn holds(&self, snapshot: &Snapshot) -> bool {
        let id = self.tenant.as_str();
        let same_tenant = |tenant: &Weak<Tenant>| {
            // What is held weakly is freed, but its address is not given to another.
            snapshot.tenants.get(id).is_some_and(|now| Arc::as_ptr(now) == tenant.as_ptr())
        };
        let same_account =
            |account: &Arc<Account>| same(snapshot.accounts.get(&account.principal.id()), account);
        match &self.basis {
            Basis::Key { key, tenant } => {
                snapshot.keys.holds(key, id) && tenant.as_ref().is_none_or(same_tenant)
            }
            Basis::Token { token, account, tenant } => {
                same(snapshot.tokens.get(&token.id), token) && same_account(account) && same_tenant(tenant)
            }
            Basis::Password { account, tenant } => same_account(account) && same_tenant(tenant),
        }
    }

    /// Who calls: the name of a user or service account; empty where a key vouches for a stranger.
    pub fn name(&self) -> &str {
        self.account().map_or("", |account| &account.name)
    }

    pub fn account(&self) -> Option<&Arc<Account>> {
        match &self.basis {
            Basis::Key { .. } => None,
            Basis::Token { account, .. } | Basis::Password { account, .. } => Some(account),
        }
    }
}

fn same<T>(now: Option<&Arc<T>>, then: &Arc<T>) -> bool {
    now.is_some_and(|now| Arc::ptr_eq(now, then))
}
