//! The tasks that keep records in order while others work, and that end last of all: when nobody is
//! left to ask for anything.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::AuditSettings;
use crate::control::Control;
use crate::model::Timestamp;

use super::vital::{Vitals, vital};

/// The running tasks.
pub struct Keepers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Keepers {
    pub fn start(control: &Arc<Control>, audit: &AuditSettings, vitals: &Vitals) -> Self {
        let (stop, stopped) = watch::channel(false);
        let end = || {
            let mut stopped = stopped.clone();
            async move {
                // An error means that the gateway is gone, which is a stop too.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
        };
        let (uses, end_of_uses) = (control.clone(), end());
        let (incidents, end_of_incidents) = (control.clone(), end());
        let (sessions, end_of_sessions) = (control.clone(), end());
        let mut tasks = vec![
            vital(vitals.part("the task that writes down uses of tokens"), async move {
                uses.keep_uses(Timestamp::now, end_of_uses).await;
            }),
            vital(vitals.part("the task that writes refusals to the audit log"), async move {
                incidents.keep_incidents(Timestamp::now, end_of_incidents).await;
            }),
            vital(
                vitals.part("the task that deletes old sessions"),
                sweep_sessions(sessions, end_of_sessions),
            ),
        ];
        if let Some(retention) = audit.retention {
            let (old, end) = (control.clone(), end());
            tasks.push(vital(vitals.part("the task that cuts off the audit log"), async move {
                old.keep_retention(retention, Timestamp::now, end).await;
            }));
        }
        Keepers { stop, tasks }
    }

    /// Lets them write what they still have.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            // One that panicked has said so already.
            let _ = task.await;
        }
    }
}

/// How often sessions that are over are deleted. Nobody is let in by one in between.
const SWEEP: Duration = Duration::from_secs(10 * 60);

async fn sweep_sessions(control: Arc<Control>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    while timeout(SWEEP, &mut stop).await.is_err() {
        if let Err(error) = control.sweep_sessions(Timestamp::now()).await {
            tracing::warn!(%error, "sessions that are over could not be deleted");
        }
    }
}
