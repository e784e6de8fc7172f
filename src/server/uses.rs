//! The task that writes down when tokens were used: the last to stop, when nobody hands in any more.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::control::Control;
use crate::model::Timestamp;

/// The running task.
pub struct Uses {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Uses {
    pub fn keep(control: Arc<Control>) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let stop = async move {
                // An error means that the gateway is gone, which is a stop too.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            control.keep_uses(Timestamp::now, stop).await;
        });
        Uses { stop, task }
    }

    /// Returns when all that was handed in is written.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A panic there has said so already.
        let _ = self.task.await;
    }
}
