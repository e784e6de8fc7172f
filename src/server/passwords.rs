//! The one checker of passwords, as the settings have it: every port shares its count of failures.

use std::sync::Arc;

use crate::auth::lockout::Policy;
use crate::auth::{Capacity, Checker};
use crate::config::Login;
use crate::telemetry::Metrics;

pub fn checker(login: &Login, metrics: &Metrics) -> Arc<Checker> {
    let (policy, capacity) = parts(login);
    let checker = Checker::new(policy, capacity);
    metrics.watch_password_checks(checker.made());
    Arc::new(checker)
}

fn parts(login: &Login) -> (Policy, Capacity) {
    let Login { failures, window, lock, at_once, waiting } = *login;
    let at_once = at_once.unwrap_or(Capacity::default().at_once);
    (Policy { failures, window, lock }, Capacity { at_once, waiting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_checker_have_the_same_defaults() {
        assert_eq!(parts(&Login::default()), (Policy::default(), Capacity::default()));
        assert_eq!(parts(&Login { at_once: Some(7), ..Login::default() }).1.at_once, 7);
    }
}
