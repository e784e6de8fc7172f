//! Callers with an account: what an API token or a password makes of a user or service account in a
//! tenant.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::checker::{Attempt, Checker, Expected, Refused};
use super::identity::{Basis, Identity};
use super::token::Failure;
use crate::model::{Secret, Ticket, TicketKind, Timestamp};
use crate::snapshot::{Account, Effective, Snapshot, Tenant, Token};

/// An API token that proves itself, and its owner.
pub struct Bearer {
    pub token: Arc<Token>,
    pub account: Arc<Account>,
}

/// Checks an API token by itself: known, its secret right, in time, its owner not disabled.
pub fn bearer(snapshot: &Snapshot, text: &str, now: Timestamp) -> Result<Bearer, Failure> {
    let ticket = Ticket::parse(TicketKind::ApiToken, text).ok_or(Failure::Malformed)?;
    let token = snapshot.tokens.get(&ticket.id).filter(|token| ticket.proves(&token.hash));
    let token = token.ok_or(Failure::UnknownToken)?;
    if now.seconds() >= token.deadline() {
        return Err(Failure::Expired);
    }
    let account = snapshot.accounts.get(&token.owner).ok_or(Failure::UnknownToken)?;
    if account.disabled {
        return Err(Failure::Disabled);
    }
    Ok(Bearer { token: token.clone(), account: account.clone() })
}

impl Bearer {
    /// The identity in a tenant; to whom has no access there, the tenant is another's.
    pub(super) fn identity(self, snapshot: &Snapshot, tenant: &str) -> Result<Identity, Failure> {
        let Bearer { token, account } = self;
        let (tenant, mut effective) = access(snapshot, &account, tenant)?;
        if token.tenant.as_ref().is_some_and(|only| *only != tenant.id) {
            return Err(Failure::OtherTenant);
        }
        if let Some(scopes) = token.scopes {
            effective = effective.narrowed(scopes);
        }
        Ok(Identity {
            tenant: tenant.id.clone(),
            effective,
            credential: token.id.to_string().into(),
            basis: Basis::Token { token, account, tenant: Arc::downgrade(tenant) },
            fixed_deadline: u64::MAX,
        })
    }
}

impl<'a> Expected<'a> {
    /// What an account's password is checked against; none when no password lets it in.
    pub fn of(account: &'a Account) -> Option<Self> {
        let hash = account.password_hash.as_deref().filter(|_| !account.disabled)?;
        Some(Expected { hash, version: account.version })
    }
}

/// Finds the user of a name and has their password checked. It costs the same, and is
/// [`Refused::Wrong`] alike, when there is no such user or they are disabled.
pub async fn sign_in(
    checker: &Checker,
    snapshot: &Snapshot,
    user: &str,
    password: &Secret,
    address: IpAddr,
    now: Instant,
) -> Result<Arc<Account>, Refused> {
    // As user names are: what is one user has one count of failures.
    let user = &*user.to_lowercase();
    let account = snapshot.users.get(user);
    let expected = account.and_then(|account| Expected::of(account));
    checker.check(Attempt { user, password, expected, address, now }).await?;
    account.cloned().ok_or(Refused::Wrong)
}

/// An account as it is now, if nothing about it has changed: while its password waited to be checked,
/// that may have ceased to count, and so may the account.
pub fn unchanged<'s>(snapshot: &'s Snapshot, account: &Account) -> Option<&'s Arc<Account>> {
    let now = snapshot.accounts.get(&account.principal.id());
    now.filter(|now| now.version == account.version)
}

/// The identity of a user whose password was right.
pub(super) fn by_password(snapshot: &Snapshot, account: &Account, tenant: &str) -> Result<Identity, Failure> {
    let account = unchanged(snapshot, account).ok_or(Failure::Password)?.clone();
    if account.disabled {
        return Err(Failure::Disabled);
    }
    let (tenant, effective) = access(snapshot, &account, tenant)?;
    Ok(Identity {
        tenant: tenant.id.clone(),
        effective,
        credential: Box::default(),
        basis: Basis::Password { account, tenant: Arc::downgrade(tenant) },
        fixed_deadline: u64::MAX,
    })
}

/// A tenant, and what an account may do there.
fn access<'s>(
    snapshot: &'s Snapshot,
    account: &Account,
    tenant: &str,
) -> Result<(&'s Arc<Tenant>, Effective), Failure> {
    let tenant = snapshot.tenants.get(tenant).ok_or(Failure::OtherTenant)?;
    let effective = tenant.access.rights(account.principal.id()).ok_or(Failure::OtherTenant)?;
    Ok((tenant, effective))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod late {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::{by_password, unchanged};
    use crate::model::{Id, Member, OrgId, Principal, Tenant, TenantId, Timestamp, User, UserName};
    use crate::snapshot::{Routes, Snapshot};

    fn id(number: u8) -> Id {
        Id::from_random([number; 16])
    }

    #[test]
    fn a_checked_password_counts_for_the_account_as_it_is_by_then_and_holds_no_old_tenant() {
        let (tenant, at) = (TenantId::parse("a").expect("an id"), Timestamp::from_seconds(1));
        let user = User {
            id: id(1),
            name: UserName::parse("ann").expect("a name"),
            first_name: String::new(),
            last_name: String::new(),
            password_hash: None,
            super_admin: false,
            disabled: false,
            restricted: false,
            created_at: at,
            updated_at: at,
        };
        let member = |nth| Member {
            tenant: tenant.clone(),
            principal: Principal::User(id(nth)),
            groups: BTreeMap::new(),
            created_at: at,
        };
        let mut before = Snapshot::empty(Routes::new(&[]).into());
        before.put(Tenant::new(tenant.clone(), OrgId::nth(&tenant, 1), at).into(), 1);
        before.put(user.clone().into(), 1);
        before.put(member(1).into(), 1);
        let account = before.accounts.get(&id(1)).expect("the user").clone();
        let identity = by_password(&before, &account, "a").expect("access");
        assert!(identity.holds(&before));
        let version = Arc::downgrade(before.tenants.get("a").expect("the tenant"));
        let address = before.tenants.get("a").map(|tenant| tenant.id.as_str().as_ptr());

        let mut later = before.clone();
        later.put(member(2).into(), 2);
        drop(before);
        assert!(version.upgrade().is_none(), "nobody reads the old version any more");
        assert!(!identity.holds(&later));
        let renamed =
            Tenant { name: "A".to_owned(), ..Tenant::new(tenant.clone(), OrgId::nth(&tenant, 1), at) };
        later.put(renamed.into(), 3);
        assert_eq!(later.tenants.get("a").map(|tenant| tenant.id.as_str().as_ptr()), address);

        assert!(by_password(&later, &account, "a").is_ok());
        let mut stripped = later.clone();
        stripped.put(User { super_admin: true, ..user }.into(), 4);
        assert!(by_password(&stripped, &account, "a").is_err(), "it has changed meanwhile");
        assert!(unchanged(&stripped, &account).is_none());
    }
}
