//! New passwords: judged by the policy, and hashed where that holds up nobody, a few at a time.

use super::{Control, Fault, blocking};
use crate::auth::password::{self, Policy};
use crate::model::Secret;

/// Passwords hashed at once: each takes a core and 19 MiB.
pub(super) const AT_ONCE: usize = 2;

impl Control {
    /// The hash of a new password of `user`, if there is one and it will do.
    pub(super) async fn hashed(&self, user: &str, password: Option<Secret>) -> Result<Option<String>, Fault> {
        let Some(password) = password else { return Ok(None) };
        let broken = broken_rules(user, &password);
        if !broken.is_empty() {
            return Err(Fault::invalid("password", broken.join("; ")));
        }
        let turn = self.hashing.clone().acquire_owned().await.map_err(|_| Fault::Broken)?;
        blocking(move || {
            let _turn = turn;
            Ok(Some(password::hash(&password)?))
        })
        .await
    }
}

/// The rules that a new password of `user` breaks, each as what it has to be; none when it will do.
pub fn broken_rules(user: &str, password: &Secret) -> Vec<String> {
    Policy::default().broken(user, password)
}
