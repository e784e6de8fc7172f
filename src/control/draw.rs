//! Random things: ids, passwords, tickets. The one place where the control plane asks for randomness.

use super::Fault;
use crate::model::{self, Id, Secret, SecretHash, TicketKind};

/// Letters and digits that nobody takes for another: 32 of them, so each is worth 5 bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 130 bits.
const PASSWORD: usize = 26;

pub(super) fn id() -> Result<Id, Fault> {
    random().map(Id::from_random)
}

/// An id whose text begins as the owner's does, so that the store has an owner's side by side (see
/// [`beside`]). Nobody but chance decides on the other 65 bits.
pub(super) fn id_beside(owner: Id) -> Result<Id, Fault> {
    let drawn = id()?.to_string();
    format!("{}{}", beside(owner), &drawn[Id::LEN / 2..]).parse().map_err(|_| Fault::Broken)
}

/// What the texts of all ids begin with that were drawn by [`id_beside`] for an owner.
pub(super) fn beside(owner: Id) -> String {
    owner.to_string()[..Id::LEN / 2].to_owned()
}

pub(super) fn password() -> Result<Secret, Fault> {
    let random: [u8; PASSWORD] = random()?;
    let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    Ok(Secret::new(letters.collect()))
}

/// A ticket for `id`: its text, to be shown once, and the hash that is kept.
pub(super) fn ticket(kind: TicketKind, id: Id) -> Result<(Secret, SecretHash), Fault> {
    // One draw in about 10^30 is too uneven; the next will do.
    for _ in 0..4 {
        if let Some(ticket) = model::issue(kind, id, random()?) {
            return Ok(ticket);
        }
    }
    Err(Fault::Broken)
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Broken)?;
    Ok(bytes)
}
