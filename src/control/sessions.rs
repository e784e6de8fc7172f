//! Sessions: somebody has signed in by password and shows a ticket from then on. A session ends by
//! its time, by signing out, and with what it stands upon: the user and their password.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::departure::delete;
use super::{Authority, Control, Fault, Plan, draw, find};
use crate::model::{Id, Secret, Session, Ticket, TicketKind, Timestamp, User, UserName};
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored};

/// Sessions that one commit of [`Control::sweep_sessions`] deletes.
const SWEPT_AT_ONCE: usize = 500;

/// Sessions that one user has at most. Of more, those that began first end: whoever is right about a
/// password could otherwise fill the store with them.
const MOST: usize = 64;

/// A session by which a caller was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub session: Id,
    /// What a page can know only if it may read our answers: writes by cookie have to show it. 43
    /// characters of base64url.
    pub csrf: String,
    pub expires_at: Timestamp,
}

/// A session that has just begun.
pub struct Entry {
    /// Shown once.
    pub ticket: Secret,
    pub signed_in: SignedIn,
    /// The name of the user.
    pub user: UserName,
}

/// From where somebody asks, as the audit log shall have it.
#[derive(Clone, Debug)]
pub struct Origin {
    pub address: IpAddr,
    pub request_id: String,
}

impl Control {
    /// Begins a session of a user whose password is right. Refuses as [`Control::authenticate`].
    pub async fn sign_in(
        &self,
        user: &str,
        password: Secret,
        origin: Origin,
        ttl: Duration,
        (now, at): (Timestamp, Instant),
    ) -> Result<Entry, Fault> {
        let authority = self.authenticate(user, password, origin.address, at).await?;
        let account = authority.account().cloned().ok_or(Fault::Unauthenticated)?;
        let authority = authority.within(origin.address.to_string(), origin.request_id);
        let id = draw::id_beside(account.principal.id())?;
        let (ticket, hash) = draw::ticket(TicketKind::Session, id)?;
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let expires_at = Timestamp::from_millis(now.millis().saturating_add(ttl));
        let user = account.principal.id();
        let session = Session { id, user, hash, created_at: now, expires_at };
        let signed_in = SignedIn { session: id, csrf: csrf(&ticket, id), expires_at };
        let written = self
            .write(&authority, now, move |store| {
                let user = store.find::<User>(&RecordId::User(user))?.ok_or(Fault::Unauthenticated)?;
                // What was found right may not be so any more.
                if user.value.disabled
                    || user.value.password_hash.as_deref() != account.password_hash.as_deref()
                {
                    return Err(Fault::Unauthenticated);
                }
                let mut others = of(store, user.value.id)?;
                others.sort_by_key(|other| other.value.created_at);
                let id = session.record_id();
                let mut plan = Plan {
                    expect: vec![
                        (user.value.record_id(), Expect::Version(user.version)),
                        (id, Expect::Absent),
                    ],
                    changes: vec![Change::Put(session.clone().into())],
                    value: user.value.name,
                };
                for other in others.iter().take((others.len() + 1).saturating_sub(MOST)) {
                    delete(other, &mut plan);
                }
                Ok(plan)
            })
            .await?;
        Ok(Entry { ticket, signed_in, user: written.value })
    }

    /// Recognises who shows a session's ticket. A session that is over is deleted.
    pub async fn resume(&self, ticket: Secret, now: Timestamp) -> Result<Authority, Fault> {
        let Some(id) = Ticket::parse(TicketKind::Session, ticket.reveal()).map(|ticket| ticket.id) else {
            return Err(Fault::Unauthenticated);
        };
        let found = self.read(move |store| Ok(store.find::<Session>(&RecordId::Session(id))?)).await?;
        let proven = |session: &Session| {
            Ticket::parse(TicketKind::Session, ticket.reveal()).is_some_and(|t| t.proves(&session.hash))
        };
        let Some(Stored { value: session, .. }) = found.filter(|found| proven(&found.value)) else {
            return Err(Fault::Unauthenticated);
        };
        if session.expires_at <= now {
            self.write(&Authority::system(), now, move |store| ended(store, id)).await?;
            return Err(Fault::Unauthenticated);
        }
        let account = self.published.load().accounts.get(&session.user).cloned();
        let account = account.filter(|account| !account.disabled).ok_or(Fault::Unauthenticated)?;
        let csrf = csrf(&ticket, id);
        Ok(Authority::signed_in(account, SignedIn { session: id, csrf, expires_at: session.expires_at }))
    }

    /// Ends the session by which the caller was recognised, if it was by one.
    pub async fn sign_out(&self, authority: &Authority, now: Timestamp) -> Result<(), Fault> {
        if let Some(session) = authority.session().map(|signed_in| signed_in.session) {
            self.write(authority, now, move |store| ended(store, session)).await?;
        }
        Ok(())
    }

    /// Ends all sessions of a user.
    pub async fn end_sessions(&self, authority: &Authority, user: Id, now: Timestamp) -> Result<(), Fault> {
        authority.require_super_admin()?;
        self.write(authority, now, move |store| {
            let user = find::<User>(store, &RecordId::User(user))?.value;
            let mut plan = Plan::new(());
            end_all(store, user.id, None, &mut plan)?;
            Ok(plan)
        })
        .await?;
        Ok(())
    }

    /// Deletes sessions that are over; says how many. For whoever keeps the house, now and then.
    pub async fn sweep_sessions(&self, now: Timestamp) -> Result<usize, Fault> {
        let over = move |session: &Session| session.expires_at <= now;
        let over: Vec<_> = {
            let found = self.read(move |store| Ok(store.first::<Session>(None, usize::MAX, over)?)).await?;
            found.iter().map(|session| session.value.record_id()).collect()
        };
        let mut swept = 0;
        for some in over.chunks(SWEPT_AT_ONCE).map(<[RecordId]>::to_vec) {
            let sweep = move |store: &Store| {
                let mut plan = Plan::new(0);
                for id in &some {
                    if let Some(session) = store.find::<Session>(id)? {
                        delete(&session, &mut plan);
                        plan.value += 1;
                    }
                }
                Ok(plan)
            };
            swept += self.write(&Authority::system(), now, sweep).await?.value;
        }
        Ok(swept)
    }
}

/// Whether `shown` is what this session's pages know.
pub fn knows_csrf(signed_in: &SignedIn, shown: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(signed_in.csrf.as_bytes(), shown.as_bytes()).is_ok()
}

/// Plans to end the sessions of a user, but for one.
pub(super) fn end_all<T>(store: &Store, user: Id, but: Option<Id>, plan: &mut Plan<T>) -> Result<(), Fault> {
    for session in of(store, user)?.iter().filter(|session| Some(session.value.id) != but) {
        delete(session, plan);
    }
    Ok(())
}

/// The sessions of a user, at the cost of those alone.
fn of(store: &Store, user: Id) -> Result<Vec<Stored<Session>>, Fault> {
    Ok(store.first(Some(&draw::beside(user)), usize::MAX, |session: &Session| session.user == user)?)
}

fn ended(store: &Store, session: Id) -> Result<Plan<()>, Fault> {
    let mut plan = Plan::new(());
    if let Some(session) = store.find::<Session>(&RecordId::Session(session))? {
        delete(&session, &mut plan);
    }
    Ok(plan)
}

/// The session's id under the ticket as the key: only who has the ticket can tell it, and it tells
/// nothing of the ticket.
fn csrf(ticket: &Secret, session: Id) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, ticket.reveal().as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, session.to_string().as_bytes()))
}
