//! Passwords: Argon2id hashes and their checking. Both block a thread for tens of milliseconds and
//! take 19 MiB: callers go through `spawn_blocking` behind a semaphore. Knows no user.

use argon2::Argon2;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};

use crate::model::Secret;

/// What nobody's password is checked against when there is no user of that name, so that asking
/// for an unknown user takes as long as for a known one. The hash of random bytes that were thrown
/// away, with the parameters that [`hash`] uses.
pub const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$x8RXs/ch/4wFmNWIXf8lsQ$DbUUeL9F5MaMaTlhT9JOVfupRWgqU7UMtEXnqGSUp6M";

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
    fn the_decoy_costs_what_a_hash_costs() {
        let parameters = |phc: &str| phc.rsplitn(3, '$').last().map(str::to_owned);
        let fresh = hash(&Secret::new("x".to_owned())).expect("randomness");
        assert_eq!(parameters(DECOY), parameters(&fresh));
        assert_eq!(DECOY.len(), fresh.len());
    }
}
