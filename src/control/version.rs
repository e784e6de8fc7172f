//! The version of an account that is shown, and replaced, with where it belongs: another one whenever
//! the account changes, or any access of it comes, changes or goes. Never one that it had before.

use aws_lc_rs::digest;

use crate::model::Member;
use crate::store::{Revision, Stored};

/// The account's own version where it has no access to be shown with.
pub(super) fn with_access(account: Revision, access: &[Stored<Member>]) -> Revision {
    if access.is_empty() {
        return account;
    }
    let mut all = digest::Context::new(&digest::SHA256);
    all.update(&account.to_be_bytes());
    for member in access {
        all.update(member.value.tenant.as_str().as_bytes());
        all.update(&[0]);
        all.update(&member.version.to_be_bytes());
    }
    let digest = all.finish();
    Revision::from_be_bytes(*digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes"))
}
