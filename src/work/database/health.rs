//! Whether a database server answers: up until somebody has a reason to doubt it and a probe fails.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;

/// How long after a probe that fails the next one comes.
const PAUSE: Duration = Duration::from_millis(250);

/// What a worker knows of its database server.
#[derive(Debug, Default)]
pub struct Health {
    is_down: AtomicBool,
    suspicion: Notify,
}

impl Health {
    /// Whether the last probe found it answering. It is believed to, until the first one.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !self.is_down.load(Relaxed)
    }

    /// A query or a connection has failed: it is to be looked at.
    pub fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// Probes once, and then whenever there is a suspicion, again and again until the server answers. `changed` is told
    /// when it goes down, with the reason, and when it comes back. Never ends.
    pub async fn watch<F>(&self, probe: impl Fn() -> F, changed: impl Fn(Result<(), &str>))
    where
        F: Future<Output = Result<(), String>>,
    {
        loop {
            while let Err(reason) = probe().await {
                if !self.is_down.swap(true, Relaxed) {
                    changed(Err(&reason));
                }
                tokio::time::sleep(PAUSE).await;
            }
            if self.is_down.swap(false, Relaxed) {
                changed(Ok(()));
            }
            self.suspicion.notified().await;
        }
    }
}
