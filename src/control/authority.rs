//! Who asks for a use case, and what they may: the right to manage records, as a value. Knows what
//! a caller's rights are, not how a caller was recognised.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Fault, Lack, SignedIn};
use crate::auth::{Bearer, Identity, verify};
use crate::model::{
    Actor, Id, Membership, Power, Powers, Principal, Rights, Secret, Session, TenantId, Timestamp, User,
};
use crate::snapshot::{Account, Effective, Snapshot, Token};
use crate::store::{RecordId, Store};

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
    /// Those of a user or service account, within the bounds of the token by which they come.
    Account { account: Arc<Account>, token: Option<Arc<Token>> },
    /// Those of a token by which a trusted key vouches for a stranger, and the token.
    Key(Vouched, Secret),
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
            speaker: Speaker::Account { account, token: None },
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
            speaker: Speaker::Account { account, token: Some(token) },
        }
    }

    /// Whom a trusted key vouches for, in the tenant for which it speaks.
    pub(super) fn vouched(identity: &Identity, text: &str) -> Self {
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
        let speaker = Speaker::Key(vouched, Secret::new(text.to_owned()));
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

    /// The caller as they are in `live`, for whoever has the turn to write: much may have happened
    /// since they were recognised. Refuses whose credential has ended.
    pub(super) fn renewed(&self, store: &Store, live: &Snapshot, now: Timestamp) -> Result<Self, Fault> {
        if let Some(session) = self.session() {
            let found = store.find::<Session>(&RecordId::Session(session.session))?;
            found.filter(|found| found.value.expires_at > now).ok_or(Fault::Unauthenticated)?;
        }
        let (speaker, super_admin) = match &self.speaker {
            Speaker::System => (Speaker::System, self.super_admin),
            Speaker::Account { account: old, token } => {
                let account = live.accounts.get(&old.principal.id()).filter(|account| !account.disabled);
                let account = account.ok_or(Fault::Unauthenticated)?.clone();
                let token = token.as_ref().map(|token| {
                    let token = live.tokens.get(&token.id).filter(|token| now.seconds() < token.deadline());
                    token.cloned().ok_or(Fault::Unauthenticated)
                });
                let token = token.transpose()?;
                if token.is_none() && account.password_hash != old.password_hash {
                    return Err(Fault::Unauthenticated);
                }
                let super_admin = self.super_admin && account.super_admin;
                (Speaker::Account { account, token }, super_admin)
            }
            Speaker::Key(_, text) => {
                let identity = verify(live, text.reveal(), None, now).map_err(|_| Fault::Unauthenticated)?;
                (Authority::vouched(&identity, text.reveal()).speaker, false)
            }
        };
        Ok(Authority { super_admin, speaker, ..self.clone() })
    }

    /// Whether the caller may in `live` all that `old`, the same caller, might in `then`, in a tenant.
    pub(super) fn still_may(&self, live: &Snapshot, old: &Self, then: &Snapshot, tenant: &TenantId) -> bool {
        let Some(before) = old.rights(then, tenant) else { return true };
        let rights = self.rights(live, tenant);
        let owned = |caller: &Self, snapshot: &Snapshot| {
            let found = snapshot.tenants.get(tenant.as_str());
            let groups = found
                .zip(caller.account())
                .and_then(|(tenant, account)| tenant.access.groups(account.principal.id()));
            groups
                .into_iter()
                .flatten()
                .filter(|(_, is)| *is == Membership::Owner)
                .map(|(id, _)| *id)
                .collect::<BTreeSet<Id>>()
        };
        rights.is_some_and(|rights| self.require_cover_all(&rights, &before).is_ok())
            && owned(self, live).is_superset(&owned(old, then))
    }

    /// The name of the account, or of the tenant for which a key's token speaks.
    pub fn who(&self) -> &str {
        &self.actor.name
    }

    pub fn account(&self) -> Option<&Arc<Account>> {
        match &self.speaker {
            Speaker::Account { account, .. } => Some(account),
            Speaker::System | Speaker::Key(..) => None,
        }
    }

    pub fn principal(&self) -> Option<Principal> {
        self.account().map(|account| account.principal)
    }

    /// What the caller's API token leaves of its owner's rights: the scopes, and the one tenant.
    pub(super) fn bounds(&self) -> (Option<Rights>, Option<&TenantId>) {
        match &self.speaker {
            Speaker::Account { token: Some(token), .. } => (token.scopes, token.tenant.as_ref()),
            Speaker::Account { .. } | Speaker::System | Speaker::Key(..) => (None, None),
        }
    }

    /// What a token of a trusted key says.
    pub fn vouched_for(&self) -> Option<&Vouched> {
        match &self.speaker {
            Speaker::Key(vouched, _) => Some(vouched),
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
        let own = self.account().filter(|account| {
            matches!(account.principal, Principal::User(_))
                && !account.restricted
                && self.bounds() == (None, None)
        });
        own.ok_or(Fault::Forbidden(Lack::Own))
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
        let (scopes, only) = self.bounds();
        let held = match &self.speaker {
            Speaker::System => None,
            Speaker::Account { .. } if only.is_some_and(|only| only != tenant) => None,
            Speaker::Account { account, .. } => {
                let held = found.access.rights(account.principal.id());
                let held = match account.super_admin {
                    true => Some(with_all_powers(held.unwrap_or_default())),
                    false => held,
                };
                held.map(|held| scopes.map_or(held.clone(), |scopes| held.narrowed(scopes)))
            }
            Speaker::Key(vouched, _) => (vouched.tenant == *tenant).then(|| vouched.effective.clone()),
        };
        if self.super_admin { Some(with_all_powers(held.unwrap_or_default())) } else { held }
    }

    /// The tenants to which the caller has access, in order; none when to all.
    pub fn reach(&self, snapshot: &Snapshot) -> Option<Vec<TenantId>> {
        let only = self.bounds().1;
        let tenants = match &self.speaker {
            Speaker::System => return None,
            Speaker::Account { account, .. } => match only {
                Some(only) => Some(vec![only.clone()]),
                None if account.super_admin => return None,
                None => snapshot.member_of.get(&account.principal.id()).map(|tenants| tenants.to_vec()),
            },
            Speaker::Key(vouched, _) => Some(vec![vouched.tenant.clone()]),
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
        let Some(account) = self.account() else { return false };
        let (scopes, only) = self.bounds();
        let admitted =
            only.is_none_or(|only| only == tenant) && scopes.is_none_or(|scopes| scopes.powers.allows(power));
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
