//! API tokens: made, listed, revoked. Holds the rules that nobody makes a token which can do more
//! than they can themselves, and that a token limited to a tenant is of somebody with access there.

use super::{Authority, Control, Fault, Lack, Plan, Prose, draw, find};
use crate::model::{
    Act, ApiToken, Area, Id, MaxAge, Member, Power, Principal, Rights, Secret, ServiceAccount, Slug,
    TenantId, TicketKind, Timestamp, User,
};
use crate::store::{Change, Expect, RecordId, Recorded, Revision, Store, Stored};

/// Tokens that one user or service account can have.
const MOST: usize = 100;

/// Whose tokens are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOwner {
    /// The caller, who is a user. A restricted one may look and change nothing.
    Own,
    /// Any user; for super admins.
    User(Id),
    /// A service account: of a tenant, or of the instance, and then for super admins.
    Machine(Option<TenantId>, Id),
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    pub name: Slug,
    pub description: Prose,
    /// For ever when none.
    pub max_age: Option<MaxAge>,
    /// Whether each use moves the end on.
    pub extended: bool,
    /// All that the owner may when none.
    pub scopes: Option<Rights>,
    /// All of the owner's tenants when none.
    pub tenant: Option<TenantId>,
}

/// A token that was made.
pub struct MadeToken {
    pub id: Id,
    pub name: Slug,
    /// The token itself, to be shown once: it is nowhere else.
    pub text: Secret,
}

/// A token as its owner sees it.
pub struct ShownToken {
    pub token: ApiToken,
    /// To the second where this node has seen it, else to the minute.
    pub last_used: Option<Timestamp>,
}

impl Control {
    /// Makes a token; it is good when this returns.
    pub async fn create_token(
        &self,
        authority: &Authority,
        owner: TokenOwner,
        new: NewToken,
        now: Timestamp,
    ) -> Result<MadeToken, Fault> {
        let principal = self.owner(authority, &owner, Act::Create)?;
        self.require_no_wider(authority, &owner, &new)?;
        let id = draw::id()?;
        let (text, hash) = draw::ticket(TicketKind::ApiToken, id)?;
        let token = ApiToken {
            id,
            owner: principal,
            name: new.name,
            description: new.description.into(),
            hash,
            created_at: now,
            max_age: new.max_age.map(MaxAge::seconds),
            extended: new.extended,
            scopes: new.scopes,
            tenant: new.tenant,
        };
        let name = token.name.clone();
        self.write(authority, now, move |store| made(store, &owner, token.clone())).await?;
        Ok(MadeToken { id, name, text })
    }

    /// All tokens of an owner. Who comes with a token sees those that can do no more than it.
    pub async fn tokens(&self, authority: &Authority, owner: TokenOwner) -> Result<Vec<ShownToken>, Fault> {
        let principal = self.owner(authority, &owner, Act::Read)?;
        let mut tokens = self
            .read(move |store| {
                holder(store, &owner, principal)?;
                Ok(store.all::<ApiToken>(Some(&of(principal)))?)
            })
            .await?;
        tokens.retain(|token| within_bounds(authority, token.value.scopes, token.value.tenant.as_ref()));
        tokens.sort_by_key(|token| (token.value.created_at, token.value.id));
        let snapshot = self.snapshot();
        let last_used = |id| snapshot.tokens.get(&id).and_then(|token| token.last_used());
        Ok(tokens
            .into_iter()
            .map(|Stored { value: token, .. }| ShownToken { last_used: last_used(token.id), token })
            .collect())
    }

    /// Revokes a token: it is refused when this returns.
    pub async fn delete_token(
        &self,
        authority: &Authority,
        owner: TokenOwner,
        id: Id,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let principal = self.owner(authority, &owner, Act::Delete)?;
        let caller = authority.clone();
        self.write(authority, now, move |store| {
            let (holder, version) = holder(store, &owner, principal)?;
            let record = RecordId::Token(principal, id);
            let token = find::<ApiToken>(store, &record)?;
            if !within_bounds(&caller, token.value.scopes, token.value.tenant.as_ref()) {
                return Err(Fault::NotFound(record));
            }
            let mut plan = Plan::new(());
            plan.expect.push((holder, Expect::Version(version)));
            forget(&token, &mut plan);
            Ok(plan)
        })
        .await?;
        Ok(())
    }

    /// Whom an owner is, if the caller may do this with their tokens.
    fn owner(&self, authority: &Authority, owner: &TokenOwner, act: Act) -> Result<Principal, Fault> {
        match owner {
            TokenOwner::Own => own(authority, act),
            TokenOwner::User(id) => authority.require_super_admin().map(|()| Principal::User(*id)),
            TokenOwner::Machine(None, id) => {
                authority.require_super_admin().map(|()| Principal::ServiceAccount(*id))
            }
            TokenOwner::Machine(Some(tenant), id) => {
                authority.require(&self.snapshot(), tenant, Power::new(Area::ApiToken, act))?;
                Ok(Principal::ServiceAccount(*id))
            }
        }
    }

    /// Refuses a token that could do more than who makes it.
    fn require_no_wider(
        &self,
        authority: &Authority,
        owner: &TokenOwner,
        new: &NewToken,
    ) -> Result<(), Fault> {
        match owner {
            TokenOwner::Own if within_bounds(authority, new.scopes, new.tenant.as_ref()) => Ok(()),
            TokenOwner::Own => Err(Fault::Forbidden(Lack::Grant)),
            // For super admins, who may give anything.
            TokenOwner::User(_) | TokenOwner::Machine(None, _) => Ok(()),
            TokenOwner::Machine(Some(tenant), _) => {
                // Not what the machine may today, but what its token can ever be.
                let held = authority.require_access(&self.snapshot(), tenant)?;
                let most = new.scopes.unwrap_or(Rights::ALL);
                match authority.require_cover(&held, most, None::<[&str; 0]>) {
                    Err(_) if new.scopes.is_none() => Err(Fault::Forbidden(Lack::Scopes)),
                    covered => covered,
                }
            }
        }
    }
}

/// The caller, where they are a user whose token, if they come with one, may do this.
fn own(authority: &Authority, act: Act) -> Result<Principal, Fault> {
    let user = authority.account().filter(|account| {
        matches!(account.principal, Principal::User(_)) && (act == Act::Read || !account.restricted)
    });
    let power = Power::new(Area::ApiToken, act);
    match (user, authority.bounds()) {
        (None, _) => Err(Fault::Forbidden(Lack::Own)),
        (Some(_), (Some(scopes), _)) if !scopes.powers.allows(power) => {
            Err(Fault::Forbidden(Lack::Scope(power)))
        }
        (Some(account), _) => Ok(account.principal),
    }
}

/// Whether a token with these bounds can do no more than the one that the caller comes with.
fn within_bounds(authority: &Authority, scopes: Option<Rights>, tenant: Option<&TenantId>) -> bool {
    let (bound, only) = authority.bounds();
    let scoped = bound.is_none_or(|bound| scopes.is_some_and(|scopes| bound.cover(scopes)));
    scoped && only.is_none_or(|only| tenant == Some(only))
}

/// The record of an owner, and its version. Fails where there is none.
fn holder(store: &Store, owner: &TokenOwner, principal: Principal) -> Result<(RecordId, Revision), Fault> {
    let home = if let TokenOwner::Machine(home, _) = owner { home.clone() } else { None };
    match principal {
        Principal::User(id) => {
            let id = RecordId::User(id);
            let version = find::<User>(store, &id)?.version;
            Ok((id, version))
        }
        Principal::ServiceAccount(id) => {
            let id = RecordId::ServiceAccount(home, id);
            let version = find::<ServiceAccount>(store, &id)?.version;
            Ok((id, version))
        }
    }
}

fn made(store: &Store, owner: &TokenOwner, token: ApiToken) -> Result<Plan<()>, Fault> {
    let (holder, version) = holder(store, owner, token.owner)?;
    let mut expect = vec![(holder, Expect::Version(version)), (token.record_id(), Expect::Absent)];
    if let Some(tenant) = &token.tenant {
        let access = RecordId::Member(tenant.clone(), token.owner);
        let member = store.find::<Member>(&access)?;
        let member =
            member.ok_or_else(|| Fault::invalid("tenant", "the token's owner has no access to it"))?;
        expect.push((access, Expect::Version(member.version)));
    }
    let others = store.all::<ApiToken>(Some(&of(token.owner)))?;
    if others.iter().any(|other| other.value.name == token.name) {
        return Err(Fault::Conflict(format!("there is a token called \"{}\" already", token.name)));
    }
    if others.len() >= MOST {
        return Err(Fault::Conflict(format!(
            "nobody has more than {MOST} tokens: revoke one that is not used"
        )));
    }
    Ok(Plan { expect, changes: vec![Change::Put(token.into())], value: () })
}

/// What the keys of all tokens of an owner begin with.
fn of(owner: Principal) -> String {
    format!("{}/", owner.id())
}

/// Whether an owner has a token that does all that they may, for ever.
pub(super) fn lasting(store: &Store, owner: Principal) -> Result<bool, Fault> {
    Ok(!store.first(Some(&of(owner)), 1, is_lasting)?.is_empty())
}

fn is_lasting(token: &ApiToken) -> bool {
    token.max_age.is_none() && token.scopes.is_none() && token.tenant.is_none()
}

/// Plans the end of a token, and of what is known of its use.
pub(super) fn forget<T>(token: &Stored<ApiToken>, plan: &mut Plan<T>) {
    plan.delete(token.value.record_id(), token.version);
    plan.changes.push(Change::Delete(RecordId::TokenUse(token.value.id)));
}

/// Plans that an owner who goes leaves no token.
pub(super) fn forget_owner<T>(store: &Store, owner: Principal, plan: &mut Plan<T>) -> Result<(), Fault> {
    let tokens = store.all::<ApiToken>(Some(&of(owner)))?;
    for token in &tokens {
        forget(token, plan);
    }
    Ok(())
}
