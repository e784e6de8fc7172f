//! Credentials that the gateway itself gives out: API tokens, sessions, invitations. One form for
//! all, `tnt_<id>_<secret>_<crc>`, so that secret scanners know one when they see it.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde::{Deserialize, Serialize};

use super::id::base62;
use super::{Id, Secret};

/// What a ticket is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKind {
    /// `tnt`: a token of a user or a service account.
    ApiToken,
    /// `tns`: somebody who has signed in.
    Session,
    /// `tni`: the one-time link of an invitation.
    Invitation,
}

impl TicketKind {
    const fn prefix(self) -> &'static str {
        match self {
            TicketKind::ApiToken => "tnt_",
            TicketKind::Session => "tns_",
            TicketKind::Invitation => "tni_",
        }
    }
}

/// Digits of the secret: 190 bits.
const SECRET: usize = 32;
/// Digits of the CRC-32 (ISO 3309) of all that stands before its underscore. It tells a slip of the
/// pen from a token without a look at any record; it protects nothing.
const CRC: usize = 6;

/// A ticket that is being read: whose, and the secret that shall prove it.
pub struct Ticket<'t> {
    pub id: Id,
    secret: &'t str,
}

/// SHA-256 of a ticket's secret: enough for a secret of 190 random bits, and fast. No `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash([u8; SHA256_OUTPUT_LEN]);

/// The cookies that carry the ticket of a session: without TLS, and with it.
pub const SESSION_COOKIES: [&str; 2] = ["tenantry", "__Host-tenantry"];

impl<'t> Ticket<'t> {
    /// With what every ticket of a kind begins.
    pub const fn prefix(kind: TicketKind) -> &'static str {
        kind.prefix()
    }

    /// Whether a text claims to be a ticket of this kind, however broken.
    pub fn claimed(kind: TicketKind, text: &str) -> bool {
        text.starts_with(kind.prefix())
    }

    /// Reads a ticket. None when it is of another kind, broken, or does not fit its check digits.
    pub fn parse(kind: TicketKind, text: &'t str) -> Option<Self> {
        let rest = text.strip_prefix(kind.prefix())?;
        let (id, rest) = rest.split_at_checked(Id::LEN)?;
        let (secret, crc) = rest.strip_prefix('_')?.split_at_checked(SECRET)?;
        let crc = crc.strip_prefix('_')?;
        let signed = &text[..text.len() - crc.len() - 1];
        let sound = secret.bytes().all(|b| b.is_ascii_alphanumeric()) && crc == check_digits(signed);
        Some(Ticket { id: id.parse().ok()?, secret }).filter(|_| sound)
    }

    /// Whether the secret is the one that was hashed; in constant time.
    pub fn proves(&self, hash: &SecretHash) -> bool {
        verify_slices_are_equal(&SecretHash::of(self.secret).0, &hash.0).is_ok()
    }
}

impl SecretHash {
    fn of(secret: &str) -> Self {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        SecretHash(hash)
    }
}

/// Makes the ticket of `id` from random bytes (64 are plenty). What is kept is the hash; the text
/// is shown once. None when the bytes were too few or too uneven.
pub fn issue(kind: TicketKind, id: Id, random: [u8; 64]) -> Option<(Secret, SecretHash)> {
    let secret = Secret::new(base62(random, SECRET)?);
    let signed = Secret::new(format!("{}{id}_{}", kind.prefix(), secret.reveal()));
    let text = format!("{}_{}", signed.reveal(), check_digits(signed.reveal()));
    Some((Secret::new(text), SecretHash::of(secret.reveal())))
}

fn check_digits(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = ['0'; CRC];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(super::id::DIGITS[(rest % 62) as usize]);
        rest /= 62;
    }
    digits.iter().collect()
}

/// Lower-case hex.
impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> String {
        hash.to_string()
    }
}

/// A text that is no SHA-256 in hex.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no SHA-256 in hex")]
pub struct SecretHashError;

impl TryFrom<String> for SecretHash {
    type Error = SecretHashError;

    fn try_from(text: String) -> Result<Self, SecretHashError> {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        if text.len() != 2 * hash.len() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(SecretHashError);
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| SecretHashError)?;
        }
        Ok(SecretHash(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A ticket that shows nothing.
    struct Drawn(Id, Secret, SecretHash);

    impl std::fmt::Debug for Drawn {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    fn drawn() -> impl Strategy<Value = Drawn> {
        (any::<[u8; 16]>(), any::<[u8; 32]>(), any::<[u8; 32]>()).prop_filter_map(
            "uneven",
            |(id, one, two)| {
                let mut random = [0; 64];
                random[..32].copy_from_slice(&one);
                random[32..].copy_from_slice(&two);
                let id = Id::from_random(id);
                issue(TicketKind::ApiToken, id, random).map(|(text, hash)| Drawn(id, text, hash))
            },
        )
    }

    proptest! {
        #[test]
        fn a_ticket_proves_itself_and_nothing_else(Drawn(id, text, hash) in drawn(), Drawn(_, _, other) in drawn()) {
            let read = Ticket::parse(TicketKind::ApiToken, text.reveal()).expect("its own form");
            prop_assert_eq!(read.id, id);
            prop_assert!(read.proves(&hash));
            prop_assert!(hash == other || !read.proves(&other));
            prop_assert!(Ticket::parse(TicketKind::Session, text.reveal()).is_none());
            prop_assert!(SecretHash::try_from(hash.to_string()).is_ok_and(|back| back == hash));
        }

        #[test]
        fn one_wrong_character_is_seen(
            Drawn(_, text, _) in drawn(), at in any::<prop::sample::Index>(), to in "[0-9A-Za-z_]",
        ) {
            let mut wrong = text.reveal().to_owned();
            let at = at.index(wrong.len());
            wrong.replace_range(at..=at, &to);
            let same = wrong == text.reveal();
            prop_assert_eq!(Ticket::parse(TicketKind::ApiToken, &wrong).is_some(), same);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(tnt_)?.{0,90}") {
            let _ = Ticket::parse(TicketKind::ApiToken, &text);
        }
    }
}
