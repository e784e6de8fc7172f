//! The version of an account that is shown, and replaced, with where it belongs: another one whenever
//! the account changes, or any access of it comes, changes or goes. Never one that it had before.

use aws_lc_rs::digest::SHA256;

use crate::model::Member;
use crate::store::{Revision, Stored};

/// The version of a record that is shown with something that lies elsewhere: whether it is marked so.
pub(super) fn marked(record: Revision, mark: bool) -> Revision {
    match mark {
        true => digest(&[&record.to_be_bytes()]),
        false => record,
    }
}

/// The account's own version where it has no access to be shown with.
pub(super) fn with_access(account: Revision, access: &[Stored<Member>]) -> Revision {
    if access.is_empty() {
        return account;
    }
    let mut parts = vec![account.to_be_bytes().to_vec()];
    for member in access {
        parts.push([member.value.tenant.as_str().as_bytes(), &[0], &member.version.to_be_bytes()].concat());
    }
    digest(&parts)
}

fn digest<P: AsRef<[u8]>>(parts: &[P]) -> Revision {
    let mut all = aws_lc_rs::digest::Context::new(&SHA256);
    for part in parts {
        all.update(part.as_ref());
    }
    Revision::from_be_bytes(*all.finish().as_ref().first_chunk().expect("SHA-256 has 32 bytes"))
}
