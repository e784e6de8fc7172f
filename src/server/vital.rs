//! Parts without which a gateway must not go on: when one ends, however it ends, it is told.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// Held by a part for as long as it works; tells when it is dropped, by a panic too.
pub struct Vital {
    name: String,
    lost: UnboundedSender<String>,
}

/// Makes [`Vital`]s.
#[derive(Clone)]
pub struct Vitals(UnboundedSender<String>);

/// Where the names of lost parts come out.
pub type Lost = UnboundedReceiver<String>;

impl Vitals {
    pub fn new() -> (Vitals, Lost) {
        let (sender, lost) = unbounded_channel();
        (Vitals(sender), lost)
    }

    pub fn part(&self, name: impl Into<String>) -> Vital {
        Vital { name: name.into(), lost: self.0.clone() }
    }
}

/// Runs a task without which the gateway must not go on.
pub fn vital(part: Vital, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        work.await;
        drop(part);
    })
}

impl Drop for Vital {
    fn drop(&mut self) {
        // Nobody listens any more when the gateway stops in order.
        let _ = self.lost.send(std::mem::take(&mut self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_told() {
        let (vitals, mut lost) = Vitals::new();
        let task = vital(vitals.part("a task"), async { panic!("as it is meant to") });
        assert_eq!(lost.recv().await.as_deref(), Some("a task"));
        assert!(task.await.is_err());
    }

    #[tokio::test]
    async fn a_panic_is_told() {
        let (vitals, mut lost) = Vitals::new();
        let part = vitals.part("a thread");
        let thread = std::thread::spawn(move || {
            let _part = part;
            panic!("as it is meant to");
        });
        assert_eq!(lost.recv().await.as_deref(), Some("a thread"));
        assert!(thread.join().is_err());
    }
}
