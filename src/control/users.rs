//! Users: people, who belong to the instance. Made, shown, changed and deleted by super admins, of
//! whom there is always one left.

use super::admission::{Places, settle};
use super::charge::{another_super_admin, leads};
use super::departure::{caught_up, depart};
use super::members::memberships;
use super::names::of_user;
use super::person::Person;
use super::version::with_access;
use super::{Authority, Control, Fault, Name, Plan, Search, Seen, draw, find, names, sessions};
use crate::model::{Id, Principal, Secret, Timestamp, User, UserName};
use crate::snapshot::Snapshot;
use crate::store::{Change, Expect, Page, RecordId, Recorded, Store, Stored};

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    pub name: UserName,
    pub first_name: Option<Name>,
    pub last_name: Option<Name>,
    /// Without one nobody signs in by password.
    pub password: Option<Secret>,
    pub super_admin: bool,
    pub restricted: bool,
    pub disabled: bool,
    pub places: Places,
}

/// What shall become of a user. What is none stays as it is.
#[derive(Clone, Default)]
pub struct UserChange {
    pub name: Option<UserName>,
    /// Inner none: no name at all.
    pub first_name: Option<Option<Name>>,
    pub last_name: Option<Option<Name>>,
    /// Inner none: nobody signs in by password.
    pub password: Option<Option<Secret>>,
    pub super_admin: Option<bool>,
    pub restricted: Option<bool>,
    pub disabled: Option<bool>,
    pub places: Places,
}

impl Control {
    /// Makes a user.
    pub async fn create_user(
        &self,
        authority: &Authority,
        new: NewUser,
        now: Timestamp,
    ) -> Result<Stored<Person>, Fault> {
        authority.require_super_admin()?;
        let id = draw::id()?;
        let user = User {
            id,
            name: new.name.clone(),
            first_name: text(new.first_name),
            last_name: text(new.last_name),
            password_hash: self.hashed(new.name.as_str(), new.password).await?,
            super_admin: new.super_admin,
            disabled: new.disabled,
            restricted: new.restricted,
            created_at: now,
            updated_at: now,
        };
        let (places, published) = (new.places, self.published.clone());
        let made = self.write(authority, now, move |store| {
            let mut plan = made(store, user.clone())?;
            settle(store, &*caught_up(store, &published)?, Principal::User(id), &places, now, &mut plan)?;
            Ok(plan)
        });
        self.person(made.await?).await
    }

    pub async fn user(&self, authority: &Authority, id: Id) -> Result<Stored<Person>, Fault> {
        authority.require_super_admin()?;
        let user = self.read(move |store| find(store, &RecordId::User(id))).await?;
        self.person(user).await
    }

    pub async fn users(&self, authority: &Authority, search: Search) -> Result<Page<Person>, Fault> {
        authority.require_super_admin()?;
        let page = self.list::<User>(None, search).await?;
        self.people(page).await
    }

    pub async fn change_user(
        &self,
        authority: &Authority,
        id: Id,
        change: UserChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Person>, Fault> {
        authority.require_super_admin()?;
        self.changed_user(authority, id, change, seen, now).await
    }

    /// The same for whoever may: the caller has seen to that.
    pub(super) async fn changed_user(
        &self,
        authority: &Authority,
        id: Id,
        change: UserChange,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Stored<Person>, Fault> {
        let password_hash = match change.password.clone() {
            None => None,
            Some(password) => {
                let user = self.read(move |store| find::<User>(store, &RecordId::User(id))).await?.value;
                Some(self.hashed(change.name.as_ref().unwrap_or(&user.name).as_str(), password).await?)
            }
        };
        let renewed = matches!(change.password, Some(Some(_)));
        let own = authority.session().map(|signed_in| signed_in.session);
        let published = self.published.clone();
        let changed = self.write(authority, now, move |store| {
            let before = find::<User>(store, &RecordId::User(id))?;
            let live = caught_up(store, &published)?;
            check(store, &live, &before, &seen)?;
            let mut after = change.of(before.value.clone(), now);
            if let Some(hash) = password_hash.clone() {
                after.password_hash = hash;
            }
            let mut plan = change_of(store, &before, after, own)?;
            settle(store, &live, Principal::User(id), &change.places, now, &mut plan)?;
            Ok(plan)
        });
        let changed = changed.await?;
        if renewed {
            // Whatever was guessed before, this is not it.
            self.checker.unlock(changed.value.name.as_str());
        }
        self.person(changed).await
    }

    /// Deletes a user with all they have: access to tenants, bindings, tokens, sessions.
    pub async fn delete_user(
        &self,
        authority: &Authority,
        id: Id,
        seen: Seen,
        now: Timestamp,
    ) -> Result<(), Fault> {
        authority.require_super_admin()?;
        let published = self.published.clone();
        self.write(authority, now, move |store| {
            let user = find::<User>(store, &RecordId::User(id))?;
            check(store, &*caught_up(store, &published)?, &user, &seen)?;
            let name = of_user(&user.value.name);
            let mut plan = depart(store, &published, &user, Principal::User(id), name)?;
            if leads(store, &user.value)? {
                another_super_admin(store, id, &mut plan)?;
            }
            Ok(plan)
        })
        .await?;
        Ok(())
    }
}

impl UserChange {
    /// A user with all of this but the password.
    fn of(&self, user: User, now: Timestamp) -> User {
        User {
            name: self.name.clone().unwrap_or(user.name),
            first_name: self.first_name.clone().map_or(user.first_name, text),
            last_name: self.last_name.clone().map_or(user.last_name, text),
            super_admin: self.super_admin.unwrap_or(user.super_admin),
            restricted: self.restricted.unwrap_or(user.restricted),
            disabled: self.disabled.unwrap_or(user.disabled),
            updated_at: now,
            ..user
        }
    }
}

/// Whether a user is as somebody has seen them, as a [`Person`].
fn check(store: &Store, live: &Snapshot, user: &Stored<User>, seen: &Seen) -> Result<(), Fault> {
    if *seen == Seen::Any {
        return Ok(());
    }
    let access = memberships(store, live, Principal::User(user.value.id), usize::MAX)?;
    seen.check(&user.value.record_id(), with_access(user.version, &access))
}

/// A super admin of whom no more is known than how they sign in.
pub(super) fn super_admin(
    name: UserName,
    password_hash: Option<String>,
    now: Timestamp,
) -> Result<User, Fault> {
    Ok(User {
        id: draw::id()?,
        name,
        first_name: String::new(),
        last_name: String::new(),
        password_hash,
        super_admin: true,
        disabled: false,
        restricted: false,
        created_at: now,
        updated_at: now,
    })
}

/// The writing of a user whose id nobody has. Refuses a name that somebody has.
pub(super) fn made(store: &Store, user: User) -> Result<Plan<User>, Fault> {
    let mut plan = Plan {
        expect: vec![(user.record_id(), Expect::Absent)],
        changes: vec![Change::Put(user.clone().into())],
        value: user.clone(),
    };
    names::take(store, of_user(&user.name), None, user.id, "another user", &mut plan)?;
    Ok(plan)
}

/// Plans the change of a user, and what follows: the old name is free, sessions end with the
/// password and the access upon which they stand, and a super admin is left. `own` is the session
/// that asks, which stays.
fn change_of(
    store: &Store,
    before: &Stored<User>,
    after: User,
    own: Option<Id>,
) -> Result<Plan<User>, Fault> {
    let user = &before.value;
    let mut plan = Plan {
        expect: vec![(user.record_id(), Expect::Version(before.version))],
        changes: vec![Change::Put(after.clone().into())],
        value: after.clone(),
    };
    if after.name != user.name {
        let (name, old) = (of_user(&after.name), of_user(&user.name));
        names::take(store, name, Some(old), user.id, "another user", &mut plan)?;
    }
    if after.disabled && !user.disabled {
        sessions::end_all(store, user.id, None, &mut plan)?;
    } else if after.password_hash != user.password_hash {
        sessions::end_all(store, user.id, own, &mut plan)?;
    }
    if leads(store, user)? && !leads(store, &after)? {
        another_super_admin(store, user.id, &mut plan)?;
    }
    Ok(plan)
}

fn text(name: Option<Name>) -> String {
    name.map_or_else(String::new, String::from)
}
