//! The way of what was refused to the audit log: a bounded queue that nobody who fills it waits for.
//! Knows not what becomes of it. No credential is in it, and no text that could be one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::model::{Actor, Deed, Incident, TenantId, Timestamp, UserName};
use crate::snapshot::Snapshot;

/// Why a sign-in was refused, in the words of the audit log.
pub const WRONG_PASSWORD: &str = "the user name or the password is wrong";
pub const LOCKED: &str = "too many failed attempts before";

/// A credential that was refused, as far as it may be told of.
#[derive(Clone, Copy, Debug)]
pub struct RefusedSignIn<'a> {
    /// The name that was given with it; empty when none was.
    pub user: &'a str,
    /// What kind of credential; as in [`Actor::via`].
    pub via: &'static str,
    pub address: &'a str,
    pub request_id: &'a str,
    /// The tenant that was to be entered; none at the admin port.
    pub tenant: Option<&'a TenantId>,
    pub reason: &'a str,
}

impl RefusedSignIn<'_> {
    /// What the audit log shall tell. The name is told if it is a user's, or looks like an address:
    /// people mistake fields, and then a name is a password.
    pub fn incident(&self, snapshot: &Snapshot, now: Timestamp) -> Incident {
        let name = UserName::parse(self.user).ok().map(String::from);
        let name = name.filter(|name| snapshot.users.get(name.as_str()).is_some() || is_address(name));
        let actor = Actor {
            kind: "unknown".to_owned(),
            id: String::new(),
            name: name.unwrap_or_default(),
            via: self.via.to_owned(),
            address: self.address.to_owned(),
        };
        Incident {
            at: now,
            actor,
            request_id: self.request_id.to_owned(),
            deed: Deed::SignIn,
            resource: "sessions".to_owned(),
            id: String::new(),
            tenant: self.tenant.cloned(),
            reason: self.reason.to_owned(),
        }
    }
}

/// `ann@example.com`: letters, digits and few signs, and a top-level domain of letters.
fn is_address(name: &str) -> bool {
    let Some((local, host)) = name.split_once('@') else { return false };
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let top = host.rsplit_once('.').map_or("", |(_, top)| top);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
    !local.is_empty()
        && local.bytes().all(plain)
        && host.split('.').all(label)
        && top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Hands in what was refused; for any number of threads.
#[derive(Clone)]
pub struct Reporter {
    sender: SyncSender<Incident>,
    lost: Arc<AtomicU64>,
}

/// Where it comes out.
pub struct Reports {
    receiver: Receiver<Incident>,
    lost: Arc<AtomicU64>,
    room: usize,
}

/// A queue with room for `room` incidents.
pub fn reports(room: usize) -> (Reporter, Reports) {
    let (sender, receiver) = sync_channel(room);
    let lost = Arc::new(AtomicU64::new(0));
    (Reporter { sender, lost: lost.clone() }, Reports { receiver, lost, room })
}

impl Reporter {
    /// Hands in an incident. When there is no room, it is only counted.
    pub fn report(&self, incident: Incident) {
        if self.sender.try_send(incident).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Reports {
    /// What was handed in since the last time, as much as there is room for, and how many there was
    /// no room for. Waits for nothing.
    pub fn take(&self) -> (Vec<Incident>, u64) {
        (self.receiver.try_iter().take(self.room).collect(), self.lost.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Id, User};
    use crate::snapshot::Routes;

    fn told(user: &str) -> String {
        let mut snapshot = Snapshot::empty(Routes::new(&[]).into());
        let root = User {
            id: Id::from_random([1; 16]),
            name: UserName::parse("root").expect("a name"),
            first_name: String::new(),
            last_name: String::new(),
            password_hash: None,
            super_admin: true,
            disabled: false,
            restricted: false,
            created_at: Timestamp::from_seconds(1),
            updated_at: Timestamp::from_seconds(1),
        };
        snapshot.put(root.into(), 1);
        let sign_in = RefusedSignIn {
            user,
            via: "password",
            address: "192.0.2.1",
            request_id: "r",
            tenant: None,
            reason: "wrong",
        };
        sign_in.incident(&snapshot, Timestamp::from_seconds(2)).actor.name
    }

    #[test]
    fn a_name_is_told_only_if_it_can_hardly_be_a_password() {
        for name in ["root", "ROOT", "ann@example.com", "a.b+c@x.example.org"] {
            assert_eq!(told(name), name.to_lowercase());
        }
        for other in
            ["hunter2", "p@ssw0rd", "p@ssw0rd.1!", "P@ss.w0rd", "a b@example.com", "@x.de", "a@b@c.de", ""]
        {
            assert_eq!(told(other), "", "{other:?}");
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let (reporter, reports) = reports(2);
        let incident =
            RefusedSignIn { user: "", via: "none", address: "", request_id: "", tenant: None, reason: "" }
                .incident(&Snapshot::empty(Routes::new(&[]).into()), Timestamp::from_seconds(1));
        (0..5).for_each(|_| reporter.report(incident.clone()));
        let (taken, lost) = reports.take();
        assert_eq!((taken.len(), lost), (2, 3));
        reporter.report(incident);
        let (taken, lost) = reports.take();
        assert_eq!((taken.len(), lost), (1, 0));
    }
}
