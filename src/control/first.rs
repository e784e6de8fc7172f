//! The first super admin of an empty store. There is no default credential: it is given, or drawn.

use super::{Control, Fault, blocking};
use crate::auth::password;
use crate::model::{Admin, Secret, Timestamp};
use crate::store::{Change, Cut, Expect, Kind, Order, Record, RecordId, Store};

/// Letters and digits that nobody takes for another: 32 of them, so each is worth 5 bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 130 bits.
const DRAWN: usize = 26;
const SHORTEST: usize = 8;

impl Control {
    /// Makes the first super admin when there is none at all: `user` (`admin` when none) with
    /// `password`, or with one that is drawn. A drawn one comes back, to be shown once; it is
    /// nowhere else.
    pub async fn first_admin(
        &self,
        user: Option<String>,
        password: Option<Secret>,
        now: Timestamp,
    ) -> Result<Option<(String, Secret)>, Fault> {
        let store = self.store.clone();
        blocking(move || first_admin(&store, user, password, now)).await
    }
}

fn first_admin(
    store: &Store,
    user: Option<String>,
    given: Option<Secret>,
    now: Timestamp,
) -> Result<Option<(String, Secret)>, Fault> {
    let anyone = Cut { kind: Kind::Admin, order: Order::Ascending, skip: 0, take: 1, wanted: None };
    if store.page(&anyone)?.total > 0 {
        return Ok(None);
    }
    let name = checked_name(user.unwrap_or_else(|| "admin".to_owned()))?;
    let secret = match &given {
        Some(secret) => checked_password(secret)?.clone(),
        None => draw()?,
    };
    let id = RecordId::Admin(name.clone());
    let admin = Admin { name: name.clone(), password_hash: password::hash(&secret)?, created_at: now };
    let revision = store.commit(&[(id.clone(), Expect::Absent)], vec![Change::Put(Record::Admin(admin))])?;
    tracing::info!(who = "tenantry", what = "first admin created", %id, revision, "written");
    Ok(given.is_none().then_some((name, secret)))
}

/// A name that can stand before the colon of RFC 7617 §2.
fn checked_name(name: String) -> Result<String, Fault> {
    let fits = (1..=255).contains(&name.len()) && !name.contains(|c: char| c == ':' || c.is_control());
    match fits {
        true => Ok(name),
        false => Err(Fault::invalid(
            "user",
            "a user name has 1 to 255 bytes, without colon and control characters",
        )),
    }
}

fn checked_password(password: &Secret) -> Result<&Secret, Fault> {
    match password.reveal().chars().count() {
        0..SHORTEST => {
            Err(Fault::invalid("password", format_args!("a password has at least {SHORTEST} characters")))
        }
        _ => Ok(password),
    }
}

fn draw() -> Result<Secret, Fault> {
    let mut random = [0; DRAWN];
    getrandom::fill(&mut random).map_err(|_| Fault::Broken)?;
    let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    Ok(Secret::new(letters.collect()))
}
