//! What can go wrong with a use case, in words for whoever asked for it. Knows no status codes.

use std::fmt;
use std::time::Duration;

use crate::auth::password::HashError;
use crate::model::{Power, TenantId};
use crate::store::{RecordId, StoreError};

/// Why a use case was refused, or failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Something that was given breaks a rule.
    #[error("{0}")]
    Invalid(Flaws),
    #[error("{0} does not exist")]
    NotFound(RecordId),
    /// As [`Fault::NotFound`], of what is no record, or not known by a whole id.
    #[error("{0} does not exist")]
    Missing(String),
    /// It would contradict another record.
    #[error("{0}")]
    Conflict(String),
    /// The record is not at the version that the caller has seen.
    #[error("{0} has been changed since: read it again and repeat the change")]
    Precondition(RecordId),
    #[error("the user name or the password is wrong, or there is none")]
    Unauthenticated,
    /// Known, and not for this.
    #[error("{0}")]
    Forbidden(Lack),
    /// Too much is going on; the same may work in a second.
    #[error("too many requests at once: try again in a second")]
    Busy,
    /// Too many failures of this caller.
    #[error(
        "too many failed attempts from this address, or for this user: try again in {} s \
         (`tenantry users unlock` helps the user, not the address)",
        seconds(*retry_after)
    )]
    TooMany { retry_after: Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A thread of ours panicked; the panic's own message is in the log.
    #[error("the work was broken off")]
    Broken,
}

/// What somebody lacks who may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    #[error("only a super admin may do this")]
    SuperAdmin,
    #[error("this needs {0} in tenant \"{1}\"")]
    Power(Power, TenantId),
    /// The caller's token is narrower than its owner.
    #[error("this needs {0} among the scopes of your API token")]
    Scope(Power),
    /// Nobody gives away what they do not have.
    #[error("this would give rights that you do not have yourself")]
    Grant,
    /// As [`Lack::Grant`], by a token that has all of its owner's rights, whatever they come to be.
    #[error("this would give rights that you do not have yourself: give the token scopes that you have")]
    Scopes,
    #[error("this is for users and service accounts, not for whom a key vouches")]
    Account,
    /// Only the account itself, and not every one.
    #[error("this is only for a signed-in user's own account, unless it is restricted")]
    Own,
}

impl Fault {
    /// What they are told who have no access to a tenant, whether or not it exists.
    pub fn no_tenant(tenant: &TenantId) -> Self {
        Fault::NotFound(RecordId::Tenant(tenant.clone()))
    }

    pub fn invalid(field: impl Into<String>, message: impl fmt::Display) -> Self {
        let mut flaws = Flaws::default();
        flaws.add(&field.into(), message);
        Fault::Invalid(flaws)
    }
}

/// A duration in whole seconds, rounded up, so that it is not too early after them.
pub fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// One thing that is wrong: where, and which rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub field: String,
    pub message: String,
}

/// All that is wrong with what was given, up to [`Flaws::MOST`]: what is given can be long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaws(pub Vec<Flaw>);

impl Flaws {
    pub const MOST: usize = 100;
    /// Of a field's name, and of a message: both can quote what was given. In characters.
    const LONGEST: usize = 1000;
    /// So many are in a summary.
    const SUMMED_UP: usize = 10;

    pub fn add(&mut self, field: &str, message: impl fmt::Display) {
        if self.0.len() < Self::MOST {
            let cut = |text: &str| text.chars().take(Self::LONGEST).collect();
            self.0.push(Flaw { field: cut(field), message: cut(&message.to_string()) });
        }
    }

    /// Adds all that is wrong with a part; `at` is where that stands.
    pub fn add_all(&mut self, at: &str, theirs: Flaws) {
        theirs.0.into_iter().for_each(|flaw| self.add(&format!("{at}{}", flaw.field), flaw.message));
    }

    /// The value of a field, or a flaw and none.
    pub fn take<T, E: fmt::Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.add(field, error)).ok()
    }

    /// Nothing, when nothing is wrong.
    pub fn settle(self) -> Result<(), Fault> {
        self.yields(Some(()))
    }

    /// What was read, when nothing is wrong. None stands for what flaws have kept from being read.
    pub fn yields<T>(self, read: Option<T>) -> Result<T, Fault> {
        match read {
            Some(whole) if self.0.is_empty() => Ok(whole),
            _ => Err(Fault::Invalid(self)),
        }
    }
}

/// A summary: `name: must not be empty; leeway: …`
impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, flaw) in self.0.iter().take(Self::SUMMED_UP).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", flaw.field, flaw.message)?;
        }
        match self.0.len().saturating_sub(Self::SUMMED_UP) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_has_bounds() {
        let mut flaws = Flaws::default();
        for nth in 0..1_000 {
            flaws.add(&format!("a{nth}"), "ö".repeat(5_000));
        }
        assert_eq!((flaws.0.len(), flaws.0[0].message.chars().count()), (100, 1_000));
        assert!(flaws.to_string().ends_with("; and 90 more"));
        assert!(flaws.to_string().len() < 25_000);
    }
}
