//! Requests that come with a user's own password, as long as that has to be checked: rare, as the
//! verdict is kept.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::exchange::Exchange;
use super::reject::Refusal;
use crate::auth::{Failure, LOCKED, RefusedSignIn, Unchecked, WRONG_PASSWORD};
use crate::snapshot::{Account, Current};

/// Waits until a password is checked, and not beyond the request's own time.
pub async fn check(
    exchange: &Exchange,
    snapshot: &Current,
    unchecked: &Unchecked,
) -> Result<Arc<Account>, Refusal> {
    let worker = &exchange.worker;
    exchange.allow(Duration::MAX);
    let mut checking = pin!(worker.sign_in(snapshot, unchecked, exchange.began));
    let checked = poll_fn(|cx| match checking.as_mut().poll(cx) {
        Poll::Ready(checked) => Poll::Ready(checked.map_err(Failure::from)),
        Poll::Pending => exchange.poll_late(cx).map(|()| Err(Failure::Busy)),
    });
    checked.await.map_err(|failure| {
        tell(exchange, snapshot, unchecked, failure);
        worker.unknown(failure)
    })
}

/// Tells the audit log of a password that was not accepted. Of tenants it names only those there are.
fn tell(exchange: &Exchange, snapshot: &Current, unchecked: &Unchecked, failure: Failure) {
    let reason = match failure {
        Failure::Password => WRONG_PASSWORD,
        Failure::Locked { .. } => LOCKED,
        _ => return,
    };
    let refused = RefusedSignIn {
        user: &unchecked.user,
        via: "password",
        address: &unchecked.address.to_string(),
        request_id: exchange.request_id.to_str().unwrap_or_default(),
        tenant: snapshot.tenants.get(&*unchecked.tenant).map(|tenant| &tenant.id),
        reason,
    };
    exchange.worker.report(refused.incident(snapshot, exchange.now));
}
