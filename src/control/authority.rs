//! Who asks for a use case, and what they may: the right to manage records, as a value. Knows what
//! a caller's rights are, not how a caller was recognised.

use std::sync::Arc;

use super::{Fault, Lack, SignedIn};
use crate::auth::{Bearer, Identity};
use crate::model::{Actor, Id, Membership, Power, Powers, Principal, Rights, TenantId, Timestamp, User};
use crate::snapshot::{Account, Effective, Snapshot};

/// A caller of the use cases. Only authentication makes one, and the program itself.
///
/// ```compile_fail,E0451
/// # fn forge(real: tenantry::control::Authority) -> tenantry::control::Authority {
/// tenantry::control::Authority { super_admin: true, ..real }
/// # }
/// ```
#[derive(Clone)]
pub struct Authority {
    actor: Actor,
    request_id: String,
    super_admin: bool,
    /// The session by which the caller was recognised.
    session: Option<Arc<SignedIn>>,
    speaker: Speaker,
}

/// Whose rights they are.
#[derive(Clone)]
enum Speaker {
    /// The program's own.
    System,
    /// Those of a user or service account.
    Account { account: Arc<Account>, scopes: Option<Rights>, only: Option<TenantId> },
    /// Those of a token by which a trusted key vouches for a stranger.
    Key(Vouched),
}

/// What a token says for which a trusted key vouches.
#[derive(Clone)]
pub struct Vouched {
    pub key: String,
    pub tenant: TenantId,
    pub effective: Effective,
    /// None when it never ends.
    pub expires: Option<Timestamp>,
}

/// By what a caller was recognised, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Password,
    ApiToken,
    Session,
    Jwt,
    /// The link of an invitation, which has made the user.
    Invitation,
}

impl Via {
    /// As in [`Actor::via`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Via::Password => "password",
            Via::ApiToken => "api_token",
            Via::Session => "session",
            Via::Jwt => "jwt",
            Via::Invitation => "invitation",
        }
    }
}

impl Authority {
    /// The program itself: for what no caller asked for.
    pub(super) fn system() -> Self {
        let actor = Actor { kind: "system".to_owned(), name: "tenantry".to_owned(), ..Actor::default() };
        Authority {
            actor,
            request_id: String::new(),
            super_admin: true,
            session: None,
            speaker: Speaker::System,
        }
    }

    /// A user who has shown a session's ticket.
    pub(super) fn signed_in(account: Arc<Account>, session: SignedIn) -> Self {
        Authority { session: Some(Arc::new(session)), ..Authority::user(account, Via::Session) }
    }

    /// A user who is being made of an invitation. May do nothing else.
    pub(super) fn invited(user: &User) -> Self {
        let actor = Actor {
            kind: "user".to_owned(),
            id: user.id.to_string(),
            name: user.name.to_string(),
            via: Via::Invitation.as_str().to_owned(),
            address: String::new(),
        };
        Authority { actor, super_admin: false, ..Authority::system() }
    }

    /// A user who has shown a password or a session.
    pub(super) fn user(account: Arc<Account>, via: Via) -> Self {
        Authority {
            actor: actor(&account, via),
            request_id: String::new(),
            super_admin: account.super_admin,
            session: None,
            speaker: Speaker::Account { account, scopes: None, only: None },
        }
    }

    /// The owner of an API token, within the token's bounds. Only a token without bounds makes a
    /// super admin.
    pub(super) fn bearer(bearer: Bearer) -> Self {
        let Bearer { token, account } = bearer;
        Authority {
            actor: actor(&account, Via::ApiToken),
            request_id: String::new(),
            super_admin: account.super_admin && token.scopes.is_none() && token.tenant.is_none(),
            session: None,
            speaker: Speaker::Account { account, scopes: token.scopes, only: token.tenant.clone() },
        }
    }

    /// Whom a trusted key vouches for, in the tenant for which it speaks.
    pub(super) fn vouched(identity: &Identity) -> Self {
        let actor = Actor {
            kind: "key".to_owned(),
            id: identity.credential.to_string(),
            name: identity.tenant.to_string(),
            via: Via::Jwt.as_str().to_owned(),
            address: String::new(),
        };
        let vouched = Vouched {
            key: identity.credential.to_string(),
            tenant: identity.tenant.clone(),
            effective: identity.effective.clone(),
            expires: Some(identity.deadline()).filter(|end| *end != u64::MAX).map(Timestamp::from_seconds),
        };
        let speaker = Speaker::Key(vouched);
        Authority { actor, request_id: String::new(), super_admin: false, session: None, speaker }
    }

    /// The same, from an address and within a request, as the audit log shall have it.
    #[must_use]
    pub fn within(mut self, address: String, request_id: String) -> Self {
        self.actor.address = address;
        self.request_id = request_id;
        self
    }

    pub(super) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The name of the account, or of the tenant for which a key's token speaks.
    pub fn who(&self) -> &str {
        &self.actor.name
    }

    pub fn account(&self) -> Option<&Arc<Account>> {
        match &self.speaker {
            Speaker::Account { account, .. } => Some(account),
            Speaker::System | Speaker::Key(_) => None,
        }
    }

    pub fn principal(&self) -> Option<Principal> {
        self.account().map(|account| account.principal)
    }

    /// What the caller's API token leaves of its owner's rights: the scopes, and the one tenant.
    pub(super) fn bounds(&self) -> (Option<Rights>, Option<&TenantId>) {
        match &self.speaker {
            Speaker::Account { scopes, only, .. } => (*scopes, only.as_ref()),
            Speaker::System | Speaker::Key(_) => (None, None),
        }
    }

    /// What a token of a trusted key says.
    pub fn vouched_for(&self) -> Option<&Vouched> {
        match &self.speaker {
            Speaker::Key(vouched) => Some(vouched),
            Speaker::System | Speaker::Account { .. } => None,
        }
    }

    /// The session by which the caller was recognised; none when it was by something else.
    pub fn session(&self) -> Option<&SignedIn> {
        self.session.as_deref()
    }

    /// The user who asks for a change of their own account. Refuses restricted users, and tokens
    /// that do not have all of their owner's rights.
    pub fn require_own(&self) -> Result<&Arc<Account>, Fault> {
        match &self.speaker {
            Speaker::Account { account, scopes: None, only: None }
                if matches!(account.principal, Principal::User(_)) && !account.restricted =>
            {
                Ok(account)
            }
            Speaker::Account { .. } | Speaker::System | Speaker::Key(_) => Err(Fault::Forbidden(Lack::Own)),
        }
    }

    /// Whether the caller manages tenants and identities everywhere.
    pub fn is_super_admin(&self) -> bool {
        self.super_admin
    }

    pub fn require_super_admin(&self) -> Result<(), Fault> {
        if self.super_admin { Ok(()) } else { Err(Fault::Forbidden(Lack::SuperAdmin)) }
    }

    /// What the caller may do in a tenant; none when they have no access to it, or there is none. A
    /// super admin has all powers everywhere, and no data by that.
    pub fn rights(&self, snapshot: &Snapshot, tenant: &TenantId) -> Option<Effective> {
        let found = snapshot.tenants.get(tenant.as_str())?;
        let held = match &self.speaker {
            Speaker::System => None,
            Speaker::Account { only: Some(only), .. } if only != tenant => None,
            Speaker::Account { account, scopes, .. } => {
                let held = found.access.rights(account.principal.id());
                let held = match account.super_admin {
                    true => Some(with_all_powers(held.unwrap_or_default())),
                    false => held,
                };
                held.map(|held| scopes.map_or(held.clone(), |scopes| held.narrowed(scopes)))
            }
            Speaker::Key(vouched) => (vouched.tenant == *tenant).then(|| vouched.effective.clone()),
        };
        if self.super_admin { Some(with_all_powers(held.unwrap_or_default())) } else { held }
    }

    /// The tenants to which the caller has access, in order; none when to all.
    pub fn reach(&self, snapshot: &Snapshot) -> Option<Vec<TenantId>> {
        let tenants = match &self.speaker {
            Speaker::System => return None,
            Speaker::Account { account, only: None, .. } if account.super_admin => return None,
            Speaker::Account { account, only: None, .. } => {
                snapshot.member_of.get(&account.principal.id()).map(|tenants| tenants.to_vec())
            }
            Speaker::Account { only: Some(only), .. } => Some(vec![only.clone()]),
            Speaker::Key(vouched) => Some(vec![vouched.tenant.clone()]),
        };
        let mut tenants = tenants.unwrap_or_default();
        tenants.retain(|tenant| self.rights(snapshot, tenant).is_some());
        Some(tenants)
    }

    /// Refuses who has access to no tenant.
    pub fn require_reach(&self, snapshot: &Snapshot) -> Result<(), Fault> {
        match self.reach(snapshot) {
            Some(none) if none.is_empty() => Err(Fault::Forbidden(Lack::SuperAdmin)),
            _ => Ok(()),
        }
    }

    /// What the caller may do in a tenant. To whom has no access there, the tenant does not exist.
    pub fn require_access(&self, snapshot: &Snapshot, tenant: &TenantId) -> Result<Effective, Fault> {
        self.rights(snapshot, tenant).ok_or_else(|| Fault::no_tenant(tenant))
    }

    /// Refuses who lacks a power in a tenant; else as [`Authority::require_access`].
    pub fn require(&self, snapshot: &Snapshot, tenant: &TenantId, power: Power) -> Result<Effective, Fault> {
        let held = self.require_access(snapshot, tenant)?;
        match held.powers().allows(power) {
            true => Ok(held),
            false => Err(Fault::Forbidden(Lack::Power(power, tenant.clone()))),
        }
    }

    /// Refuses to give away what the caller does not have. A super admin may give anything.
    pub fn require_cover<'a>(
        &self,
        held: &Effective,
        rights: Rights,
        services: Option<impl IntoIterator<Item = &'a str>>,
    ) -> Result<(), Fault> {
        match self.super_admin || held.cover(rights, services) {
            true => Ok(()),
            false => Err(Fault::Forbidden(Lack::Grant)),
        }
    }

    /// As [`Authority::require_cover`], for all that somebody else has.
    pub fn require_cover_all(&self, held: &Effective, given: &Effective) -> Result<(), Fault> {
        self.require_cover(held, given.everywhere, None::<[&str; 0]>)?;
        let mut at = given.at.iter();
        at.try_for_each(|(service, data)| {
            self.require_cover(held, Rights::on_data(*data), Some([service.as_ref()]))
        })
    }

    /// Whether the caller owns a group, and the credential is not kept from using `power`, which an
    /// owner has over the own group.
    pub fn owns(&self, snapshot: &Snapshot, tenant: &TenantId, group: Id, power: Power) -> bool {
        let Speaker::Account { account, scopes, only } = &self.speaker else { return false };
        let admitted = only.as_ref().is_none_or(|only| only == tenant)
            && scopes.is_none_or(|scopes| scopes.powers.allows(power));
        let found = snapshot.tenants.get(tenant.as_str());
        let groups = found.and_then(|tenant| tenant.access.groups(account.principal.id()));
        admitted && groups.into_iter().flatten().any(|(id, is)| *id == group && *is == Membership::Owner)
    }
}

fn with_all_powers(held: Effective) -> Effective {
    let all = Rights { powers: Powers::ALL, ..Rights::NONE };
    Effective { everywhere: held.everywhere.union(all), ..held }
}

fn actor(account: &Account, via: Via) -> Actor {
    let kind = match account.principal {
        Principal::User(_) => "user",
        Principal::ServiceAccount(_) => "service_account",
    };
    Actor {
        kind: kind.to_owned(),
        id: account.principal.id().to_string(),
        name: account.name.to_string(),
        via: via.as_str().to_owned(),
        address: String::new(),
    }
}
