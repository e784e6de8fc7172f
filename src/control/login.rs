//! Who uses the admin port: users by their passwords, and the bearers of tokens. No answer tells which
//! names exist.

use std::net::IpAddr;
use std::time::Instant;

use super::{Authority, Control, Fault, Via, chain};
use crate::auth::{Attempt, Expected, Refused, bearer, sign_in, unchanged, verify};
use crate::model::{AuditEntry, Deed, Id, Principal, Secret, Ticket, TicketKind, Timestamp, TokenUse};
use crate::snapshot::Account;
use crate::store::RecordId;

impl Control {
    /// Authenticates a user who calls from `address`. Right credentials cost one Argon2 check, then a
    /// hash as long as they are remembered. Wrong ones cost the check whether or not there is such a
    /// user, and soon [`Fault::TooMany`].
    pub async fn authenticate(
        &self,
        user: &str,
        password: Secret,
        address: IpAddr,
        now: Instant,
    ) -> Result<Authority, Fault> {
        let snapshot = self.published.load();
        let account = sign_in(&self.checker, &snapshot, user, &password, address, now).await;
        let account = account.map_err(|why| turned_away(why, address))?;
        // What has been taken away while the password waited for its turn is gone.
        let account = unchanged(&self.published.load(), &account).cloned().ok_or(Fault::Unauthenticated)?;
        Ok(Authority::user(account, Via::Password))
    }

    /// Checks the password of somebody who is known, at the same cost and with the same consequences
    /// as when they sign in by it: a wrong one is [`Fault::Unauthenticated`].
    pub async fn check_password(
        &self,
        account: &Account,
        password: &Secret,
        address: IpAddr,
        now: Instant,
    ) -> Result<(), Fault> {
        let (user, expected) = (&*account.name, Expected::of(account));
        let checked = self.checker.check(Attempt { user, password, expected, address, now }).await;
        checked.map_err(|why| turned_away(why, address))
    }

    /// Lets everybody try a user's password again, at this node. Addresses that have been locked for
    /// their own failures stay so. The audit log has it first.
    pub async fn unlock_user(&self, authority: &Authority, id: Id, now: Timestamp) -> Result<(), Fault> {
        authority.require_super_admin()?;
        let snapshot = self.published.load();
        let account = snapshot.accounts.get(&id);
        let user = account.filter(|account| matches!(account.principal, Principal::User(_)));
        let record = RecordId::User(id);
        let user = user.ok_or_else(|| Fault::NotFound(record.clone()))?;
        let detail = "unlocked".to_owned();
        let entry = AuditEntry { detail, ..chain::entry(authority, Deed::Update, &record, now) };
        self.tell(vec![entry]).await?;
        self.checker.unlock(&user.name);
        Ok(())
    }

    /// Recognises the bearer of a token: an API token, or one of the data plane's, as the data plane
    /// would. The tenant for which it speaks has to exist.
    pub fn identify(&self, text: &str, now: Timestamp) -> Result<Authority, Fault> {
        let snapshot = self.published.load();
        if Ticket::claimed(TicketKind::ApiToken, text) {
            let bearer = bearer(&snapshot, text, now).map_err(|_| Fault::Unauthenticated)?;
            if bearer.token.note(now) {
                self.usage.note(TokenUse { token: bearer.token.id, at: now });
            }
            return Ok(Authority::bearer(bearer));
        }
        let identity = verify(&snapshot, text, None, now).map_err(|_| Fault::Unauthenticated)?;
        match snapshot.tenants.get(identity.tenant.as_str()) {
            Some(_) => Ok(Authority::vouched(&identity, text)),
            None => Err(Fault::Unauthenticated),
        }
    }
}

/// What becomes of every refused password: a line in the log, and what the caller is told. The log
/// does not have the name: people type their passwords there.
fn turned_away(why: Refused, address: IpAddr) -> Fault {
    tracing::warn!(%address, %why, "sign-in refused");
    match why {
        Refused::Wrong => Fault::Unauthenticated,
        Refused::Locked { retry_after } => Fault::TooMany { retry_after },
        Refused::Busy => Fault::Busy,
        Refused::Broken => Fault::Broken,
    }
}
