//! Follows the store: each commit is compiled and published, in order.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::Published;
use crate::store::Committed;

/// Publishes commits until the store closes. Runs on the control runtime; compiling a commit takes
/// microseconds, whatever the number of tenants.
pub async fn follow(mut commits: UnboundedReceiver<Committed>, published: Arc<Published>) {
    while let Some(committed) = commits.recv().await {
        published.update(|snapshot| snapshot.after(committed.revision, &committed.changes));
    }
}
