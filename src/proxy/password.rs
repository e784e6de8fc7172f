//! Requests that come with a user's own password, as long as that has to be checked: rare, as the
//! verdict is kept.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::exchange::Exchange;
use super::reject::Refusal;
use crate::auth::{Failure, Unchecked};
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
    checked.await.map_err(|failure| worker.unknown(failure))
}
