//! Tells the audit log of credentials that were refused. Nothing that was shown is told, and nobody
//! waits for the log.

use http::HeaderMap;

use super::exchange::Exchange;
use super::reasons;
use super::reject::Refusal;
use crate::auth::{self, Failure, LOCKED, RefusedSignIn, WRONG_PASSWORD};
use crate::snapshot::Current;

/// Tells of a refusal, if it is that of a credential. Of tenants it names only those there are.
pub fn tell(exchange: &Exchange, snapshot: &Current, headers: &HeaderMap, tenant: &str, refusal: &Refusal) {
    let Refusal::Unauthenticated(failure) = *refusal else { return };
    let reason = match failure {
        // No credential was shown, or nobody looked at it.
        Failure::Missing | Failure::Busy | Failure::Broken => return,
        Failure::Password => WRONG_PASSWORD,
        Failure::Locked { .. } => LOCKED,
        other => reasons::unknown(other),
    };
    let (user, via) = auth::claimed(headers);
    let refused = RefusedSignIn {
        user: &user,
        via,
        address: &exchange.call.peer.ip().to_string(),
        request_id: exchange.request_id.to_str().unwrap_or_default(),
        tenant: snapshot.tenants.get(tenant).map(|tenant| &tenant.id),
        reason,
    };
    exchange.worker.report(refused.incident(snapshot, exchange.now));
}
