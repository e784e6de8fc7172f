//! What users see and change of their own account. By what they sign in is not theirs to change: an
//! invitation goes to an address, and whoever has it takes it up.

use std::net::IpAddr;
use std::time::Instant;

use super::person::Person;
use super::{Authority, Control, Fault, Name, Seen, UserChange, Via, broken_rules, find};
use crate::auth::{LOCKED, RefusedSignIn, WRONG_PASSWORD};
use crate::model::{Invitation, Principal, Secret, Timestamp, User, UserName};
use crate::store::{RecordId, Store, Stored};

/// What shall become of one's own profile. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct OwnChange {
    /// Nothing but the address that it is.
    pub email: Option<UserName>,
    /// Inner none: no name at all.
    pub first_name: Option<Option<Name>>,
    pub last_name: Option<Option<Name>>,
}

/// One's own password, and what shall be it.
pub struct NewPassword {
    pub old: Secret,
    pub new: Secret,
}

impl Control {
    /// The user that asks; none when no user does.
    pub async fn own_user(&self, authority: &Authority) -> Result<Option<Stored<Person>>, Fault> {
        let Some(Principal::User(id)) = authority.principal() else { return Ok(None) };
        let user = self.read(move |store| find(store, &RecordId::User(id))).await?;
        self.person(user).await.map(Some)
    }

    pub async fn change_own_profile(
        &self,
        authority: &Authority,
        change: OwnChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Person>, Fault> {
        let account = authority.require_own()?;
        if change.email.is_some_and(|email| email.as_str() != account.name.as_ref()) {
            return Err(Fault::invalid("email", "is by what you sign in: ask a super admin to change it"));
        }
        let OwnChange { first_name, last_name, .. } = change;
        let change = UserChange { first_name, last_name, ..UserChange::default() };
        self.changed_user(authority, account.principal.id(), change, seen, now).await
    }

    /// Changes one's own password; all other sessions end. A wrong old one counts as a failure to
    /// sign in from `address`, and stands in the audit log as one.
    pub async fn change_own_password(
        &self,
        authority: &Authority,
        NewPassword { old, new }: NewPassword,
        address: IpAddr,
        (now, at): (Timestamp, Instant),
    ) -> Result<(), Fault> {
        let account = authority.require_own()?;
        let broken = broken_rules(&account.name, &new);
        if !broken.is_empty() {
            return Err(Fault::invalid("newPassword", broken.join("; ")));
        }
        let known = self.check_password(account, &old, address, at).await;
        known.map_err(|fault| {
            let (reason, fault) = match fault {
                Fault::Unauthenticated => {
                    (WRONG_PASSWORD, Fault::invalid("oldPassword", "is not your password"))
                }
                Fault::TooMany { .. } => (LOCKED, fault),
                other => return other,
            };
            let refused = RefusedSignIn {
                user: &account.name,
                via: Via::Password.as_str(),
                address: &address.to_string(),
                request_id: authority.request_id(),
                tenant: None,
                reason,
            };
            self.refused_sign_in(&refused, now);
            fault
        })?;
        let change = UserChange { password: Some(Some(new)), ..UserChange::default() };
        self.changed_user(authority, account.principal.id(), change, Seen::Any, now).await?;
        Ok(())
    }

    /// The invitations to the address by which the user that asks signs in; none when no user does.
    pub async fn own_invitations(&self, authority: &Authority) -> Result<Vec<Invitation>, Fault> {
        let Some(Principal::User(id)) = authority.principal() else { return Ok(Vec::new()) };
        self.read(move |store| {
            let user = find::<User>(store, &RecordId::User(id))?.value;
            invitations(store, &user.name)
        })
        .await
    }
}

fn invitations(store: &Store, email: &UserName) -> Result<Vec<Invitation>, Fault> {
    let theirs = |one: &Invitation| one.email == *email;
    Ok(store.first(None, usize::MAX, theirs)?.into_iter().map(|one| one.value).collect())
}
