//! Tokens as tenants have them.

use tenantry::cli::signer::{Claims, Signer};
use tenantry::model::{TenantClaim, Timestamp};

/// For tenant `t-<number>`, good for so many seconds from `now`.
pub fn token(signer: &Signer, number: usize, now: Timestamp, seconds: u64) -> String {
    let claims = Claims {
        issued: now,
        expires: Timestamp::from_seconds(now.seconds() + seconds),
        audience: None,
        issuer: "bench".to_owned(),
        claim: TenantClaim::default(),
        tenant: format!("t-{number}"),
    };
    signer.sign(&claims).expect("it signs")
}
