//! The connection that a worker's pipelined queries share: each is sent at once behind those before it, whose answers may
//! still be to come. The server answers in turn.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Client, Server};
use crate::sys::clock;
use crate::work::database::connections::Answer;
use crate::work::database::query::{Ask, Trouble};

/// What pipelined queries share.
#[derive(Default)]
pub struct Pipeline(Mutex<Shared>);

/// The connection, once there is one, and why there was none.
#[derive(Default)]
struct Shared {
    client: Option<Arc<Client>>,
    /// When the last opening failed (monotonic), and why.
    failed: Option<(u64, Trouble)>,
}

impl Server {
    /// The connection that pipelined queries share. The first to need it opens it, and the others wait for that. Where it fails,
    /// they fail with it: if each tried for itself, the last would wait for the time-outs of all.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn shared(&self) -> Result<Arc<Client>, Trouble> {
        let asked_ns = clock::monotonic_ns();
        let mut shared = self.pipeline.0.lock().await;
        let Shared { client, failed } = &mut *shared;
        if let Some(client) = client.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        if let Some((_, trouble)) = failed.as_ref().filter(|(failed_ns, _)| *failed_ns > asked_ns) {
            return Err(trouble.clone());
        }
        match self.client().await {
            Ok(opened) => Ok(Arc::clone(client.insert(Arc::new(opened)))),
            Err(trouble) => {
                *failed = Some((clock::monotonic_ns(), trouble.clone()));
                Err(trouble)
            }
        }
    }
}

impl Client {
    /// Answers a query among others. One that gets no answer in time takes the connection along, and with it those behind it:
    /// their answers would come after its own.
    pub async fn answer_among_others(&self, ask: &Ask) -> Answer {
        let answer = self.answer(ask).await;
        if matches!(answer.found, Err(Trouble::NoAnswer { .. })) {
            self.abandon();
        }
        answer
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Pipeline")
    }
}
