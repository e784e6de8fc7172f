//! Passwords: what a new one has to be like, Argon2id hashes and their checking. Hashing and
//! checking block a thread for tens of milliseconds and take 19 MiB: nobody calls them on a thread
//! that serves requests, nor without a bound on how many do. Knows no user.

use argon2::Argon2;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};

use super::token::is_token;
use crate::model::Secret;

/// What nobody's password is checked against when there is no user of that name, so that asking
/// for an unknown user takes as long as for a known one. The hash of random bytes that were thrown
/// away, with the parameters that [`hash`] uses.
pub const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$x8RXs/ch/4wFmNWIXf8lsQ$DbUUeL9F5MaMaTlhT9JOVfupRWgqU7UMtEXnqGSUp6M";

/// What a new password has to be like. Passwords that were set before are not judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Characters (Unicode scalar values), at least.
    pub min_characters: usize,
    /// Bytes of UTF-8, at most.
    pub max_bytes: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { min_characters: 8, max_bytes: 1024 }
    }
}

impl Policy {
    /// The rules that a new password of `user` breaks, each as what it has to be; none when it will do.
    pub fn broken(&self, user: &str, password: &Secret) -> Vec<String> {
        let Policy { min_characters, max_bytes } = self;
        let text = password.reveal();
        let mut letters = text.chars();
        let first = letters.next();
        let mut broken = Vec::new();
        if text.chars().take(*min_characters).count() < *min_characters {
            broken.push(format!("a password has at least {min_characters} characters"));
        }
        if text.len() > *max_bytes {
            broken.push(format!("a password has at most {max_bytes} bytes"));
        }
        if is_token(text) {
            broken.push("a password does not look like a token: it would be taken for one".to_owned());
        }
        if text.to_lowercase() == user.to_lowercase() {
            broken.push("a password is not the user name".to_owned());
        }
        if first.is_some() && letters.clone().next().is_some() && letters.all(|letter| Some(letter) == first)
        {
            broken.push("a password is not one character over and over".to_owned());
        }
        broken
    }
}

/// The operating system gave no randomness for the salt, or the password is longer than 4 GiB.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashError(password_hash::Error);

/// Hashes a password under a fresh salt: a PHC string, Argon2id with m=19 MiB, t=2, p=1 (OWASP's
/// first choice for interactive logins).
pub fn hash(password: &Secret) -> Result<String, HashError> {
    let hash = Argon2::default().hash_password(password.reveal().as_bytes()).map_err(HashError)?;
    Ok(hash.to_string())
}

/// Whether the password is the one that was hashed, in constant time. A hash that cannot be read
/// fits no password.
pub fn verify(password: &Secret, phc: &str) -> bool {
    Argon2::default().verify_password(password.reveal().as_bytes(), phc).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_fits_its_hash() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let phc = hash(&secret("correct horse")).expect("randomness");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify(&secret("correct horse"), &phc));
        assert!(!verify(&secret("correct horsf"), &phc));
        assert!(!verify(&secret(""), &phc));
        assert!(!verify(&secret("correct horse"), "no hash"));
        assert_ne!(phc, hash(&secret("correct horse")).expect("randomness"), "salts differ");
    }

    #[test]
    fn every_rule_that_a_new_password_breaks_is_named() {
        let (policy, user) = (Policy::default(), "Ada@example.org");
        let broken = |text: &str| policy.broken(user, &Secret::new(text.to_owned())).join("; ");
        let short = "a password has at least 8 characters";
        let long = "a password has at most 1024 bytes";
        let name = "a password is not the user name";
        let same = "a password is not one character over and over";
        assert_eq!(broken(&"ab".repeat(512)), "");
        assert_eq!(broken(&"ab".repeat(513)), long);
        assert_eq!(broken(&"é".repeat(512)), same);
        assert_eq!(broken(&"é".repeat(513)), format!("{long}; {same}"));
        assert_eq!(broken("1234567"), short);
        assert_eq!(broken("12345678"), "");
        assert_eq!(broken("éééé123"), short, "characters, not bytes");
        assert_eq!(broken("éééé1234"), "");
        assert_eq!(broken("aDA@EXAMPLE.org"), name);
        assert_eq!(broken("aaaaaaaa"), same);
        assert_eq!(broken("aaa"), format!("{short}; {same}"));
        assert_eq!(broken("a"), short);
        assert_eq!(broken(""), short);
        let token = "a password does not look like a token: it would be taken for one";
        assert_eq!(broken("tnt_correct-horse"), token);
        assert_eq!(broken("eyJcorrect.horse.battery"), token);
        assert_eq!(broken("eyJcorrect.horse"), "");
    }

    #[test]
    fn the_decoy_costs_what_a_hash_costs() {
        let parameters = |phc: &str| phc.rsplitn(3, '$').last().map(str::to_owned);
        let fresh = hash(&Secret::new("x".to_owned())).expect("randomness");
        assert_eq!(parameters(DECOY), parameters(&fresh));
        assert_eq!(DECOY.len(), fresh.len());
    }
}
