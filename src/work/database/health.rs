//! Whether a database server answers: not before the first probe has found so, and then until one fails that somebody had a
//! reason for.

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
