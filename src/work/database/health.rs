//! Whether a database server answers. It counts as down until the first probe has an answer. After that it counts as up
//! until a probe fails; probes are sent when a query or a connection has failed.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;

/// How long after a probe that fails the next one comes.
const PAUSE: Duration = Duration::from_millis(250);

/// What a worker knows of its database server.
#[derive(Debug, Default)]
pub struct Health {
    is_up: AtomicBool,
    suspicion: Notify,
}

impl Health {
    /// Whether the last probe found it answering; false before the first one's answer.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.is_up.load(Relaxed)
    }

    /// Asks for a probe, because a query or a connection has failed.
    pub fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// Probes once, and then whenever there is a suspicion, each time until the server answers. `changed` is called when
    /// the server goes down, with the reason, and when it comes back. Never ends.
    pub async fn watch<F>(&self, probe: impl Fn() -> F, changed: impl Fn(Result<(), &str>))
    where
        F: Future<Output = Result<(), String>>,
    {
        let mut is_told_down = false;
        loop {
            while let Err(reason) = probe().await {
                self.is_up.store(false, Relaxed);
                if !is_told_down {
                    changed(Err(&reason));
                    is_told_down = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
            self.is_up.store(true, Relaxed);
            if is_told_down {
                changed(Ok(()));
                is_told_down = false;
            }
            self.suspicion.notified().await;
        }
    }
}
